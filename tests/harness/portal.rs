//! A visitor of the portal: what a browser without JavaScript does, header for header.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Certificate, Client, Method, redirect};

use crate::html::{self, Form};

/// One browser with its cookies.
#[derive(Debug)]
pub struct Visitor {
    http: Client,
    origin: String,
    cookies: BTreeMap<String, String>,
}

/// A page as it was shown in the end.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Browsers follow twenty; more than three here is a loop.
const REDIRECTS_MAX: usize = 3;

/// How a browser came to ask (Fetch Metadata).
#[derive(Copy, Clone, Debug)]
struct Cause {
    site: &'static str,
    destination: &'static str,
}

/// From a link in a mail, or typed.
const TYPED: Cause = Cause { site: "none", destination: "document" };
/// From a page of the portal.
const OWN: Cause = Cause { site: "same-origin", destination: "document" };
/// A frame in a page of the portal.
const FRAME: Cause = Cause { site: "same-origin", destination: "iframe" };
/// A form on someone else's page.
const FOREIGN: Cause = Cause { site: "cross-site", destination: "document" };

impl Visitor {
    /// A visitor whose browser trusts one certificate authority.
    pub fn new(origin: &str, root: &Path) -> Self {
        let pem = std::fs::read(root).expect("read the root certificate");
        let http = Client::builder()
            .tls_certs_only([Certificate::from_pem(&pem).expect("a root certificate")])
            .redirect(redirect::Policy::none())
            .user_agent("Mozilla/5.0 (zegel-tests)")
            .build()
            .expect("build an HTTP client");
        Self { http, origin: origin.to_owned(), cookies: BTreeMap::new() }
    }

    /// Opens an address as it stands in a mail.
    pub async fn open(&mut self, url: &str) -> Page {
        self.go(Method::GET, url, None, TYPED).await
    }

    /// Asks for the headers alone, as link scanners do.
    pub async fn head(&mut self, url: &str) -> Page {
        self.go(Method::HEAD, url, None, TYPED).await
    }

    /// Follows a link on a page of the portal.
    pub async fn follow(&mut self, href: &str) -> Page {
        let url = self.absolute(href);
        self.go(Method::GET, &url, None, OWN).await
    }

    /// Sends a form of the portal.
    pub async fn press(&mut self, form: &Form) -> Page {
        let url = self.absolute(&form.action);
        self.go(Method::POST, &url, Some(&form.fields), OWN).await
    }

    /// Sends a form of the portal from somebody else's page.
    pub async fn press_from_elsewhere(&mut self, form: &Form) -> Page {
        let url = self.absolute(&form.action);
        self.go(Method::POST, &url, Some(&form.fields), FOREIGN).await
    }

    /// From the link in a notification to the page that asks for the code: one click, and a code is on its way.
    pub async fn ask_for_code(&mut self, link: &str) -> Page {
        let start = self.open(link).await;
        assert_eq!(start.status, 200, "the start page: {}", start.text());
        let page = self.press(&start.start_form()).await;
        assert_eq!(page.status, 200, "the code page: {}", page.text());
        page
    }

    /// Types a code.
    pub async fn enter(&mut self, page: &Page, code: &str) -> Page {
        self.press(&page.code_form(code)).await
    }

    /// Everything that a conversation's page shows, frames included.
    pub async fn read(&mut self, page: &Page) -> String {
        let mut shown = page.text();
        for source in html::values(&page.html(), "iframe", "src") {
            shown.push_str(&self.frame(&source).await.text());
        }
        shown
    }

    /// Loads a frame of one of the portal's pages.
    pub async fn frame(&mut self, source: &str) -> Page {
        let url = self.absolute(source);
        self.go(Method::GET, &url, None, FRAME).await
    }

    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    async fn go(
        &mut self,
        method: Method,
        url: &str,
        form: Option<&[(String, String)]>,
        cause: Cause,
    ) -> Page {
        let mut page = self.once(method.clone(), url, form, cause).await;
        for _ in 0..REDIRECTS_MAX {
            let Some(next) = page.headers.get(LOCATION).and_then(|value| value.to_str().ok())
            else {
                return page;
            };
            assert_eq!(page.status, 303, "a redirect that a browser might repeat the form to");
            let next = self.absolute(next);
            page = self.once(Method::GET, &next, None, cause).await;
        }
        assert!(
            !page.headers.contains_key(LOCATION),
            "{method} {url} is redirected without an end"
        );
        page
    }

    async fn once(
        &mut self,
        method: Method,
        url: &str,
        form: Option<&[(String, String)]>,
        cause: Cause,
    ) -> Page {
        assert!(url.starts_with(&self.origin), "the portal sends its visitor away, to {url}");
        let mut request = self
            .http
            .request(method, url)
            .header("Sec-Fetch-Site", cause.site)
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", cause.destination)
            .header("Accept-Language", "nl");
        if !self.cookies.is_empty() {
            let cookies: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("Cookie", cookies.join("; "));
        }
        if let Some(form) = form {
            let origin =
                if cause.site == "cross-site" { "https://evil.test" } else { &self.origin };
            request = request.header("Origin", origin).form(form);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .for_each(|set| self.set_cookie(set));
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{url}: {error}")).to_vec();
        Page { status, url: url.to_owned(), headers, body }
    }

    /// Keeps a cookie, if a browser would (RFC 6265bis, the `__Host-` prefix).
    fn set_cookie(&mut self, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let (name, value) =
            parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie has a name");
        let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        let has = |attribute: &str| attributes.iter().any(|found| found == attribute);
        if name.starts_with("__Host-") {
            let domain = attributes.iter().any(|attribute| attribute.starts_with("domain"));
            assert!(
                has("secure") && has("path=/") && !domain,
                "a browser refuses this cookie: {name} {attributes:?}"
            );
        }
        if has("max-age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    fn absolute(&self, href: &str) -> String {
        if href.starts_with('/') { format!("{}{href}", self.origin) } else { href.to_owned() }
    }
}

impl Page {
    pub fn html(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What a reader sees of it.
    pub fn text(&self) -> String {
        html::text(&self.html())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The form whose button has a code sent.
    #[track_caller]
    pub fn start_form(&self) -> Form {
        self.form("a button that has a code sent", |form| form.action.ends_with("/start"))
    }

    /// The form whose button has the sender asked.
    #[track_caller]
    pub fn ask_form(&self) -> Form {
        self.form("a button that has the sender asked", |form| form.action.ends_with("/ask"))
    }

    /// The form that is sent to an address with this end.
    #[track_caller]
    pub fn form_to(&self, end: &str) -> Form {
        self.form(&format!("form to {end}"), |form| form.action.ends_with(end))
    }

    /// The form that a code is typed into, filled in.
    #[track_caller]
    pub fn code_form(&self, code: &str) -> Form {
        let form = self.form("a field for the code", |form| form.code_field.is_some());
        let field = form.code_field.clone().unwrap_or_default();
        form.fill(&field, code)
    }

    /// The addresses of links that contain this.
    pub fn links(&self, part: &str) -> Vec<String> {
        html::values(&self.html(), "a", "href")
            .into_iter()
            .filter(|href| href.contains(part))
            .collect()
    }

    #[track_caller]
    fn form(&self, what: &str, accept: impl Fn(&Form) -> bool) -> Form {
        let found = html::forms(&self.html()).into_iter().find(|form| form.post && accept(form));
        found.unwrap_or_else(|| {
            panic!("no {what} on {} ({}):\n{}", self.url, self.status, self.html())
        })
    }
}
