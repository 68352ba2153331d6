//! Reads a form that one of our pages sent.

use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, Request};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::refusal::Refusal;

/// A form is a few hundred octets; who takes longer holds a connection for nothing.
const READING_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Typed<T>(pub(super) T);

impl<S, T> FromRequest<S> for Typed<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match timeout(READING_MAX, Form::from_request(request, state)).await {
            Ok(Ok(Form(form))) => Ok(Self(form)),
            Ok(Err(FormRejection::BytesRejection(why))) if why.status() == 413 => {
                Err(Refusal::TooLarge)
            }
            Ok(Err(_)) | Err(_) => Err(Refusal::Malformed),
        }
    }
}
