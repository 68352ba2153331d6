//! Why a page is not given. A handler returns the reason; [`super::guard`] makes the page, in the visitor's language.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;

use super::view::{self, Page};
use crate::store::StoreError;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    MethodNotAllowed,
    /// Expired, withdrawn or destroyed.
    Gone,
    TooLarge,
    Malformed,
    /// The request does not come from a page of ours.
    CrossSite,
    /// A proxy passed on what came to it in the clear.
    Insecure,
    /// No session, or one for another message, or one that is over.
    SignedOut,
    /// The message is protected by something that the portal does not offer.
    OtherMethod,
    /// No session of the message's sender, or one that is over.
    SenderSignedOut,
    /// There is nothing left to answer for: expired, withdrawn or destroyed.
    SenderGone,
    /// Too many wrong codes at a sender's page.
    SenderLocked,
    /// The author of the message may not send any more.
    Suspended,
    /// The link exists, but its message is being decided on anew.
    NotYet,
    /// Too much from one network.
    Throttled,
    /// Too many wrong codes for one message.
    Locked,
    Unavailable,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Gone | Self::SenderGone => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::CrossSite
            | Self::Insecure
            | Self::SignedOut
            | Self::OtherMethod
            | Self::SenderSignedOut
            | Self::Suspended => StatusCode::FORBIDDEN,
            Self::NotYet | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Throttled | Self::Locked | Self::SenderLocked => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// What its strings are called.
    fn key(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Gone => "gone",
            Self::TooLarge => "too-large",
            Self::Malformed => "malformed",
            Self::CrossSite => "cross-site",
            Self::Insecure => "insecure",
            Self::SignedOut => "signed-out",
            Self::OtherMethod => "other-method",
            Self::SenderSignedOut => "sender-signed-out",
            Self::SenderGone => "sender-gone",
            Self::SenderLocked => "sender-locked",
            Self::Suspended => "suspended",
            Self::NotYet => "not-yet",
            Self::Throttled => "throttled",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
        }
    }

    /// Seconds after which another try makes sense.
    fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::NotYet | Self::Unavailable => Some("60"),
            Self::Throttled => Some("600"),
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::Gone
            | Self::TooLarge
            | Self::Malformed
            | Self::CrossSite
            | Self::Insecure
            | Self::SignedOut
            | Self::OtherMethod
            | Self::SenderSignedOut
            | Self::SenderGone
            | Self::SenderLocked
            | Self::Suspended
            | Self::Locked => None,
        }
    }

    /// The page that says so.
    pub(super) fn page(self, page: Page<'_>) -> Response {
        let words = page.words;
        let key = self.key();
        let told = view::Told {
            title: words.say(&format!("{key}-title")),
            text: words.say(&format!("{key}-text")),
            more: None,
            page,
        };
        let mut response = (self.status(), view::html(&told)).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

impl IntoResponse for Refusal {
    /// The bare status with the reason beside it, for the guard to dress.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        error!(%error, "the portal cannot use the store: {error}");
        Self::Unavailable
    }
}
