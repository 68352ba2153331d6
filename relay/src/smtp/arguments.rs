//! What MAIL and RCPT carry (RFC 5321, section 4.1.1), with the parameters of SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8
//! (RFC 6531), AUTH (RFC 4954) and DSN (RFC 3461). What is not understood to the last octet is refused.

use zegel_core::address::{Address, AddressError};
use zegel_core::envelope::{Notify, Recipient};
use zegel_core::marker::Key;
use zegel_core::route::{self, RouteError};

use super::reply::Reply;
use super::terms::Service;

/// Octets of ENVID (RFC 3461, section 4.4).
const ENVELOPE_ID_MAX: usize = 100;

/// Octets of ORCPT (RFC 3461, section 4.2).
const ORIGINAL_MAX: usize = 500;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mail {
    /// `None` is the null sender.
    pub(super) sender: Option<Address>,
    /// The size that the client announces.
    pub(super) size: Option<u64>,
    pub(super) smtp_utf8: bool,
    pub(super) envelope_id: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rcpt {
    pub(super) recipient: Recipient,
    /// It was written beyond ASCII.
    pub(super) needs_smtp_utf8: bool,
}

/// A keyword with its value, as it was written.
type Parameter<'a> = (&'a str, Option<&'a str>);

pub(super) fn mail(
    argument: &str,
    service: Service,
    key: Option<&Key>,
) -> Result<Mail, Reply<'static>> {
    let (path, parameters) =
        path(argument, "FROM:").ok_or(Reply::Syntax("MAIL FROM:<address> [parameters]"))?;
    let mut mail = Mail { sender: None, size: None, smtp_utf8: false, envelope_id: None };
    for (keyword, value) in self::parameters(parameters)? {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("SIZE", Some(value)) => mail.size = Some(size(value)?),
            ("BODY", Some(value)) if is_one_of(value, &["7BIT", "8BITMIME"]) => {}
            // What comes back of a message is for us to say, and it is never the content.
            ("RET", Some(value)) if is_one_of(value, &["FULL", "HDRS"]) => {}
            ("RET", _) => return Err(Reply::BadParameter("RET is FULL or HDRS")),
            // Whom the submitter says it had the message from: we trust nobody's word on that (RFC 4954, section 5).
            ("AUTH", Some(value)) if service == Service::Submission => {
                xtext(value)?;
            }
            ("SMTPUTF8", None) => mail.smtp_utf8 = true,
            ("ENVID", Some(value)) if value.len() <= ENVELOPE_ID_MAX => {
                mail.envelope_id = Some(xtext(value)?);
            }
            ("ENVID", _) => {
                return Err(Reply::BadParameter("ENVID is at most 100 characters of xtext"));
            }
            _ => return Err(Reply::UnknownParameter),
        }
    }
    if !path.is_empty() {
        mail.sender = Some(address(path, key, route::decode_sender)?.map_err(Reply::BadSender)?);
    }
    if path.is_ascii() || mail.smtp_utf8 { Ok(mail) } else { Err(Reply::NeedsSmtpUtf8) }
}

pub(super) fn rcpt(argument: &str, key: Option<&Key>) -> Result<Rcpt, Reply<'static>> {
    let (path, parameters) =
        path(argument, "TO:").ok_or(Reply::Syntax("RCPT TO:<address> [parameters]"))?;
    let (mut notify, mut original) = (Notify::DEFAULT, None);
    for (keyword, value) in self::parameters(parameters)? {
        match (keyword.to_ascii_uppercase().as_str(), value) {
            ("NOTIFY", Some(value)) => notify = self::notify(value)?,
            ("ORCPT", Some(value)) if value.len() <= ORIGINAL_MAX => {
                // It ends up in reports, and a placeholder is nothing to anybody who reads one.
                original = Some(self::original(value)?).filter(|it| !route::is_placeholder(it));
            }
            ("ORCPT", _) => return Err(Reply::BadParameter("ORCPT is at most 500 characters")),
            _ => return Err(Reply::UnknownParameter),
        }
    }
    // RFC 5321, section 4.5.1, has it taken wherever mail is. Nobody has a mailbox here, and whose postmaster is meant it
    // leaves open, so it would be mail to nobody.
    if path.eq_ignore_ascii_case("postmaster") {
        return Err(Reply::NoMailbox);
    }
    let address = self::address(path, key, route::decode)?.map_err(Reply::BadRecipient)?;
    Ok(Rcpt {
        recipient: Recipient { address, notify, original },
        needs_smtp_utf8: !path.is_ascii(),
    })
}

/// What stands between the angle brackets, and what follows them. Clients that put a space before the bracket are many
/// and mean nothing by it.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (found, rest) = argument.split_at_checked(keyword.len())?;
    let rest =
        rest.trim_start().strip_prefix('<').filter(|_| found.eq_ignore_ascii_case(keyword))?;
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.find(|c| {
        let ends = c == '>' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        ends
    })?;
    let (path, after) = rest.split_at_checked(end)?;
    let after = after.strip_prefix('>')?;
    (after.is_empty() || after.starts_with(' ')).then_some((path, after))
}

/// What reads the address inside a placeholder.
type Decode = fn(&Key, &str) -> Result<Option<String>, RouteError>;

/// An address, or that inside a placeholder. This comes before anything else is asked of it: a placeholder's local part is
/// longer than any other may be.
fn address(
    path: &str,
    key: Option<&Key>,
    decode: Decode,
) -> Result<Result<Address, AddressError>, Reply<'static>> {
    let path = last(path);
    let inside = match key {
        Some(key) => decode(key, path).map_err(|_| Reply::ForeignPlaceholder)?,
        None if route::is_placeholder(path) => return Err(Reply::PlaceholderWithoutKey),
        None => None,
    };
    Ok(inside.as_deref().unwrap_or(path).parse())
}

/// The address of a path. A source route before it is accepted and ignored (RFC 5321, appendix C).
fn last(path: &str) -> &str {
    let route = path.starts_with('@').then(|| path.split_once(':')).flatten();
    route.map_or(path, |(_, address)| address)
}

/// Keywords with their values, each at most once (RFC 5321, section 4.1.2).
fn parameters(text: &str) -> Result<Vec<Parameter<'_>>, Reply<'static>> {
    let mut parameters: Vec<Parameter<'_>> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) =
            word.split_once('=').map_or((word, None), |(keyword, value)| (keyword, Some(value)));
        if keyword.is_empty()
            || !keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        {
            return Err(Reply::BadParameter("a parameter is written as KEYWORD or KEYWORD=value"));
        }
        if value.is_some_and(|value| {
            value.is_empty() || value.contains(|c: char| c == '=' || c.is_ascii_control())
        }) {
            return Err(Reply::BadParameter("a parameter has a value that may not stand there"));
        }
        if parameters.iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(keyword)) {
            return Err(Reply::BadParameter("a parameter is given twice"));
        }
        parameters.push((keyword, value));
    }
    Ok(parameters)
}

/// At most 20 digits (RFC 1870, section 4). A number that no `u64` holds is over every limit as well.
fn size(value: &str) -> Result<u64, Reply<'static>> {
    if value.len() <= 20 && value.bytes().all(|octet| octet.is_ascii_digit()) {
        Ok(value.parse().unwrap_or(u64::MAX))
    } else {
        Err(Reply::BadParameter("SIZE is a number of octets"))
    }
}

fn notify(value: &str) -> Result<Notify, Reply<'static>> {
    const BAD: Reply<'static> =
        Reply::BadParameter("NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY");
    let mut notify = Notify::NEVER;
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(notify);
    }
    for word in value.split(',') {
        let named = match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => &mut notify.success,
            "FAILURE" => &mut notify.failure,
            "DELAY" => &mut notify.delay,
            _ => return Err(BAD),
        };
        *named = true;
    }
    Ok(notify)
}

/// `type;address`, the address decoded.
fn original(value: &str) -> Result<String, Reply<'static>> {
    let (kind, address) =
        value.split_once(';').ok_or(Reply::BadParameter("ORCPT is written as type;address"))?;
    if !is_kind(kind) || address.is_empty() {
        return Err(Reply::BadParameter("ORCPT is written as type;address"));
    }
    Ok(format!("{kind};{}", xtext(address)?))
}

/// The type of an address, such as `rfc822`.
fn is_kind(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_graphic())
}

/// Decodes xtext (RFC 3461, section 4). It ends up in reports, so no encoded control may come out of it.
fn xtext(value: &str) -> Result<String, Reply<'static>> {
    const BAD: Reply<'static> = Reply::BadParameter("a value is not xtext (RFC 3461)");
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((octet, after)) = rest.split_first() {
        rest = match (octet, after) {
            (b'+', [high, low, after @ ..]) => {
                decoded
                    .push(hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low).ok_or(BAD)?);
                after
            }
            (b'+', _) => return Err(BAD),
            (octet, after) => {
                decoded.push(*octet);
                after
            }
        };
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains(char::is_control)).ok_or(BAD)
}

/// Upper case only, as RFC 3461 has it.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn is_one_of(value: &str, words: &[&str]) -> bool {
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::command::Command;
    use super::super::terms::Terms;
    use super::*;

    fn parse(line: &str, service: Service, key: Option<&Key>) -> Result<Command, Reply<'static>> {
        let terms = Terms {
            service,
            hostname: "relay.example".into(),
            message_size_max: 100,
            recipients_max: 3,
            marker_key: key.cloned(),
            bounces: None,
        };
        Command::parse(line.as_bytes(), &terms, true)
    }

    #[track_caller]
    fn check(line: &str, expected: &Result<Command, Reply<'static>>) {
        assert_eq!(&parse(line, Service::Lmtp, None), expected, "{line:?}");
    }

    /// A line that is refused with the reply that starts like this.
    #[track_caller]
    fn check_refused(line: &str, expected: &str) {
        let reply = parse(line, Service::Lmtp, None).unwrap_err().to_octets();
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.starts_with(expected), "{line:?}: {reply}");
    }

    fn from(sender: Option<&str>) -> Mail {
        let sender = sender.map(|address| address.parse().unwrap());
        Mail { sender, size: None, smtp_utf8: false, envelope_id: None }
    }

    fn to(address: &str, notify: Notify, original: Option<&str>) -> Command {
        let recipient = Recipient {
            address: address.parse().unwrap(),
            notify,
            original: original.map(Into::into),
        };
        Command::Rcpt(Rcpt { recipient, needs_smtp_utf8: false })
    }

    #[test]
    fn sender_may_be_null_quoted_or_behind_a_source_route() {
        check("MAIL FROM:<>", &Ok(Command::Mail(from(None))));
        check("mail from: <Jan@Example.org>", &Ok(Command::Mail(from(Some("Jan@example.org")))));
        check(
            "MAIL FROM:<@a.example,@b.example:jan@c.example>",
            &Ok(Command::Mail(from(Some("jan@c.example")))),
        );
        check(
            r#"MAIL FROM:<"a>\"b"@c.example>"#,
            &Ok(Command::Mail(from(Some(r#""a>\"b"@c.example"#)))),
        );
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for line in [
            "MAIL",
            "MAIL FROM",
            "MAIL FROM:",
            "MAIL FROM:jan@a.example",
            "MAIL FROM:<jan@a.example",
            "MAIL TO:<>",
        ] {
            check_refused(line, "501 5.5.4 the form is: MAIL FROM:");
        }
        check_refused("MAIL FROM:<jan@a.example>SIZE=1", "501 5.5.4 the form is: MAIL FROM:");
        check_refused("RCPT FROM:<jan@a.example>", "501 5.5.4 the form is: RCPT TO:");
        check_refused("MAIL FROM:<jan>", "553 5.1.7 ");
        for path in [
            "",
            "postmasters",
            "jan@[192.0.2.1]",
            "@a.example:",
            "a b@c.example",
            "jan@a.example>, <els@a.example",
        ] {
            let expected = if path.contains('>') { "501 5.5.4 " } else { "553 5.1.3 " };
            check_refused(&format!("RCPT TO:<{path}>"), expected);
        }
    }

    #[test]
    fn parameters_of_mail_are_read() {
        let mail = Mail {
            size: Some(1000),
            smtp_utf8: true,
            envelope_id: Some("a=b".into()),
            ..from(Some("jan@a.example"))
        };
        let line =
            "MAIL FROM:<jan@a.example> size=1000 BODY=8bitmime SMTPUTF8 RET=FULL ENVID=a+3Db";
        check(line, &Ok(Command::Mail(mail)));
        check(
            "MAIL FROM:<> SIZE=99999999999999999999",
            &Ok(Command::Mail(Mail { size: Some(u64::MAX), ..from(None) })),
        );
    }

    #[test]
    fn parameters_of_rcpt_are_read() {
        let some = Notify { success: true, failure: false, delay: true };
        check("RCPT TO:<els@b.example> NOTIFY=SUCCESS,delay", &Ok(to("els@b.example", some, None)));
        check(
            "RCPT TO:<els@b.example> NOTIFY=never",
            &Ok(to("els@b.example", Notify::NEVER, None)),
        );
        let original = Some("rfc822;els+x@b.example");
        check(
            "RCPT TO:<els@b.example> ORCPT=rfc822;els+2Bx@b.example",
            &Ok(to("els@b.example", Notify::DEFAULT, original)),
        );
    }

    #[test]
    fn parameter_that_is_not_understood_is_refused() {
        for (parameter, expected) in [
            ("AUTH=<>", "555 5.5.4 "),
            ("BODY=BINARYMIME", "555 5.5.4 "),
            ("SIZE", "555 5.5.4 "),
            ("SMTPUTF8=1", "555 5.5.4 "),
            ("SIZE=-1", "501 5.5.4 SIZE "),
            ("SIZE=1 SIZE=2", "501 5.5.4 a parameter is given twice"),
            ("SIZE=", "501 5.5.4 "),
            ("=1", "501 5.5.4 "),
            ("RET=BODY", "501 5.5.4 RET "),
            ("ENVID=a+0D+0Ab", "501 5.5.4 "),
            ("ENVID=a+3db", "501 5.5.4 "),
            ("ENVID=a+3", "501 5.5.4 "),
            (&format!("ENVID={}", "x".repeat(101)), "501 5.5.4 ENVID "),
        ] {
            check_refused(&format!("MAIL FROM:<> {parameter}"), expected);
        }
        for parameter in
            ["NOTIFY=NEVER,DELAY", "NOTIFY=", "ORCPT=rfc822", "ORCPT=rfc822;", "ORCPT=rfc822;+00"]
        {
            check_refused(&format!("RCPT TO:<els@b.example> {parameter}"), "501 5.5.4 ");
        }
    }

    #[test]
    fn word_of_a_submitter_about_another_is_read_and_not_taken() {
        for value in ["<>", "jan@a.example", "jan+2Bx@a.example"] {
            let line = format!("MAIL FROM:<> AUTH={value}");
            let found = parse(&line, Service::Submission, None);
            assert_eq!(found, Ok(Command::Mail(from(None))), "{line}");
        }
        for service in [Service::Lmtp, Service::Relay] {
            let found = parse("MAIL FROM:<> AUTH=<>", service, None);
            assert_eq!(found, Err(Reply::UnknownParameter), "{service:?}");
        }
    }

    #[test]
    fn postmaster_of_nowhere_has_no_mailbox_here() {
        check("RCPT TO:<Postmaster>", &Err(Reply::NoMailbox));
        let to = to("postmaster@b.example", Notify::DEFAULT, None);
        check("RCPT TO:<postmaster@b.example>", &Ok(to));
    }

    #[test]
    fn address_beyond_ascii_needs_smtputf8() {
        check("MAIL FROM:<jos\u{e9}@a.example>", &Err(Reply::NeedsSmtpUtf8));
        check("MAIL FROM:<jan@b\u{fc}cher.example>", &Err(Reply::NeedsSmtpUtf8));
        let mail = Mail { smtp_utf8: true, ..from(Some("jos\u{e9}@a.example")) };
        check("MAIL FROM:<jos\u{e9}@a.example> SMTPUTF8", &Ok(Command::Mail(mail)));
        let line = "RCPT TO:<els@b\u{fc}cher.example>";
        let Ok(Command::Rcpt(rcpt)) = parse(line, Service::Lmtp, None) else {
            panic!("a recipient is read before it is known whether it may stand there");
        };
        assert!(rcpt.needs_smtp_utf8);
    }

    /// Under this key the line is for that recipient, or is refused with a reply that has these words.
    #[track_caller]
    fn check_placeholder(line: &str, key: Option<&Key>, expected: Result<&str, &str>) {
        let found = parse(line, Service::Lmtp, key);
        match (&found, expected) {
            (Ok(Command::Mail(mail)), Ok(address)) => {
                assert_eq!(mail.sender.as_ref().map(ToString::to_string).as_deref(), Some(address));
            }
            (Ok(Command::Rcpt(rcpt)), Ok(address)) => assert_eq!(
                (rcpt.recipient.address.to_string().as_str(), &rcpt.recipient.original),
                (address, &None),
                "{line}"
            ),
            (Err(reply), Err(words)) => {
                let reply = String::from_utf8(reply.to_octets()).unwrap();
                assert!(
                    reply.starts_with("550 5.1.3 ") && reply.contains(words),
                    "{line}: {reply}"
                );
            }
            _ => panic!("{line}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn placeholder_stands_for_its_address_with_the_key_it_was_made_with_and_for_nobody_otherwise() {
        let [key, other] = [1, 2].map(|octet| Key::new(&[octet; 32]).unwrap());
        for address in
            ["els@b.example", "\"els smit\"@b.example", &format!("{}@b.example", "x".repeat(64))]
        {
            let placeholder = route::encode(&key, address).unwrap();
            let line = format!("RCPT TO:<{placeholder}>");
            check_placeholder(&line, Some(&key), Ok(address));
            check_placeholder(
                &format!("RCPT TO:<@a.example:{placeholder}>"),
                Some(&key),
                Ok(address),
            );
            let sender = route::encode_sender(&key, address).unwrap();
            let from = format!("MAIL FROM:<{sender}>");
            check_placeholder(&from, Some(&key), Ok(address));
            for line in [line, from] {
                check_placeholder(&line, Some(&other), Err("same marker-key-file"));
                check_placeholder(&line, None, Err("set marker-key-file"));
            }
            for line in [format!("MAIL FROM:<{placeholder}>"), format!("RCPT TO:<{sender}>")] {
                check_placeholder(&line, Some(&key), Err("same marker-key-file"));
            }
        }
        check_placeholder(
            "RCPT TO:<els=40b.example@zegel.invalid>",
            Some(&key),
            Err("same marker"),
        );
        check_placeholder("RCPT TO:<els@b.example>", Some(&key), Ok("els@b.example"));
        let original = route::encode(&key, "els@b.example").unwrap().replace('=', "+3D");
        let line = format!("RCPT TO:<els@b.example> ORCPT=rfc822;{original}");
        check_placeholder(&line, Some(&key), Ok("els@b.example"));
    }
}
