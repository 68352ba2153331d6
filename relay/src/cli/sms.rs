//! `sms`: whether text messages go out.

use zegel_core::phone::Number;
use zegel_core::secret::Secret;

use super::{Failure, SmsCommand, say};
use crate::config::Config;
use crate::id::TextId;
use crate::sms::{Outcome, Sender, Text};

pub(super) async fn run(config: &Config, command: SmsCommand) -> Result<(), Failure> {
    let SmsCommand::Test { number } = command;
    let sms = config.sms.as_ref().ok_or("there is no [sms] in the configuration")?;
    let number = Number::parse(&number)?;
    if !sms.countries.allow(number.country()) {
        return Err(format!("{} is not among sms.countries", number.country()).into());
    }
    let words = Secret::new(format!("Test of text messages by {}.", config.hostname));
    let text = Text { id: TextId::generate(), number, words };
    match Sender::new(sms)?.send(&text).await {
        Outcome::Sent(provider) => say(format_args!("taken by {provider}"))?,
        Outcome::Later(why) | Outcome::Refused(why) => return Err(why.into()),
    }
    Ok(())
}
