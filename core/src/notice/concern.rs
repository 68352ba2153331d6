//! Mail to the sender of a message whose recipient cannot get in.

use super::letter::{Block, Cause, Letter};
use super::{Organisation, SenderPage, foot};
use crate::address::Address;
use crate::moment::Moment;
use crate::text::HeaderText;

#[derive(Clone, Debug)]
pub struct Concern<'a> {
    pub organisation: &'a Organisation,
    pub to: &'a Address,
    /// Whose delivery it is about.
    pub recipient: &'a Address,
    /// The delivery as administrators know it.
    pub delivery: &'a str,
    pub what: Trouble,
    /// Where the sender may give something else to be verified by.
    pub page: SenderPage<'a>,
    /// Message-ID of the message, without brackets.
    pub original_message_id: Option<&'a str>,
    pub message_id: &'a str,
    pub accepted: Moment,
    pub now: Moment,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The recipient says that they have no access code.
    NoAccessCode,
    /// The recipient says that text messages do not reach them.
    NoText,
    /// So many wrong codes were typed that none is looked at any more.
    Locked,
}

/// The mail that tells a sender. It holds neither content nor subject, and no number or code.
pub fn concern(concern: &Concern<'_>) -> Vec<u8> {
    let language = concern.organisation.language;
    let recipient = concern.recipient.to_string();
    let blocks = [
        Block::Paragraph(language.trouble(concern.what, &recipient, concern.accepted)),
        Block::Paragraph(language.trouble_remedy(concern.what).into()),
        Block::Paragraph(language.change_here().into()),
        concern.page.link(),
        Block::Paragraph(language.trouble_doubt().into()),
        Block::Paragraph(language.trouble_delivery(concern.delivery)),
        foot(concern.organisation),
    ];
    let letter = Letter {
        organisation: concern.organisation,
        from_name: HeaderText::display_name(&concern.organisation.name),
        to: concern.to,
        subject: HeaderText::new(&language.trouble_subject(concern.what, &recipient)),
        message_id: concern.message_id,
        references: concern.original_message_id,
        language,
        cause: Cause::Replied,
        now: concern.now,
    };
    letter.write(&blocks)
}
