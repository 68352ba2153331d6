//! Header text: reading what others wrote (unfolding, RFC 2047) and the one type for what we compose.

/// A header value that we compose: no CR, LF, NUL, other controls or bidirectional overrides, whatever came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText(String);
// API: HeaderText::new(&str) -> Self (replaces runs of forbidden chars by one space, trims, caps at 998 octets on a char boundary); as_str(); Display; Into<String>
//  unfold(&[u8]) -> String (lossy UTF-8, CRLF removed, WSP kept), decode_words(&str)->String (RFC 2047, all charsets of mail-parser full_encoding, whitespace between adjacent words dropped)
//  decoded(&[u8]) -> String = decode_words(unfold)
//  display_name(&str)->HeaderText  (portal.md 1.2 display name rules: strips @<>",quotes; max 64 chars)
