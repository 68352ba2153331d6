//! How the mail server is told to reroute a message: by a header that its `milter_header_checks` look for, or by recipients
//! that its routing table hands to the relay.
//!
//! Postfix reads the header on headers that a milter adds, and on no others, so a copy that comes in from outside routes
//! nothing; it is removed all the same, because the relay and whoever reads the mail later should not meet it. A recipient of
//! ours does not come in from outside either: it is keyed ([`zegel_core::route`]), and refused.

use serde::Deserialize;
use zegel_core::route::{RouteError, encode, is_placeholder};

use crate::action::{Action, Refusal};
use crate::config::Config;

/// The header, and what the mail server's table matches.
pub const HEADER: &str = "X-Zegel-Route";
pub const TO_RELAY: &str = "relay/";

/// What all headers of ours that the milter removes on the way in begin with.
pub const OURS: &str = "x-zegel-";

/// Which of the two.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Postfix.
    #[default]
    Header,
    /// Sendmail, and a Postfix whose `milter_header_checks` are not free. Made with the key of `marker-key-file`.
    Recipient,
}

/// The changes that send a message with these recipients to the relay, all of them in one go.
pub fn to_relay(config: &Config, recipients: &[String]) -> Result<Vec<Action>, Refusal> {
    match (config.route, &config.marker_key) {
        (Route::Header, _) => Ok(vec![Action::Add { name: HEADER, value: TO_RELAY.to_owned() }]),
        // The configuration is not taken so.
        (Route::Recipient, None) => Err(Refusal::Broken),
        (Route::Recipient, Some(key)) => {
            let mut actions = Vec::new();
            for recipient in recipients {
                actions.push(Action::AddRecipient(encode(key, recipient)?));
                actions.push(Action::DeleteRecipient(recipient.clone()));
            }
            Ok(actions)
        }
    }
}

/// Nobody may name a recipient of ours, not even one that was made here: it would go to the relay unselected.
pub fn refuse_placeholders(recipients: &[String]) -> Result<(), Refusal> {
    if recipients.iter().any(|recipient| is_placeholder(recipient)) {
        return Err(RouteError::Forged.into());
    }
    Ok(())
}
