//! The portal: where a recipient proves who they are, and reads.
//!
//! A guest's way: the link of the notification ([`link`]), or the message code typed on the front page ([`find`]); a
//! code by e-mail or text message, or the sender's access code ([`challenge`]), or a word to the sender ([`trouble`]); a session ([`session`]); the message ([`thread`], [`download`]). Its sender has a page of their own for whom it waits ([`sender`]). What must hold:
//!
//! - GET and HEAD change nothing: no code is sent, no link used up, no cookie set but a chosen language. The one
//!   exception is what it is all for: a session that reads a message makes it opened.
//! - The link is an address, not a key: behind it stand names and dates. Content needs a code, typed in the browser that
//!   asked for it, and every function that returns content takes the [`Passed`](zegel_core::access::Passed) that proves
//!   it.
//! - No page holds script; all text passes askama's escaping; what others wrote is shown sanitised ([`render`]), in a
//!   sandboxed frame.
//! - Each request passes [`guard`]; each refusal becomes a page there.

mod assets;
mod challenge;
mod cookie;
mod download;
mod find;
mod form;
mod guard;
mod language;
mod letter;
mod link;
mod pages;
mod patient;
mod refusal;
pub mod render;
mod sender;
mod serve;
mod session;
mod thread;
mod trouble;
mod view;
mod visit;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use zegel_core::access::Limits;
use zegel_core::budget::Budget;
use zegel_core::decision::Policy;
use zegel_core::notice::Organisation;
use zegel_core::phone::Countries;

use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::store::Store;
use crate::vault::CodeHasher;

pub use serve::{TlsError, serve, tls};

/// Messages that are read to be shown at once; while it is read, each may hold more than ten megabytes.
const RENDERING_MAX: usize = 8;

/// Cheap to clone: all clones are one portal.
#[derive(Clone, Debug)]
pub struct Portal {
    site: Arc<Site>,
    store: Store,
    lifecycle: Lifecycle,
    rendering: Arc<Semaphore>,
    hasher: CodeHasher,
}

/// What the configuration says of the portal.
#[derive(Debug)]
struct Site {
    organisation: Organisation,
    /// `https://host[:port]`, as browsers send it in `Origin`.
    origin: String,
    host: String,
    trusted_proxies: Vec<IpAddr>,
    security_contact: Option<String>,
    limits: Limits,
    budget: Budget,
    /// Where text messages go.
    countries: Countries,
    /// Somebody sends text messages.
    texts: bool,
    /// What senders may give for their recipients, as far as it is not set in the store.
    policy: Policy,
}

impl Portal {
    pub fn new(store: Store, config: &Config, lifecycle: Lifecycle) -> Self {
        let site = Site {
            organisation: config.organisation.clone(),
            origin: config.portal.public_origin.as_str().to_owned(),
            host: config.portal.public_origin.host().to_owned(),
            trusted_proxies: config.portal.trusted_proxies.clone(),
            security_contact: config.portal.security_contact.clone(),
            limits: Limits::default(),
            budget: config.sms.as_ref().map(|sms| sms.budget.clone()).unwrap_or_default(),
            countries: config.sms.as_ref().map(|sms| sms.countries.clone()).unwrap_or_default(),
            texts: config.sms.is_some(),
            policy: config.policy.clone(),
        };
        Self {
            site: Arc::new(site),
            store,
            lifecycle,
            rendering: Arc::new(Semaphore::new(RENDERING_MAX)),
            hasher: CodeHasher::new(),
        }
    }

    /// All routes, behind the guard.
    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(pages::front))
            .route("/find", post(find::look))
            .route("/find/code", get(find::ask).post(find::answer))
            .route("/find/resend", post(find::resend))
            .route("/find/ask", post(find::ask_sender))
            .route("/m/{token}", get(link::show))
            .route("/m/{token}/start", post(link::start))
            .route("/m/{token}/code", get(link::ask).post(link::answer))
            .route("/m/{token}/resend", post(link::resend))
            .route("/m/{token}/ask", post(link::ask_sender))
            .route("/c/{id}", get(thread::show))
            .route("/c/{id}/body", get(thread::body))
            .route("/c/{id}/print", get(thread::print))
            .route("/c/{id}/att/{index}/{name}", get(download::attachment))
            .route("/c/{id}/message.eml", get(download::original))
            .route("/s/{token}", get(sender::door::show))
            .route("/s/{token}/start", post(sender::door::start))
            .route("/s/{token}/code", get(sender::door::ask).post(sender::door::answer))
            .route("/s/{token}/resend", post(sender::door::resend))
            .route("/held/{id}", get(sender::desk::show))
            .route("/held/{id}/{delivery}", post(sender::desk::give))
            .route("/held/{id}/{delivery}/email", post(sender::desk::allow_email))
            .route(
                "/held/{id}/{delivery}/withdraw",
                get(sender::desk::confirm).post(sender::desk::withdraw),
            )
            .route("/logout", post(pages::log_out))
            .route("/uitgelogd", get(pages::logged_out))
            .route("/echt", get(pages::genuine))
            .route("/hulp", get(pages::help))
            .route("/toegankelijkheid", get(pages::accessibility))
            .route("/robots.txt", get(pages::robots))
            .route("/.well-known/security.txt", get(pages::security))
            .route("/healthz", get(pages::health))
            .route("/static/{name}", get(assets::get))
            .fallback(async || refusal::Refusal::NotFound)
            .method_not_allowed_fallback(async || refusal::Refusal::MethodNotAllowed)
            .layer(DefaultBodyLimit::max(guard::FORM_MAX))
            .layer(middleware::from_fn_with_state(self.clone(), guard::guard))
            .with_state(self)
    }
}

impl Site {
    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.contains(&address)
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
