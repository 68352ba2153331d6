//! One struct per template: what a page shows, and nothing that it does not.

use std::time::Duration;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;
use zegel_core::notice::Language;

use super::Site;
use super::assets::{ICON, STYLE};
use super::language::Words;
use super::letter::{Card, Way};
use super::visit::Visit;

/// What all pages have in common.
#[derive(Copy, Clone, Debug)]
pub(super) struct Page<'a> {
    pub(super) words: Words,
    pub(super) site: &'a Site,
    /// Whether the page can be asked for in another language; an answer to a form cannot.
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
    /// Where its forms go: `{path}/code`, `{path}/resend`, `{path}/ask`.
    pub(super) path: String,
    pub(super) wanted: Wanted,
    /// What has been done, and what to do.
    pub(super) lead: String,
    pub(super) mistake: Option<String>,
    pub(super) notice: Option<String>,
    /// How long nothing more will be done.
    pub(super) wait: Option<Duration>,
}

/// Which code a form asks for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Mailed,
    Texted,
    Agreed,
    /// Any of them: the page must not tell.
    Blind,
    /// A mailed one, of the message's sender.
    Sender,
}

struct Lack {
    title: String,
    text: String,
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

    pub(super) fn languages() -> [Language; 4] {
        Language::ALL
    }

    pub(super) fn style() -> &'static str {
        &STYLE.path
    }

    pub(super) fn icon() -> &'static str {
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

impl LinkPage<'_> {
    /// How the recipient is verified.
    fn method(&self) -> String {
        let words = self.page.words;
        match &self.card.way {
            Way::Mailed { masked } => words.with("link-method", &[("address", masked)]),
            Way::Texted { ending } => words.with("link-method-text", &[("digits", ending)]),
            Way::Agreed => words.with("link-method-access", &[("sender", &self.card.sender)]),
        }
    }

    fn button(&self) -> String {
        self.page.words.say(match self.card.way {
            Way::Mailed { .. } | Way::Texted { .. } => "link-button",
            Way::Agreed => "link-button-access",
        })
    }
}

impl<'a> CodePage<'a> {
    pub(super) fn new(page: Page<'a>, path: String, wanted: Wanted, lead: String) -> Self {
        Self { page, path, wanted, lead, mistake: None, notice: None, wait: None }
    }

    /// For who followed a link.
    pub(super) fn of(page: Page<'a>, path: String, way: &Way) -> Self {
        let words = page.words;
        let (wanted, lead) = match way {
            Way::Mailed { masked } => {
                (Wanted::Mailed, words.with("code-sent", &[("address", masked)]))
            }
            Way::Texted { ending } => {
                (Wanted::Texted, words.with("text-sent", &[("digits", ending)]))
            }
            Way::Agreed => (Wanted::Agreed, words.say("access-lead")),
        };
        Self::new(page, path, wanted, lead)
    }

    fn title(&self) -> String {
        self.page.words.say(match self.wanted {
            Wanted::Mailed | Wanted::Texted | Wanted::Blind | Wanted::Sender => "code-title",
            Wanted::Agreed => "access-title",
        })
    }

    fn label(&self) -> String {
        self.page.words.say(match self.wanted {
            Wanted::Mailed | Wanted::Texted | Wanted::Blind | Wanted::Sender => "code-label",
            Wanted::Agreed => "access-label",
        })
    }

    fn hint(&self) -> String {
        match self.wanted {
            Wanted::Mailed | Wanted::Texted | Wanted::Sender => {
                self.page.words.count("code-hint", self.minutes())
            }
            Wanted::Agreed => self.page.words.say("access-hint"),
            Wanted::Blind => self.page.words.count("code-hint-blind", self.minutes()),
        }
    }

    /// What is said of something that cannot be such a code.
    pub(super) fn unreadable(&self) -> String {
        self.page.words.say(match self.wanted {
            Wanted::Mailed | Wanted::Sender => "code-not-six",
            Wanted::Texted => "text-not-six",
            Wanted::Agreed => "access-too-short",
            Wanted::Blind => "code-unreadable-blind",
        })
    }

    /// A code of six digits and nothing else.
    fn is_digits(&self) -> bool {
        matches!(self.wanted, Wanted::Mailed | Wanted::Texted | Wanted::Sender)
    }

    /// What to do when no code came.
    fn none(&self) -> String {
        self.page.words.say(match self.wanted {
            Wanted::Mailed | Wanted::Agreed | Wanted::Blind | Wanted::Sender => "code-none",
            Wanted::Texted => "text-none",
        })
    }

    fn button(&self) -> String {
        self.page.words.say(match self.wanted {
            Wanted::Mailed | Wanted::Texted | Wanted::Agreed | Wanted::Blind => "code-button",
            Wanted::Sender => "sender-code-button",
        })
    }

    /// Whether the code is one that we send, and can send again.
    fn is_sent(&self) -> bool {
        self.wanted != Wanted::Agreed
    }

    /// What the recipient may lack that only the sender can give.
    fn lack(&self) -> Option<Lack> {
        let words = self.page.words;
        let (title, text) = match self.wanted {
            Wanted::Mailed | Wanted::Sender => return None,
            Wanted::Texted => (words.say("lack-text-title"), words.say("lack-text")),
            Wanted::Agreed => (words.say("lack-access-title"), words.say("lack-access")),
            Wanted::Blind => (words.say("lack-blind-title"), words.say("lack-blind")),
        };
        Some(Lack { title, text })
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
