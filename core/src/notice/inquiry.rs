//! Mail to the sender of a message that waits for them: some of its recipients cannot be verified.

use super::letter::{Block, Cause, Letter};
use super::{Organisation, foot};
use crate::address::Address;
use crate::moment::Moment;
use crate::secret::Secret;
use crate::text::HeaderText;

/// One mail about all of a message's recipients who wait.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    pub organisation: &'a Organisation,
    pub to: &'a Address,
    pub page: SenderPage<'a>,
    pub recipients: &'a [Address],
    pub until: Moment,
    /// Message-ID of the message, without brackets.
    pub original_message_id: Option<&'a str>,
    pub message_id: &'a str,
    pub accepted: Moment,
    pub now: Moment,
}

/// Where a sender answers for a message.
#[derive(Copy, Clone, Debug)]
pub struct SenderPage<'a> {
    /// The portal's public origin, `https://host`.
    pub origin: &'a str,
    /// An address, not a key; still not for logs.
    pub token: &'a Secret,
}

/// Recipients who are named: with more, the page says who.
const NAMED_MAX: usize = 20;

/// The mail that asks. It holds neither content nor subject.
pub fn inquiry(inquiry: &Inquiry<'_>) -> Vec<u8> {
    let language = inquiry.organisation.language;
    let mut named: Vec<String> =
        inquiry.recipients.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = inquiry.recipients.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        named.push(language.and_more(more));
    }
    let blocks = [
        Block::Paragraph(language.waits_for_you(inquiry.accepted)),
        Block::Lines(named),
        Block::Paragraph(language.why_ask().into()),
        Block::Paragraph(language.answer_here().into()),
        inquiry.page.link(),
        Block::Paragraph(language.code_first().into()),
        Block::Paragraph(language.held_until(inquiry.until)),
        foot(inquiry.organisation),
    ];
    let subject = match inquiry.recipients {
        [only] => language.inquiry_subject(&only.to_string()),
        all => language.inquiry_subject_many(all.len()),
    };
    let letter = Letter {
        organisation: inquiry.organisation,
        from_name: HeaderText::display_name(&inquiry.organisation.name),
        to: inquiry.to,
        subject: HeaderText::new(&subject),
        message_id: inquiry.message_id,
        references: inquiry.original_message_id,
        language,
        cause: Cause::Replied,
        now: inquiry.now,
    };
    letter.write(&blocks)
}

impl SenderPage<'_> {
    pub(super) fn link(&self) -> Block {
        Block::Link(format!("{}/s/{}", self.origin, self.token.reveal()))
    }
}
