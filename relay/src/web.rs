//! How other parties' web servers are asked: over TLS, with no proxy and no redirection.

use std::path::Path;

use reqwest::{Certificate, ClientBuilder, redirect};

/// What is fetched is where its address says: a redirection could lead out of TLS, and what the environment calls a proxy has
/// no part in where mail goes.
pub(crate) fn client(roots: Option<&Path>) -> Result<ClientBuilder, String> {
    let client = reqwest::Client::builder()
        .https_only(true)
        .redirect(redirect::Policy::none())
        .user_agent("zegel-relay")
        .no_proxy();
    Ok(match roots {
        Some(file) => {
            let pem =
                std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let roots = Certificate::from_pem_bundle(&pem).map_err(|error| cause(&error))?;
            client.tls_certs_only(roots)
        }
        None => client,
    })
}

/// The last cause: that the name cannot be found, the certificate is not trusted, nobody listens.
pub(crate) fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
