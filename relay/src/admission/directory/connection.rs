//! Asking an LDAP server (RFC 4511). One connection serves all questions; a broken one is made anew at the next question.

use std::path::Path;
use std::sync::Arc;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchOptions, SearchResult};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::debug;
use zegel_core::secret::Secret;

use crate::config;
use crate::store::Standing;

/// Result codes (RFC 4511, appendix A.2).
const SUCCESS: u32 = 0;
const SIZE_LIMIT_EXCEEDED: u32 = 4;

/// No attributes: that there is an entry is all that is asked (RFC 4511, section 4.5.1.8).
const NO_ATTRIBUTES: [&str; 1] = ["1.1"];

pub(super) struct Connection {
    ldap: config::Ldap,
    password: Option<Secret>,
    tls: Arc<ClientConfig>,
    /// Held while a connection is made, so that only one is.
    open: Mutex<Option<Ldap>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("url", &self.ldap.url).finish_non_exhaustive()
    }
}

/// Why there is no answer.
enum Failed {
    /// The connection broke; a new one may do.
    Broken(String),
    /// The server said so, or nothing in time.
    Answerless(String),
}

impl Connection {
    pub(super) fn new(ldap: &config::Ldap) -> Result<Self, String> {
        let file = ldap.password_file.as_deref();
        let password = file.map(read_password).transpose()?;
        let tls = ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(ldap)?)
        .with_no_client_auth();
        Ok(Self { ldap: ldap.clone(), password, tls: Arc::new(tls), open: Mutex::default() })
    }

    /// What is known of this address.
    pub(super) async fn standing(&self, address: &str) -> Result<Standing, String> {
        // A connection that stood idle may have been closed by the server just now; a new one was not.
        let first = self.try_once(address).await;
        let last = if let Err(Failed::Broken(why)) = &first {
            debug!("asking the directory again: {why}");
            self.try_once(address).await
        } else {
            first
        };
        last.map_err(|(Failed::Broken(why) | Failed::Answerless(why))| why)
    }

    async fn try_once(&self, address: &str) -> Result<Standing, Failed> {
        let patience = self.ldap.timeout.0;
        let asked = timeout(patience, async {
            let ldap = self.connected().await.map_err(Failed::Answerless)?;
            self.ask(ldap, address).await
        });
        let answer = asked.await.unwrap_or_else(|_| {
            let seconds = patience.as_secs();
            Err(Failed::Answerless(format!("no answer within {seconds} s")))
        });
        // Whatever is under way on it ends; nothing more begins. Where it is held, somebody makes a new one.
        if answer.is_err()
            && let Ok(mut open) = self.open.try_lock()
        {
            *open = None;
        }
        answer
    }

    async fn ask(&self, mut ldap: Ldap, address: &str) -> Result<Standing, Failed> {
        let anyone = self.ldap.filter.of(address);
        let Some(active) = &self.ldap.active_filter else {
            let found = self.exists(&mut ldap, &anyone).await?;
            return Ok(if found { Standing::Active } else { Standing::Unknown });
        };
        let active = format!("(&{anyone}{})", active.as_str());
        if self.exists(&mut ldap, &active).await? {
            Ok(Standing::Active)
        } else if self.exists(&mut ldap, &anyone).await? {
            Ok(Standing::Suspended)
        } else {
            Ok(Standing::Unknown)
        }
    }

    async fn exists(&self, ldap: &mut Ldap, filter: &str) -> Result<bool, Failed> {
        ldap.with_search_options(SearchOptions::new().sizelimit(1));
        let asked = ldap.search(&self.ldap.base, Scope::Subtree, filter, NO_ATTRIBUTES).await;
        let SearchResult(entries, result) = asked.map_err(|error| Failed::from(&error))?;
        match result.rc {
            // One entry is enough to know, and the limit is ours.
            SUCCESS | SIZE_LIMIT_EXCEEDED if !entries.is_empty() => Ok(true),
            SUCCESS if result.refs.is_empty() => Ok(false),
            // RFC 4511, section 4.5.3: the search is not over until they have been followed.
            SUCCESS => Err(Failed::Answerless("it refers to another server".to_owned())),
            _ => Err(Failed::Answerless(result.to_string())),
        }
    }

    /// The connection, made if there is none.
    async fn connected(&self) -> Result<Ldap, String> {
        let mut open = self.open.lock().await;
        if let Some(ldap) = open.as_mut()
            && !ldap.is_closed()
        {
            return Ok(ldap.clone());
        }
        let ldap = self.connect().await?;
        *open = Some(ldap.clone());
        Ok(ldap)
    }

    async fn connect(&self) -> Result<Ldap, String> {
        let settings = LdapConnSettings::new()
            .set_config(Arc::clone(&self.tls))
            .set_starttls(self.ldap.starttls);
        let url = self.ldap.url.as_str();
        let cannot = |error: LdapError| format!("cannot connect to {url}: {error}");
        let (connection, mut ldap) =
            LdapConnAsync::with_settings(settings, url).await.map_err(cannot)?;
        // It ends when nobody holds the connection any more, or the server closes it.
        tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                debug!("the connection to the directory broke: {error}");
            }
        });
        if let (Some(name), Some(password)) = (&self.ldap.bind_dn, &self.password) {
            let bound = ldap.simple_bind(name, password.reveal()).await;
            bound.and_then(ldap3::LdapResult::success).map_err(|error| {
                format!("{url} does not take bind-dn and its password: {error}")
            })?;
        }
        Ok(ldap)
    }
}

impl From<&LdapError> for Failed {
    fn from(error: &LdapError) -> Self {
        match error {
            LdapError::Io { .. }
            | LdapError::OpSend { .. }
            | LdapError::ResultRecv { .. }
            | LdapError::EndOfStream => Self::Broken(error.to_string()),
            _ => Self::Answerless(error.to_string()),
        }
    }
}

/// Without its line end. An empty one would make the server take us for nobody in particular (RFC 4513, section 5.1.2).
fn read_password(file: &Path) -> Result<Secret, String> {
    let wrong = |why: String| format!("password-file: {}: {why}", file.display());
    config::refuse_open_to_others(file).map_err(wrong)?;
    let mut text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        return Err(wrong("there is no password in it".to_owned()));
    }
    Ok(Secret::new(text))
}

/// None where nothing is to be proved.
fn roots(ldap: &config::Ldap) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    if !ldap.url.is_implicit_tls() && !ldap.starttls {
        return Ok(store);
    }
    let (place, certificates) = match &ldap.roots {
        Some(file) => {
            let wrong = |error| format!("roots: cannot read {}: {error}", file.display());
            let certificates = CertificateDer::pem_file_iter(file).map_err(wrong)?;
            let certificates: Result<Vec<_>, _> = certificates.collect();
            (file.display().to_string(), certificates.map_err(wrong)?)
        }
        None => ("the system".to_owned(), rustls_native_certs::load_native_certs().certs),
    };
    match store.add_parsable_certificates(certificates) {
        (0, _) => Err(format!("roots: no root certificate in {place}")),
        _ => Ok(store),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_read_from_a_file_that_others_cannot_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        for (text, mode, expected) in [
            ("secret \n", 0o640, Ok("secret ")),
            ("secret", 0o600, Ok("secret")),
            ("secret\n", 0o644, Err("chmod o=")),
            ("\n", 0o600, Err("no password")),
        ] {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            match (read_password(&file), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.reveal(), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{text:?} {mode:o}: {found:?}"),
            }
        }
        let missing = read_password(&directory.path().join("none")).unwrap_err();
        assert!(missing.starts_with("password-file: "), "{missing}");
    }
}
