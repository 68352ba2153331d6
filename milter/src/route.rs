//! How the mail server is told to reroute a message: by a header that its `milter_header_checks` look for, or by recipients
//! that its routing table hands to the relay. With these the sender changes likewise, so that what the mail server itself
//! reports comes by `zegel-milter report` first: nobody meets an address of ours, or the message's content.
//!
//! Postfix reads the header on headers that a milter adds, and on no others, so a copy that comes in from outside routes
//! nothing; it is removed all the same, because the relay and whoever reads the mail later should not meet it. A recipient of
//! ours does not come in from outside either: it is keyed ([`zegel_core::route`]), and refused.

use serde::Deserialize;
use zegel_core::message::Head;
use zegel_core::route::{RouteError, encode, encode_sender, is_placeholder};

use crate::action::{Action, Refusal};
use crate::config::Config;
use crate::session::Party;

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

/// The changes that send a message to the relay, all of them in one go. There is always a sender: mail without one passes.
pub fn to_relay(
    config: &Config,
    head: &Head<'_>,
    sender: &Party,
    recipients: &[Party],
) -> Result<Vec<Action>, Refusal> {
    let sent_by = |address| Action::ChangeSender { address, wishes: returning_headers(sender) };
    match (config.route, &config.marker_key) {
        (Route::Header, _) => Ok(vec![
            Action::Add { name: HEADER, value: TO_RELAY.to_owned() },
            sent_by(sender.address.clone()),
        ]),
        // The configuration is not taken so.
        (Route::Recipient, None) => Err(Refusal::Broken),
        (Route::Recipient, Some(key)) => {
            let mut actions = vec![sent_by(encode_sender(key, &sender.address)?)];
            if head.named("From").next().is_none() {
                // Where it is missing, mail servers write one, from the sender that they know.
                actions.push(Action::Add { name: "From", value: sender.address.clone() });
            }
            for recipient in recipients {
                let address = encode(key, &recipient.address)?;
                actions.push(Action::AddRecipient { address, wishes: wishes(recipient) });
                actions.push(Action::DeleteRecipient(recipient.address.clone()));
            }
            Ok(actions)
        }
    }
}

/// RET as we want it, and ENVID as the submitter does: Sendmail forgets both with the sender.
fn returning_headers(sender: &Party) -> String {
    let envelope_id = sender.parameter("ENVID");
    let envelope_id = envelope_id.map(|id| format!(" ENVID={id}")).unwrap_or_default();
    format!("RET=HDRS{envelope_id}")
}

/// NOTIFY and ORCPT as the submitter wrote them.
fn wishes(recipient: &Party) -> Option<String> {
    let wish = |keyword| Some(format!("{keyword}={}", recipient.parameter(keyword)?));
    let wishes: Vec<String> = ["NOTIFY", "ORCPT"].into_iter().filter_map(wish).collect();
    (!wishes.is_empty()).then(|| wishes.join(" "))
}

/// Nobody may name a recipient of ours, not even one that was made here: it would go to the relay unselected.
pub fn refuse_placeholders(recipients: &[String]) -> Result<(), Refusal> {
    if recipients.iter().any(|recipient| is_placeholder(recipient)) {
        return Err(RouteError::Forged.into());
    }
    Ok(())
}
