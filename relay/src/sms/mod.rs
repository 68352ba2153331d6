//! Sends text messages through the providers that the administrator named: one HTTP request for each.
//!
//! [`Sender::send`] asks the providers in their order. The first that takes the text message ends it, and so does the
//! first that says that it never will; one that cannot be reached, or cannot take it now, leaves it to the next. What a
//! provider answers is judged by its status and, where the configuration says so, by its words; it is never logged or
//! kept, because it may repeat number and words.

mod preset;
mod provider;
#[cfg(test)]
mod tests;

use std::fmt;

use tracing::warn;
use zegel_core::phone::Number;
use zegel_core::secret::Secret;

use crate::config;
use crate::id::TextId;
use provider::{Answered, Provider};

/// Cheap to share; keeps its connections open.
#[derive(Debug)]
pub struct Sender {
    providers: Vec<Provider>,
}

/// What is sent.
#[derive(Clone)]
pub struct Text {
    /// Given to providers that know a repeated request by it.
    pub id: TextId,
    pub number: Number,
    pub words: Secret,
}

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This provider has taken it.
    Sent(String),
    /// No provider takes it now.
    Later(String),
    /// A provider says that it can never be sent.
    Refused(String),
}

impl Sender {
    pub fn new(config: &config::Sms) -> Result<Self, String> {
        let provider = |provider: &config::sms::Provider| {
            Provider::new(provider)
                .map_err(|error| format!("sms.providers, {}: {error}", provider.name))
        };
        Ok(Self { providers: config.providers.iter().map(provider).collect::<Result<_, _>>()? })
    }

    pub async fn send(&self, text: &Text) -> Outcome {
        let mut missed = Vec::new();
        for provider in &self.providers {
            let name = provider.name();
            match provider.send(text).await {
                Answered::Taken => return Outcome::Sent(name.to_owned()),
                Answered::Refused(why) => return Outcome::Refused(format!("{name}: {why}")),
                Answered::NotNow(why) => {
                    warn!(provider = name, text = %text.id, "{name} does not take text message {}: {why}", text.id);
                    missed.push(format!("{name}: {why}"));
                }
            }
        }
        Outcome::Later(missed.join("; "))
    }
}

impl fmt::Debug for Text {
    /// Neither number nor words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("id", &self.id).finish_non_exhaustive()
    }
}
