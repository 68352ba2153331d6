//! Delivery status notifications (RFC 3461-3464, 6522). Never with content: the header section comes back with a
//! masked subject and without control headers; the body never.

use crate::address::Address;
use crate::delivery::Failure;
use crate::envelope::{Envelope, Recipient};
use crate::moment::Moment;
use crate::notice::Organisation;

#[derive(Clone, Debug)]
pub struct Report<'a> {
    pub organisation: &'a Organisation,
    /// Our host name: Reporting-MTA.
    pub reporting_mta: &'a str,
    /// Whom to tell: the envelope sender.
    pub to: &'a Address,
    pub envelope: &'a Envelope,
    pub recipient: &'a Recipient,
    pub what: What<'a>,
    /// Message-ID of the message reported on, without brackets.
    pub original_message_id: Option<&'a str>,
    pub message_id: &'a str,
    pub accepted: Moment,
    pub now: Moment,
}

#[derive(Copy, Clone, Debug)]
pub enum What<'a> {
    Failed(&'a Failure),
    Delayed { last: &'a str, until: Moment },
}
// API: report(&Report)->Vec<u8>; status(&Failure)->String enhanced code by standards.md 5.2; is wanted: fn wanted(&Recipient, &What)->bool (NOTIFY)
