//! Our cookies. All are `__Host-` ones: only this host can set them, only over TLS, for all paths.

use axum::http::{HeaderMap, HeaderValue, header};

#[derive(Debug)]
pub(super) struct Cookie {
    name: &'static str,
    same_site: &'static str,
    /// Seconds; `None` lasts until the browser is closed.
    max_age: Option<u32>,
}

/// The session. `Lax`, so that who follows the link in the mail again is still logged in.
pub(super) const SESSION: Cookie = Cookie { name: "__Host-sid", same_site: "Lax", max_age: None };
/// The session of a message's sender, on the page that they answer on.
pub(super) const SENDER: Cookie = Cookie { name: "__Host-sender", same_site: "Lax", max_age: None };
/// The browser that asked for a code; a code works in no other.
pub(super) const BROWSER: Cookie =
    Cookie { name: "__Host-pv", same_site: "Strict", max_age: Some(VERIFYING) };
/// Which message was looked for on the front page, sealed.
pub(super) const CLAIM: Cookie =
    Cookie { name: "__Host-find", same_site: "Strict", max_age: Some(VERIFYING) };
pub(super) const LANGUAGE: Cookie =
    Cookie { name: "__Host-lang", same_site: "Lax", max_age: Some(365 * 24 * 3600) };

/// A code's ten minutes, and five to find it.
const VERIFYING: u32 = 15 * 60;

impl Cookie {
    pub(super) fn read<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .find_map(|pair| pair.trim_start().strip_prefix(self.name)?.strip_prefix('='))
    }

    /// A `Set-Cookie` value. Our cookie values are base64url or language codes.
    pub(super) fn set(&self, value: &str) -> HeaderValue {
        self.header(value, self.max_age)
    }

    pub(super) fn clear(&self) -> HeaderValue {
        self.header("", Some(0))
    }

    fn header(&self, value: &str, max_age: Option<u32>) -> HeaderValue {
        let Self { name, same_site, .. } = self;
        let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{age}");
        // Base64url and language codes are always header text; an empty header would only lose the cookie.
        let mut header =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}
