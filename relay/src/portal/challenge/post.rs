//! What carries a code to its recipient.

use zegel_core::access::Code;
use zegel_core::address::Address;
use zegel_core::budget::{Allowance, Payer};
use zegel_core::moment::Moment;
use zegel_core::notice::{CodeMail, Language, TextMessage, code_mail, text_message};
use zegel_core::own_id;
use zegel_core::phone::Number;

use super::Portal;
use crate::id::MailId;
use crate::portal::letter::{Letter, Proof};
use crate::store::{MailKind, NewMail, NewText, Post, Spend};
use crate::vault::Purpose;

/// The mail or the text message with this code, and what it costs; `None` for an access code, which nobody sends.
pub(super) fn compose(
    portal: &Portal,
    letter: &Letter,
    code: &Code,
    language: Language,
    now: Moment,
) -> Option<(Post, Vec<Spend>)> {
    match &letter.proof {
        Proof::Mailed => Some((Post::Mail(mail(portal, letter, code, language, now)), Vec::new())),
        Proof::Texted(number) => {
            let text = text(portal, letter, number, code, language, now);
            Some((Post::Text(text), spends(portal, letter, number)))
        }
        Proof::Agreed(_) => None,
    }
}

fn mail(portal: &Portal, letter: &Letter, code: &Code, language: Language, now: Moment) -> NewMail {
    let to = letter.recipient();
    NewMail {
        delivery: Some(letter.delivery.id),
        floor: letter.stored.submission.wish(to).code_floor(),
        ..mail_to(portal, to, code, language, now)
    }
}

/// The mail with this code to whoever has this mailbox.
pub(in crate::portal) fn mail_to(
    portal: &Portal,
    to: &Address,
    code: &Code,
    language: Language,
    now: Moment,
) -> NewMail {
    let site = &portal.site;
    let lifetime = site.limits.lifetime;
    let message = code_mail(&CodeMail {
        organisation: &site.organisation,
        to,
        language,
        host: &site.host,
        code: code.secret(),
        minutes: lifetime.as_secs() / 60,
        message_id: &own_id::make(&MailId::generate(), site.organisation.from.domain()),
        now,
    });
    NewMail {
        kind: MailKind::Code,
        delivery: None,
        to: to.clone(),
        message,
        floor: None,
        expires: now.plus(lifetime),
    }
}

fn text(
    portal: &Portal,
    letter: &Letter,
    number: &Number,
    code: &Code,
    language: Language,
    now: Moment,
) -> NewText {
    let site = &portal.site;
    let words = text_message(&TextMessage {
        language,
        organisation: &site.organisation.name,
        host: &site.host,
        code: code.secret(),
    });
    NewText {
        delivery: letter.delivery.id,
        number: number.secret().clone(),
        words,
        expires: now.plus(site.limits.lifetime),
    }
}

fn spends(portal: &Portal, letter: &Letter, number: &Number) -> Vec<Spend> {
    let (from, hundred) = (letter.stored.submission.from.key(), number.hundred());
    let country = number.country().to_string();
    let spend = |allowance: Allowance| {
        let (kind, payer): (&[u8], &str) = match allowance.payer {
            Payer::Number => (b"text-number", number.secret().reveal()),
            Payer::Hundred => (b"text-hundred", hundred.reveal()),
            Payer::Sender => (b"text-sender", &from),
            Payer::Country => (b"text-country", &country),
            Payer::Organisation => (b"text-organisation", ""),
        };
        let per = allowance.per.as_secs().to_be_bytes();
        let key = portal.store.keyring().mac(Purpose::Counter, &[kind, payer.as_bytes(), &per]);
        Spend { allowance, key }
    };
    portal.site.budget.allowances(number.country()).into_iter().map(spend).collect()
}
