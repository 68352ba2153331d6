//! AUTH (RFC 4954) by PLAIN (RFC 4616) and by LOGIN, which no standard describes and every old device speaks.
//!
//! Logins and passwords are compared as they are: an administrator's command makes them, in ASCII, so there is nothing that
//! a normalisation could bring closer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zegel_core::secret::Secret;
use zeroize::Zeroizing;

use super::reply::{AuthReply, Reply};
use crate::admission::Attempt;

/// What the client's next line is to hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// All of PLAIN.
    Plain,
    /// LOGIN's first answer.
    Login,
    /// LOGIN's second.
    Password { login: String },
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Ask(Exchange),
    Show(Attempt),
    Fail(AuthReply<'static>),
}

impl Exchange {
    /// The first step of a mechanism that is offered.
    pub(super) fn of(mechanism: &str) -> Option<Self> {
        match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Some(Self::Plain),
            "LOGIN" => Some(Self::Login),
            _ => None,
        }
    }

    /// What is said to have it.
    pub(super) fn challenge(&self) -> Reply<'static> {
        Reply::Auth(AuthReply::Challenge(match self {
            Self::Plain => "",
            // `Username:` and `Password:`: clients of LOGIN look for these very words.
            Self::Login => "VXNlcm5hbWU6",
            Self::Password { .. } => "UGFzc3dvcmQ6",
        }))
    }

    /// Begins, where AUTH itself brought the first answer; a single `=` stands for an empty one (RFC 4954, section 4).
    pub(super) fn begin(self, initial: Option<&Secret>) -> Turn {
        match initial.map(Secret::reveal) {
            None => Turn::Ask(self),
            Some("=") => Turn::Fail(AuthReply::Malformed),
            Some(initial) => self.read(initial.as_bytes()),
        }
    }

    /// Takes an answer to a challenge.
    pub(super) fn answer(self, line: &[u8]) -> Turn {
        if line == b"*" { Turn::Fail(AuthReply::Cancelled) } else { self.read(line) }
    }

    fn read(self, line: &[u8]) -> Turn {
        let octets = match decode(line) {
            Ok(octets) => octets,
            Err(reply) => return Turn::Fail(reply),
        };
        let Ok(text) = str::from_utf8(&octets) else { return Turn::Fail(AuthReply::Malformed) };
        match self {
            Self::Plain => plain(text),
            _ if text.is_empty() || text.contains('\0') => Turn::Fail(AuthReply::Malformed),
            Self::Login => Turn::Ask(Self::Password { login: text.into() }),
            Self::Password { login } => Turn::Show(Attempt { login, password: Secret::new(text) }),
        }
    }
}

/// `[authorisation] NUL login NUL password` (RFC 4616, section 2).
fn plain(text: &str) -> Turn {
    let mut parts = text.split('\0');
    let (Some(identity), Some(login), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Turn::Fail(AuthReply::Malformed);
    };
    if login.is_empty() || password.is_empty() {
        return Turn::Fail(AuthReply::Malformed);
    }
    if !identity.is_empty() && identity != login {
        return Turn::Fail(AuthReply::OtherIdentity);
    }
    Turn::Show(Attempt { login: login.into(), password: Secret::new(password) })
}

fn decode(line: &[u8]) -> Result<Zeroizing<Vec<u8>>, AuthReply<'static>> {
    // Room for all of it at once: a vector that grows leaves copies behind, which nobody wipes.
    let mut octets = Zeroizing::new(Vec::with_capacity(base64::decoded_len_estimate(line.len())));
    STANDARD.decode_vec(line, &mut octets).map_err(|_| AuthReply::NotBase64)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(login: &str, password: &str) -> Turn {
        Turn::Show(Attempt { login: login.into(), password: Secret::new(password) })
    }

    #[track_caller]
    fn check(exchange: Exchange, answer: &[u8], expected: &Turn) {
        let line = STANDARD.encode(answer);
        assert_eq!(&exchange.answer(line.as_bytes()), expected, "{}", answer.escape_ascii());
    }

    #[test]
    fn plain_has_a_login_and_a_password_and_speaks_for_nobody_else() {
        for (answer, expected) in [
            (&b"\0scanner\0secret"[..], attempt("scanner", "secret")),
            (b"scanner\0scanner\0secret", attempt("scanner", "secret")),
            ("\0jos\u{e9}\0p\u{e4}ss".as_bytes(), attempt("jos\u{e9}", "p\u{e4}ss")),
            (b"director\0scanner\0secret", Turn::Fail(AuthReply::OtherIdentity)),
            (b"", Turn::Fail(AuthReply::Malformed)),
            (b"scanner\0secret", Turn::Fail(AuthReply::Malformed)),
            (b"\0\0secret", Turn::Fail(AuthReply::Malformed)),
            (b"\0scanner\0", Turn::Fail(AuthReply::Malformed)),
            (b"\0scanner\0sec\0ret", Turn::Fail(AuthReply::Malformed)),
            (b"\0scanner\0\xff", Turn::Fail(AuthReply::Malformed)),
        ] {
            check(Exchange::Plain, answer, &expected);
        }
    }

    #[test]
    fn login_asks_for_the_name_and_then_for_the_password() {
        let password = || Exchange::Password { login: "scanner".into() };
        check(Exchange::Login, b"scanner", &Turn::Ask(password()));
        check(password(), b"secret", &attempt("scanner", "secret"));
        for answer in [&b""[..], b"a\0b", b"\xff"] {
            check(Exchange::Login, answer, &Turn::Fail(AuthReply::Malformed));
            check(password(), answer, &Turn::Fail(AuthReply::Malformed));
        }
    }

    #[test]
    fn answer_is_base64_to_the_last_octet() {
        for line in ["AHNjYW5uZXIAc2VjcmV0!", "AHNjYW5uZXIAc2VjcmU", " AHNjYW5uZXIAc2VjcmV0"] {
            let turn = Exchange::Plain.answer(line.as_bytes());
            assert_eq!(turn, Turn::Fail(AuthReply::NotBase64), "{line}");
        }
        assert_eq!(Exchange::Plain.answer(b"*"), Turn::Fail(AuthReply::Cancelled));
        assert_eq!(
            Exchange::Plain.begin(Some(&Secret::new("="))),
            Turn::Fail(AuthReply::Malformed)
        );
        assert_eq!(Exchange::Plain.begin(None), Turn::Ask(Exchange::Plain));
    }
}
