//! The header section as it stands in the bytes. Security decisions rest on this scanner, never on a lenient
//! MIME parser: it counts fields exactly and says so when something is not as RFC 5322 wants it.

use crate::address::Address;

/// The header section of a message.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    fields: Vec<Field<'a>>,
    body_at: usize,
}

/// One header field with its folding.
#[derive(Copy, Clone, Debug)]
pub struct Field<'a> {
    pub name: &'a str,
    /// All octets of the field, name and final CRLF included.
    pub raw: &'a [u8],
    /// What follows the colon, folding included, final CRLF excluded.
    pub value: &'a [u8],
}

/// An author or addressee with the name shown beside the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: Address,
}
// API: Head::parse(&[u8]) -> Result<Head, HeadError{line, why}>; fields(); named(&self,&str)->impl Iterator<Item=&Field> (ASCII case-insens.);
//  body_at(); subject()->Option<String> (unfolded, RFC 2047 decoded); from()->Result<Mailbox, FromError> (exactly one From with exactly one address);
//  addressees()->Vec<Address> (To+Cc, groups included; unparsable entries skipped); message_id()->Option<&str> (without <>), references()->Vec<String>
//  HeadError when: a line without colon, name with bad octets ("Fr om"), NUL, bare CR, more than FIELDS_MAX (1000) fields or HEAD_MAX (1 MiB). Bare LF as line end: accepted on input of Head? NO: error.
