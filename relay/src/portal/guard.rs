//! What stands around every page: who may ask, the headers that go with each answer, and one line in the log.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{body::Body, extract::MatchedPath};
use tracing::info;

use super::refusal::Refusal;
use super::view::Page;
use super::visit::{self, Visit};
use super::{Portal, Site, cookie, language, link};
use crate::lifecycle;

/// Octets of a form: a message code and an address of the longest kind, with room.
pub(super) const FORM_MAX: usize = 4096;

pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(super) const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// No script at all, nothing from elsewhere, nobody may frame it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'; upgrade-insecure-requests";

/// On every answer, unless its handler has set its own.
const HEADERS: [(HeaderName, &str); 12] = [
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // `no-referrer` would make browsers send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), \
         usb=(), interest-cohort=(), otp-credentials=(self), publickey-credentials-get=(self), \
         publickey-credentials-create=(self)",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not by robots.txt: a search engine that may not look would not see this, and list a leaked address.
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive, nosnippet"),
    (header::X_DNS_PREFETCH_CONTROL, "off"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
];

/// The one layer around all routes.
pub(super) async fn guard(
    State(portal): State<Portal>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let visit = Visit::read(&portal.site, &request, lifecycle::now());
    let trace = Trace::read(&request);
    let asked = language::asked(request.uri().query());
    request.extensions_mut().insert(visit);

    let mut response = match admit(&portal.site, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        let page = Page { words: visit.words, site: &portal.site, switch: is_reading(&method) };
        response = keep_allow(refusal.page(page), &response);
    }
    if let Some(language) = asked {
        let cookie = cookie::LANGUAGE.set(language::Words(language).code());
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    arm(response.headers_mut());
    if method == Method::HEAD {
        response = without_body(response);
    }
    trace.log(&method, response.status());
    response
}

/// Whether a request may reach its handler (portal.md, section 7.2).
fn admit(site: &Site, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let came_by_proxy =
        headers.contains_key(visit::FORWARDED_FOR) && site.trusts(visit::peer(request));
    if came_by_proxy && text(headers, &visit::FORWARDED_PROTO) != Some("https") {
        return Err(Refusal::Insecure);
    }
    if is_reading(request.method()) {
        return Ok(());
    }
    if headers.contains_key(SEC_PURPOSE) || !is_own(headers, site) {
        return Err(Refusal::CrossSite);
    }
    let length =
        text(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > FORM_MAX) {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

/// Whether one of our own pages makes this request. Browsers that say where it comes from are believed; of others the
/// origin must be ours, as configured; who says nothing is refused.
fn is_own(headers: &HeaderMap, site: &Site) -> bool {
    match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(from), _) => from == "same-origin",
        (None, Some(origin)) => origin == site.origin.as_str(),
        (None, None) => false,
    }
}

/// Methods that change nothing.
pub(super) fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn arm(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A 405 says what would be allowed (RFC 9110, section 15.5.6).
fn keep_allow(mut page: Response, bare: &Response) -> Response {
    if let Some(allow) = bare.headers().get(header::ALLOW) {
        page.headers_mut().insert(header::ALLOW, allow.clone());
    }
    page
}

/// The answer to HEAD: that to GET, less the body.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) =
        axum::body::HttpBody::size_hint(&body).exact().filter(|length| *length > 0)
    {
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

/// What a log line says of a request: never its path, which may hold a token, and never its query.
#[derive(Debug)]
struct Trace {
    route: String,
    /// The beginning of the token's hash: the same link can be recognised, and nothing can be opened with it.
    link: Option<String>,
}

impl Trace {
    fn read(request: &Request) -> Self {
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or("(none)", MatchedPath::as_str)
            .to_owned();
        let has_token = ["/m/", "/s/"].iter().any(|start| route.starts_with(start));
        let link = has_token.then(|| request.uri().path().split('/').nth(2)).flatten();
        Self { link: link.and_then(link::hash_prefix), route }
    }

    fn log(&self, method: &Method, status: StatusCode) {
        let Self { route, link } = self;
        let link = link.as_deref().unwrap_or("-");
        info!(route, link, status = status.as_u16(), "{method} {route}: {}", status.as_u16());
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::any;
    use tower::ServiceExt;

    use super::*;
    use crate::portal::fixture::TOKEN;

    async fn trace(path: &str) -> String {
        let handler = any(async |request: Request| format!("{:?}", Trace::read(&request)));
        let router: Router = Router::new()
            .route("/m/{token}/code", handler.clone())
            .route("/c/{id}", handler.clone())
            .fallback(handler);
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.into()).unwrap()
    }

    #[tokio::test]
    async fn a_log_line_knows_a_link_again_and_gives_nothing_away() {
        let line = trace(&format!("/m/{TOKEN}/code?code=123456")).await;
        assert_eq!(line, r#"Trace { route: "/m/{token}/code", link: Some("6aab299c") }"#);
        assert_eq!(trace(&format!("/m/{}/code", TOKEN.to_uppercase())).await, line);
        assert_eq!(trace("/m/x/code").await, r#"Trace { route: "/m/{token}/code", link: None }"#);
        assert_eq!(trace("/c/abc").await, r#"Trace { route: "/c/{id}", link: None }"#);
        assert_eq!(trace(&format!("/{TOKEN}")).await, r#"Trace { route: "(none)", link: None }"#);
    }
}
