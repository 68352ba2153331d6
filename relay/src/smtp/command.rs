//! Commands (RFC 2033, RFC 5321 section 4.1), and which of them a listener has.

use zegel_core::secret::Secret;

use super::arguments::{self, Mail, Rcpt};
use super::auth::Exchange;
use super::chunk::Chunk;
use super::reply::{AuthReply, Reply};
use super::terms::{Service, Terms};

/// Octets of a domain (RFC 5321, section 4.5.3.1.2).
const NAME_MAX: usize = 255;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Hello(Hello),
    StartTls,
    Auth {
        exchange: Exchange,
        /// The answer to a challenge that was not waited for.
        initial: Option<Secret>,
    },
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    Bdat(Chunk),
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
}

/// LHLO, EHLO or HELO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) name: String,
    /// It was not HELO.
    pub(super) extended: bool,
}

/// The first word of a command.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Verb {
    Lhlo,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    /// One that we know and never obey.
    Unprovided,
    /// One of HTTP: a browser was made to come here with a page's words, which may hold whole commands.
    Http,
}

impl Command {
    /// Reads a line; what it is not, the reply says. With the key of the terms, addresses that the milter wrote as
    /// placeholders are read as those that they stand for.
    pub(super) fn parse(line: &[u8], terms: &Terms, secure: bool) -> Result<Self, Reply<'static>> {
        let line = str::from_utf8(line).map_err(|_| Reply::NotUtf8)?;
        let (word, argument) =
            line.split_once(' ').map_or((line, ""), |(verb, argument)| (verb, argument.trim()));
        let verb = Verb::of(word).ok_or(Reply::UnknownCommand)?;
        verb.permitted(terms.service, secure)?;
        match verb {
            Verb::Lhlo => hello(argument, true, "LHLO hostname"),
            Verb::Ehlo => hello(argument, true, "EHLO hostname"),
            Verb::Helo => hello(argument, false, "HELO hostname"),
            Verb::StartTls => alone(Self::StartTls, argument, "STARTTLS"),
            Verb::Auth => auth(argument),
            Verb::Mail => {
                arguments::mail(argument, terms.service, terms.marker_key.as_ref()).map(Self::Mail)
            }
            Verb::Rcpt => arguments::rcpt(argument, terms.marker_key.as_ref()).map(Self::Rcpt),
            Verb::Data => alone(Self::Data, argument, "DATA"),
            Verb::Bdat => chunk(argument).map(Self::Bdat).ok_or(Reply::ChunkWithoutSize),
            Verb::Rset => alone(Self::Rset, argument, "RSET"),
            Verb::Quit => alone(Self::Quit, argument, "QUIT"),
            Verb::Noop => Ok(Self::Noop),
            Verb::Vrfy => Ok(Self::Vrfy),
            Verb::Help => Ok(Self::Help),
            Verb::Unprovided => Err(Reply::NotProvided),
            Verb::Http => Err(Reply::Http),
        }
    }
}

impl Verb {
    fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "LHLO" => Self::Lhlo,
            "EHLO" => Self::Ehlo,
            "HELO" => Self::Helo,
            "STARTTLS" => Self::StartTls,
            "AUTH" => Self::Auth,
            "MAIL" => Self::Mail,
            "RCPT" => Self::Rcpt,
            "DATA" => Self::Data,
            "BDAT" => Self::Bdat,
            "RSET" => Self::Rset,
            "NOOP" => Self::Noop,
            "VRFY" => Self::Vrfy,
            "HELP" => Self::Help,
            "QUIT" => Self::Quit,
            "EXPN" | "ETRN" | "TURN" | "ATRN" => Self::Unprovided,
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE"
            | "PATCH" | "PRI" => Self::Http,
            _ => return None,
        })
    }

    /// Whether a listener has the command, in this phase. What is not to be had before TLS gets the reply that says so
    /// whatever its arguments (RFC 3207, section 4).
    fn permitted(self, service: Service, secure: bool) -> Result<(), Reply<'static>> {
        match (self, service) {
            (Self::Ehlo | Self::Helo, Service::Lmtp) => Err(Reply::SayLhlo),
            (Self::Lhlo, Service::Submission | Service::Relay) => Err(Reply::SayEhlo),
            (Self::StartTls | Self::Auth, Service::Lmtp) => Err(Reply::NotProvided),
            (Self::Auth, Service::Submission) if !secure => Err(Reply::Auth(AuthReply::NeedsTls)),
            // BDAT waits for its octets, whatever becomes of them: the session refuses it.
            (
                Self::Ehlo
                | Self::StartTls
                | Self::Noop
                | Self::Rset
                | Self::Quit
                | Self::Bdat
                | Self::Http,
                _,
            ) => Ok(()),
            (_, Service::Submission | Service::Relay) if !secure => Err(Reply::StartTlsFirst),
            (Self::Auth, Service::Relay) => Err(Reply::NotProvided),
            (
                Self::Lhlo
                | Self::Helo
                | Self::Auth
                | Self::Mail
                | Self::Rcpt
                | Self::Data
                | Self::Vrfy
                | Self::Help
                | Self::Unprovided,
                _,
            ) => Ok(()),
        }
    }
}

fn alone(command: Command, argument: &str, form: &'static str) -> Result<Command, Reply<'static>> {
    if argument.is_empty() { Ok(command) } else { Err(Reply::Syntax(form)) }
}

fn hello(argument: &str, extended: bool, form: &'static str) -> Result<Command, Reply<'static>> {
    if is_name(argument) {
        Ok(Command::Hello(Hello { name: argument.into(), extended }))
    } else {
        Err(Reply::Syntax(form))
    }
}

/// A domain or an address literal, more or less. It ends up in Received fields, and in SPF's questions, so nothing that
/// would be read as something else there.
fn is_name(argument: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;\\\"".contains(&octet);
    (1..=NAME_MAX).contains(&argument.len()) && argument.bytes().all(fits)
}

/// `mechanism [answer]`
fn auth(argument: &str) -> Result<Command, Reply<'static>> {
    let (mechanism, initial) =
        argument.split_once(' ').map_or((argument, None), |(name, answer)| (name, Some(answer)));
    if mechanism.is_empty() {
        return Err(Reply::Syntax("AUTH mechanism [answer]"));
    }
    let exchange = Exchange::of(mechanism).ok_or(Reply::Auth(AuthReply::UnknownMechanism))?;
    Ok(Command::Auth { exchange, initial: initial.map(Secret::new) })
}

/// `octets [LAST]`
fn chunk(argument: &str) -> Option<Chunk> {
    let (size, last) = match argument.split_once(' ') {
        Some((size, last)) if last.eq_ignore_ascii_case("LAST") => (size, true),
        Some(_) => return None,
        None => (argument, false),
    };
    let left = size.bytes().all(|octet| octet.is_ascii_digit()).then(|| size.parse().ok())??;
    Some(Chunk { left, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[u8], service: Service, secure: bool) -> Result<Command, Reply<'static>> {
        let terms = Terms {
            service,
            hostname: "relay.example".into(),
            message_size_max: 100,
            recipients_max: 3,
            marker_key: None,
            bounces: None,
        };
        Command::parse(line, &terms, secure)
    }

    #[track_caller]
    fn check(line: &str, expected: &Result<Command, Reply<'static>>) {
        let service =
            if line.starts_with(['l', 'L']) { Service::Lmtp } else { Service::Submission };
        assert_eq!(&parse(line.as_bytes(), service, true), expected, "{line:?}");
    }

    fn named(name: &str, extended: bool) -> Command {
        Command::Hello(Hello { name: name.into(), extended })
    }

    #[test]
    fn verbs_are_known_in_any_case_and_take_no_argument_where_they_have_none() {
        check("lhlo mta.example", &Ok(named("mta.example", true)));
        check("HELO mta.example", &Ok(named("mta.example", false)));
        check("Data", &Ok(Command::Data));
        check("noop anything", &Ok(Command::Noop));
        check("DATA now", &Err(Reply::Syntax("DATA")));
        check("LHLO", &Err(Reply::Syntax("LHLO hostname")));
        check("GET / HTTP/1.1", &Err(Reply::Http));
        check("XYZZY", &Err(Reply::UnknownCommand));
        check("", &Err(Reply::UnknownCommand));
        assert_eq!(parse(b"NOOP \xff", Service::Lmtp, false), Err(Reply::NotUtf8));
    }

    #[test]
    fn name_of_a_client_cannot_be_read_as_something_else_where_it_is_written() {
        for name in ["mta", "mta_1.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            check(&format!("EHLO {name}"), &Ok(named(name, true)));
        }
        let long = "x".repeat(256);
        for name in ["", "a b", "a(b)", "<a>", "a@b", "a;b", "a\"b", "a\\b", "b\u{fc}cher", &long] {
            check(&format!("EHLO {name}"), &Err(Reply::Syntax("EHLO hostname")));
        }
    }

    #[test]
    fn chunk_has_a_size_that_is_understood_or_none_at_all() {
        let chunk = |left, last| Ok(Command::Bdat(Chunk { left, last }));
        check("BDAT 5", &chunk(5, false));
        check("bdat 0 last", &chunk(0, true));
        check("BDAT 18446744073709551615", &chunk(u64::MAX, false));
        for argument in ["", "LAST", "5 FIRST", "5  LAST", "+5", "-1", "18446744073709551616"] {
            check(&format!("BDAT {argument}"), &Err(Reply::ChunkWithoutSize));
        }
    }

    #[test]
    fn mechanism_is_one_of_two() {
        let auth = |exchange, initial: Option<&str>| {
            Ok(Command::Auth { exchange, initial: initial.map(Secret::new) })
        };
        check("AUTH plain", &auth(Exchange::Plain, None));
        check("AUTH LOGIN eHg=", &auth(Exchange::Login, Some("eHg=")));
        check("AUTH", &Err(Reply::Syntax("AUTH mechanism [answer]")));
        check("AUTH CRAM-MD5", &Err(Reply::Auth(AuthReply::UnknownMechanism)));
    }

    /// Whether a line is obeyed on LMTP, and on the others before and inside TLS.
    #[track_caller]
    fn check_permitted(line: &str, expected: [Result<(), Reply<'static>>; 5]) {
        let phases = [
            (Service::Lmtp, false),
            (Service::Submission, false),
            (Service::Submission, true),
            (Service::Relay, false),
            (Service::Relay, true),
        ];
        for ((service, secure), expected) in phases.into_iter().zip(expected) {
            let found = parse(line.as_bytes(), service, secure).map(|_| ());
            assert_eq!(found, expected, "{line:?} to {service:?}, TLS {secure}");
        }
    }

    #[test]
    fn before_tls_nothing_is_obeyed_but_what_leads_to_it() {
        let first = || Err(Reply::StartTlsFirst);
        for line in ["MAIL FROM:<>", "RCPT TO:<els@b.example>", "DATA", "VRFY jan", "HELP"] {
            check_permitted(line, [Ok(()), first(), Ok(()), first(), Ok(())]);
        }
        check_permitted("MAIL nonsense", {
            let form = || Err(Reply::Syntax("MAIL FROM:<address> [parameters]"));
            [form(), first(), form(), first(), form()]
        });
        for line in ["NOOP", "RSET", "QUIT", "BDAT 5"] {
            check_permitted(line, [Ok(()), Ok(()), Ok(()), Ok(()), Ok(())]);
        }
        let not = || Err(Reply::NotProvided);
        check_permitted("STARTTLS", [not(), Ok(()), Ok(()), Ok(()), Ok(())]);
        check_permitted("EXPN all", [not(), first(), not(), first(), not()]);
        let needs = Err(Reply::Auth(AuthReply::NeedsTls));
        check_permitted("AUTH PLAIN", [not(), needs, Ok(()), first(), not()]);
        let lhlo = || Err(Reply::SayLhlo);
        check_permitted("EHLO a.example", [lhlo(), Ok(()), Ok(()), Ok(()), Ok(())]);
        check_permitted("HELO a.example", [lhlo(), first(), Ok(()), first(), Ok(())]);
        let ehlo = || Err(Reply::SayEhlo);
        check_permitted("LHLO a.example", [Ok(()), ehlo(), ehlo(), ehlo(), ehlo()]);
    }
}
