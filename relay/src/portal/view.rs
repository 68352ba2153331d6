//! One struct per template: what a page shows, and nothing that it does not.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;

use super::Site;
use super::assets::{ICON, STYLE};
use super::language::Words;
use super::letter::Card;
use super::visit::Visit;

/// What all pages have in common.
#[derive(Copy, Clone, Debug)]
pub(super) struct Page<'a> {
    pub(super) words: Words,
    pub(super) site: &'a Site,
    /// Whether the page can be asked for in the other language; an answer to a form cannot.
    pub(super) switch: bool,
}

#[derive(Debug, Template)]
#[template(path = "portal/front.html")]
pub(super) struct FrontPage<'a> {
    pub(super) page: Page<'a>,
    /// Fields with what is wrong in them.
    pub(super) mistakes: Vec<(&'static str, String)>,
    pub(super) reference: String,
    pub(super) address: String,
}

#[derive(Debug, Template)]
#[template(path = "portal/link.html")]
pub(super) struct LinkPage<'a> {
    pub(super) page: Page<'a>,
    pub(super) card: Card,
    pub(super) token: &'a str,
}

#[derive(Debug, Template)]
#[template(path = "portal/code.html")]
pub(super) struct CodePage<'a> {
    pub(super) page: Page<'a>,
    /// Where its forms go: `{path}/code`, `{path}/resend`.
    pub(super) path: String,
    pub(super) sent_to: String,
    pub(super) mistake: Option<String>,
    pub(super) notice: Option<String>,
    /// How long nothing more will be done.
    pub(super) wait: Option<Duration>,
}

#[derive(Debug, Template)]
#[template(path = "portal/message.html")]
pub(super) struct MessagePage<'a> {
    pub(super) page: Page<'a>,
    pub(super) id: &'a str,
    pub(super) letter: Contents,
}

/// A message's header, attachments and text, ready to be shown.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) subject: String,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) date: String,
    pub(super) until: String,
    pub(super) attachments: Vec<File>,
    pub(super) notice: Option<String>,
    pub(super) text: Text,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) size: String,
    pub(super) executable: bool,
}

/// Where the text of a message stands.
#[derive(Debug)]
pub(super) enum Text {
    /// In the sandboxed frame.
    Framed,
    /// In the page: HTML that was made of plain text.
    Inline(String),
    None,
}

/// The document in the sandboxed frame.
#[derive(Debug, Template)]
#[template(path = "portal/frame.html")]
pub(super) struct FrameDocument<'a> {
    pub(super) words: Words,
    pub(super) html: &'a str,
}

#[derive(Debug, Template)]
#[template(path = "portal/print.html")]
pub(super) struct PrintDocument<'a> {
    pub(super) words: Words,
    pub(super) letter: Contents,
    pub(super) html: &'a str,
    /// Made of plain text: its spaces and line ends count.
    pub(super) plain: bool,
}

#[derive(Debug, Template)]
#[template(path = "portal/genuine.html")]
pub(super) struct GenuinePage<'a> {
    pub(super) page: Page<'a>,
}

#[derive(Debug, Template)]
#[template(path = "portal/help.html")]
pub(super) struct HelpPage<'a> {
    pub(super) page: Page<'a>,
}

#[derive(Debug, Template)]
#[template(path = "portal/accessibility.html")]
pub(super) struct AccessibilityPage<'a> {
    pub(super) page: Page<'a>,
}

/// A page that says one thing.
#[derive(Debug, Template)]
#[template(path = "portal/words.html")]
pub(super) struct Told<'a> {
    pub(super) page: Page<'a>,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) more: Option<String>,
}

/// A page as an answer.
pub(super) fn html(page: &impl Template) -> Response {
    let media_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    match page.render() {
        Ok(html) => ([media_type], html).into_response(),
        Err(error) => {
            error!(%error, "a page cannot be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl<'a> Page<'a> {
    pub(super) fn of(site: &'a Site, visit: Visit) -> Self {
        Self { words: visit.words, site, switch: visit.is_reading }
    }

    fn style() -> &'static str {
        &STYLE.path
    }

    fn icon() -> &'static str {
        &ICON.path
    }

    fn organisation(&self) -> &str {
        &self.site.organisation.name
    }

    fn from(&self) -> String {
        self.site.organisation.from.to_string()
    }
}

impl FrontPage<'_> {
    fn mistake(&self, field: &str) -> Option<&str> {
        self.mistakes.iter().find(|(of, _)| *of == field).map(|(_, text)| text.as_str())
    }
}

impl<'a> CodePage<'a> {
    pub(super) fn new(page: Page<'a>, path: String, sent_to: String) -> Self {
        Self { page, path, sent_to, mistake: None, notice: None, wait: None }
    }

    pub(super) fn answer(&self) -> Response {
        let status = match (self.wait, &self.mistake) {
            (Some(_), _) => StatusCode::TOO_MANY_REQUESTS,
            (None, Some(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            (None, None) => StatusCode::OK,
        };
        let wait = self.wait.map(|wait| [(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()))]);
        (status, wait, html(self)).into_response()
    }

    /// The form again, with what is wrong.
    pub(super) fn with_mistake(mut self, mistake: String) -> Response {
        self.mistake = Some(mistake);
        self.answer()
    }

    /// How long a code works.
    fn minutes(&self) -> u64 {
        self.page.site.limits.lifetime.as_secs() / 60
    }
}
