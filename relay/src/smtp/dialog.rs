//! Plays the dialogues in `tests/dialogs` with a session. The first line may say whose it is: `# service: submission`, or
//! `# service: relay`, and ` in tls` where TLS is there from the start; otherwise it is LMTP, without the milter's key
//! but for `# service: lmtp with key`. Then stand
//!
//! - `C: …` what the client sends, and a line end; `C\ …` the same without one, with the escapes of Rust's strings;
//!   `C* …` so many times the letter x
//! - `S: …` a line that the session answers
//! - `E: …` what it wants done: `starttls`, `authenticate LOGIN PASSWORD`, `ask CLIENT SENDER`, `begin SENDER -> RECIPIENTS`,
//!   `text …`, `end`, `abandon`; or `close`
//! - `A: …` what becomes of a password: `as LOGIN`, `wrong`, `too-many`, `unavailable`
//! - `M: …` what becomes of a sender, where it is asked: see [`admission`]
//! - `V: …` what becomes of a message: see [`verdict`]
//! - `T: …` what happens on the connection: `secured`, `stopping`, `timed out`
//! - `# …` a comment

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use zegel_core::decision::Right;
use zegel_core::directive::DirectiveError;
use zegel_core::envelope::{Envelope, Notify, Recipient};
use zegel_core::marker::Key;
use zegel_core::message::{FromError, Head};
use zegel_core::spf;
use zegel_core::submission::{Protocol, Refusal};
use zegel_core::submitter::{Alignment, NotAllowed, Submitter};

use super::session::{Action, Peer, Service, Session, Terms};
use crate::admission::{Admission, Asked, Authenticated, Client, NotAuthorised};
use crate::bounces::Bounces;
use crate::intake::{Refused, Transaction, Verdict};
use crate::vault::Keyring;

/// Something that happens, with the transcript that follows it.
type Step = (Cause, Vec<String>);

#[derive(Clone)]
enum Cause {
    Sent(Vec<u8>),
    Event(fn(&mut Session)),
}

struct Dialog {
    service: Service,
    in_tls: bool,
    keyed: bool,
    bouncing: bool,
    steps: Vec<Step>,
    answers: Answers,
}

/// What the session is told when it asks.
#[derive(Clone, Default)]
struct Answers {
    authenticated: VecDeque<Authenticated>,
    admissions: VecDeque<Admission>,
    verdicts: VecDeque<Verdict>,
}

struct Play {
    service: Service,
    session: Session,
    answers: Answers,
}

/// What the dialogues are played under.
pub(super) fn terms(service: Service) -> Terms {
    Terms {
        service,
        hostname: "relay.example".into(),
        message_size_max: 100,
        recipients_max: 3,
        marker_key: None,
        bounces: None,
    }
}

/// Return paths of `bounce.example` that are signed with one key in every run.
fn bounces() -> Bounces {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.key");
    std::fs::write(&file, "fixed AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    Bounces::new("bounce.example".parse().unwrap(), Keyring::load(&file).unwrap())
}

impl Dialog {
    fn parse(text: &str) -> Self {
        let whose = text.lines().next().unwrap_or_default().strip_prefix("# service: ");
        let service = match whose.and_then(|whose| whose.split(' ').next()) {
            None | Some("lmtp") => Service::Lmtp,
            Some("submission") => Service::Submission,
            Some("relay") => Service::Relay,
            Some(other) => panic!("no such service: {other}"),
        };
        let is = |how: &str| whose.is_some_and(|whose| whose.ends_with(how));
        let bouncing = is(" with bounces");
        let (in_tls, keyed) = (is(" in tls") || bouncing, is(" with key"));
        let steps = vec![(Cause::Sent(Vec::new()), Vec::new())];
        let answers = Answers::default();
        let mut dialog = Self { service, in_tls, keyed, bouncing, steps, answers };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            dialog.read(line);
        }
        dialog
    }

    fn read(&mut self, line: &str) {
        let (kind, rest) = line.split_at(2);
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match kind {
            "C:" => self.send(format!("{rest}\r\n").as_bytes()),
            "C\\" => self.send(&unescape(rest)),
            "C*" => self.send(&b"x".repeat(rest.parse().unwrap())),
            "S:" | "E:" => add(&mut self.steps.last_mut().unwrap().1, line.to_owned()),
            "A:" => self.answers.authenticated.push_back(authenticated(rest)),
            "M:" => self.answers.admissions.push_back(admission(rest)),
            "V:" => self.answers.verdicts.push_back(verdict(rest)),
            "T:" => self.steps.push((Cause::Event(event(rest)), Vec::new())),
            _ => panic!("no such line in a dialogue: {line}"),
        }
    }

    fn send(&mut self, octets: &[u8]) {
        match self.steps.last_mut() {
            Some((Cause::Sent(sent), answers)) if answers.is_empty() => sent.extend(octets),
            _ => self.steps.push((Cause::Sent(octets.to_vec()), Vec::new())),
        }
    }

    fn play(&self) -> Play {
        let address = (self.service != Service::Lmtp).then(|| "192.0.2.1".parse().unwrap());
        let peer = Peer { address, secure: self.in_tls };
        let marker_key = self.keyed.then(|| Key::new(&[1; 32]).unwrap());
        let bounces = self.bouncing.then(bounces);
        let terms = Terms { marker_key, bounces, ..terms(self.service) };
        Play {
            service: self.service,
            session: Session::new(Arc::new(terms), peer),
            answers: self.answers.clone(),
        }
    }

    /// What is sent without anything else happening in between is one.
    fn flights(&self) -> Vec<Cause> {
        let mut flights = Vec::new();
        for (cause, _) in &self.steps {
            match (flights.last_mut(), cause) {
                (Some(Cause::Sent(sent)), Cause::Sent(more)) => sent.extend(more),
                _ => flights.push(cause.clone()),
            }
        }
        flights
    }
}

impl Play {
    /// Sends octets, or lets something happen, and appends what the session then does.
    fn go_on(&mut self, cause: &Cause, transcript: &mut Vec<String>) {
        match cause {
            Cause::Sent(octets) => self.session.receive(octets),
            Cause::Event(event) => event(&mut self.session),
        }
        while let Some(action) = self.session.poll() {
            for line in told(&action, self.service) {
                add(transcript, line);
            }
            self.answer(action);
        }
    }

    fn answer(&mut self, action: Action) {
        let Answers { authenticated, admissions, verdicts } = &mut self.answers;
        match action {
            Action::Authenticate(_) => {
                self.session.authenticated(authenticated.pop_front().expect("an `A:` for each"));
            }
            // Whoever is known is let in, where nothing else is written.
            Action::Admit(asked) => match (admissions.pop_front(), asked.client) {
                (Some(admission), _) => self.session.admitted(admission),
                (None, Client::Known(submitter)) => {
                    self.session.admitted(Admission::As(submitter));
                }
                (None, Client::Host { .. }) => panic!("an `M:` for each host"),
            },
            Action::End => self.session.settle(&verdicts.pop_front().expect("a `V:` for each")),
            Action::Reply(_)
            | Action::StartTls
            | Action::Begin(_)
            | Action::Text(_)
            | Action::Abandon
            | Action::Close => {}
        }
    }
}

/// Adds a line; text that follows text is one text, in whatever pieces it came.
fn add(transcript: &mut Vec<String>, line: String) {
    match (transcript.last_mut(), line.strip_prefix("E: text ")) {
        (Some(last), Some(more)) if last.starts_with("E: text ") => last.push_str(more),
        _ => transcript.push(line),
    }
}

fn told(action: &Action, service: Service) -> Vec<String> {
    let event = match action {
        Action::Reply(octets) => {
            let replies = str::from_utf8(octets).unwrap().strip_suffix("\r\n").unwrap();
            return replies.split("\r\n").map(|line| format!("S: {line}")).collect();
        }
        Action::StartTls => "starttls".into(),
        Action::Authenticate(attempt) => {
            format!("authenticate {} {}", attempt.login, attempt.password.reveal())
        }
        Action::Admit(_) if service == Service::Lmtp => return Vec::new(),
        Action::Admit(asked) => format!("ask {}", told_asked(asked)),
        Action::Begin(transaction) => format!("begin {}", told_transaction(transaction)),
        Action::Text(text) => format!("text {}", text.escape_ascii()),
        Action::End => "end".into(),
        Action::Abandon => "abandon".into(),
        Action::Close => "close".into(),
    };
    vec![format!("E: {event}")]
}

fn told_asked(asked: &Asked) -> String {
    let client = match &asked.client {
        Client::Known(submitter) => told_submitter(submitter),
        Client::Host { address, helo } => format!("{helo} [{address}]"),
    };
    let sender = asked.sender.as_ref().map_or("<>".into(), ToString::to_string);
    let size = asked.size.map_or(String::new(), |size| format!(" size {size}"));
    format!("{client} {sender}{size}")
}

fn told_submitter(submitter: &Submitter) -> String {
    match submitter {
        Submitter::Reporter => "reporter".into(),
        Submitter::Local => "local".into(),
        Submitter::Credential { login, .. } => login.clone(),
        Submitter::Host { domain, .. } => domain.to_string(),
    }
}

/// How it came where it did not come from the local mail server, and its envelope.
fn told_transaction(transaction: &Transaction) -> String {
    let Transaction { envelope, submitter, arrival } = transaction;
    let envelope = told_envelope(envelope);
    if arrival.protocol == Protocol::Lmtp {
        return envelope;
    }
    let from = arrival
        .from
        .as_ref()
        .map_or(String::new(), |(helo, address)| format!(" from {helo} [{address}]"));
    format!("{} by {}{from}: {envelope}", arrival.protocol, told_submitter(submitter))
}

fn told_envelope(envelope: &Envelope) -> String {
    let sender = envelope.sender.as_ref().map_or("<>".into(), ToString::to_string);
    let id = envelope.envelope_id.as_ref().map_or(String::new(), |id| format!(" id {id}"));
    let recipients: Vec<String> = envelope.recipients.iter().map(told_recipient).collect();
    format!("{sender}{id} -> {}", recipients.join(", "))
}

fn told_recipient(recipient: &Recipient) -> String {
    let original =
        recipient.original.as_ref().map_or(String::new(), |original| format!(" for {original}"));
    let Notify { success, failure, delay } = recipient.notify;
    let notify = match recipient.notify {
        Notify::DEFAULT => String::new(),
        _ => format!(" notify {}{}{}", u8::from(success), u8::from(failure), u8::from(delay)),
    };
    format!("{}{notify}{original}", recipient.address)
}

fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((octet, after)) = rest.split_first() {
        let (octet, after) = match (octet, after) {
            (b'\\', [b'r', after @ ..]) => (b'\r', after),
            (b'\\', [b'n', after @ ..]) => (b'\n', after),
            (b'\\', [b'0', after @ ..]) => (0, after),
            (b'\\', [b'x', after @ ..]) => {
                (u8::from_str_radix(str::from_utf8(&after[..2]).unwrap(), 16).unwrap(), &after[2..])
            }
            (b'\\', _) => panic!("no such escape: {text:?}"),
            (octet, after) => (*octet, after),
        };
        octets.push(octet);
        rest = after;
    }
    octets
}

fn event(word: &str) -> fn(&mut Session) {
    match word {
        "secured" => Session::secured,
        "stopping" => Session::stop,
        "timed out" => Session::time_out,
        _ => panic!("no such event: {word}"),
    }
}

fn authenticated(words: &str) -> Authenticated {
    match words.split_once(' ') {
        Some(("as", login)) => Authenticated::As(credential(login)),
        _ => match words {
            "wrong" => Authenticated::Wrong,
            "too-many" => Authenticated::TooMany,
            "unavailable" => Authenticated::Unavailable,
            _ => panic!("no such outcome: {words}"),
        },
    }
}

fn credential(login: &str) -> Submitter {
    Submitter::Credential { login: login.into(), scopes: Vec::new() }
}

/// `as DOMAIN` is a host for which SPF has passed.
fn admission(words: &str) -> Admission {
    let domain = || "a.example".parse().unwrap();
    let not = |why: NotAuthorised| Admission::NotAuthorised(why);
    let spf = |why| not(NotAuthorised::Spf(domain(), why));
    match words {
        "as a.example" => {
            Admission::As(Submitter::Host { domain: domain(), alignment: Alignment::Strict })
        }
        "as reporter" => Admission::As(Submitter::Reporter),
        "not-allowed" => Admission::NotAllowed(NotAllowed::SenderOutOfScope),
        "not-listed" => not(NotAuthorised::NotListed(Some(domain()))),
        "no-domain" => not(NotAuthorised::NotListed(None)),
        "no-policy" => spf(spf::Refused::NoPolicy),
        "undecided" => spf(spf::Refused::Undecided),
        "softfail" => spf(spf::Refused::SoftFail),
        "fail" => spf(spf::Refused::Fail(None)),
        "broken" => spf(spf::Refused::Broken(spf::Why {
            domain: "a.example".into(),
            fault: spf::Fault::Syntax,
        })),
        "weak" => spf(spf::Refused::Weak(spf::Weakness::Everybody)),
        "full" => Admission::Full,
        "unavailable" => Admission::Unavailable,
        _ => panic!("no such admission: {words}"),
    }
}

fn verdict(word: &str) -> Verdict {
    let refused = |refused| Verdict::Refused(refused);
    let message = |refusal| refused(Refused::Message(refusal));
    match word {
        "kept" => Verdict::Kept,
        "full" => Verdict::Full,
        "unavailable" => Verdict::Unavailable,
        "no-account" => refused(Refused::NoAccount("a.example".parse().unwrap())),
        "suspended" => refused(Refused::Suspended("a.example".parse().unwrap())),
        "author-not-allowed" => refused(Refused::NotAllowed(NotAllowed::AuthorOutOfScope)),
        "own-mail" => refused(Refused::OwnMail),
        "head-too-long" => refused(Refused::HeadTooLong),
        "no-sms" => refused(Refused::CannotVerifyBy(Right::Sms)),
        "no-texts-there" => refused(Refused::NoTextsThere),
        "no-access-code" => refused(Refused::CannotVerifyBy(Right::AccessCode)),
        "no-head" => message(Head::parse(b"x").unwrap_err().into()),
        "no-author" => message(FromError("the message has no From field").into()),
        "directive" => message(Refusal::Directive(DirectiveError {
            header: "zivver-access-right",
            why: "no number".into(),
        })),
        "loop" => message(Refusal::Loop(100)),
        _ => panic!("no such verdict: {word}"),
    }
}

#[track_caller]
fn check(name: &str, text: &str) {
    let dialog = Dialog::parse(text);
    let (mut play, mut expected) = (dialog.play(), Vec::new());
    for (cause, answers) in &dialog.steps {
        let mut transcript = Vec::new();
        play.go_on(cause, &mut transcript);
        let cause = match cause {
            Cause::Sent(octets) => octets.escape_ascii().to_string(),
            Cause::Event(_) => "what happened".into(),
        };
        assert_eq!(&transcript, answers, "{name}: after {cause}");
        for line in answers {
            add(&mut expected, line.clone());
        }
    }
    let flights = dialog.flights();
    for (cut, flight) in flights.iter().enumerate() {
        let Cause::Sent(sent) = flight else { continue };
        // Every one, but where that would take minutes.
        for split in (0..=sent.len()).step_by(1 + sent.len() / 2000) {
            let (mut play, mut transcript) = (dialog.play(), Vec::new());
            for (number, cause) in flights.iter().enumerate() {
                if number == cut {
                    play.go_on(&Cause::Sent(sent[..split].to_vec()), &mut transcript);
                    play.go_on(&Cause::Sent(sent[split..].to_vec()), &mut transcript);
                } else {
                    play.go_on(cause, &mut transcript);
                }
            }
            assert_eq!(transcript, expected, "{name}: flight {cut} split at {split}");
        }
    }
}

/// The written dialogues, with their paths.
pub(super) fn written() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/dialogs");
    let dialogs: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    assert!(!dialogs.is_empty(), "there are no dialogues");
    dialogs
}

#[test]
fn dialogues_go_as_written_however_the_octets_are_cut() {
    for (name, text) in written() {
        check(&name, &text);
    }
}

const GREETED: &str = "S: 220 relay.example LMTP Zegel\n";

/// Stops or times a session out after these octets; what is awaited comes after that.
#[track_caller]
fn check_ended(sent: &str, end: fn(&mut Session), expected: &[&str]) {
    let dialog = Dialog::parse(GREETED);
    let mut play = dialog.play();
    play.session.receive(sent.as_bytes());
    let mut asked = None;
    while let Some(action) = play.session.poll() {
        match action {
            // It is still being found out when the end comes.
            Action::Admit(_) if sent.ends_with("MAIL FROM:<>\r\n") => asked = Some(()),
            Action::Admit(_) => play.session.admitted(Admission::As(Submitter::Local)),
            Action::End => break,
            _ => {}
        }
    }
    end(&mut play.session);
    let mut transcript = Vec::new();
    play.go_on(&Cause::Sent(Vec::new()), &mut transcript);
    if asked.is_some() {
        play.session.admitted(Admission::As(Submitter::Local));
    }
    play.session.settle(&Verdict::Kept);
    play.go_on(&Cause::Sent(b"QUIT\r\n".to_vec()), &mut transcript);
    assert_eq!(transcript, expected, "{sent:?}");
}

const TO_DATA: &str = "LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<els@b.example>\r\nDATA\r\n";
const TO_CHUNKS: &str =
    "LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<els@b.example>\r\nBDAT 2\r\n\r\n";
const STOPPING: &str = "S: 421 4.3.2 the relay is stopping; try again soon";
const TIMED_OUT: &str = "S: 421 4.4.2 nothing came for too long";

#[test]
fn stopping_session_finishes_the_message_in_hand_and_no_other() {
    check_ended("", Session::stop, &[STOPPING, "E: close"]);
    check_ended("LHLO a.example\r\nMAIL FROM:<>\r\n", Session::stop, &[STOPPING, "E: close"]);
    check_ended(TO_DATA, Session::stop, &["E: text QUIT\\r\\n"]);
    check_ended(TO_CHUNKS, Session::stop, &["S: 221 2.0.0 bye", "E: close"]);
    check_ended(
        &format!("{TO_DATA}.\r\n"),
        Session::stop,
        &["S: 250 2.0.0 kept", STOPPING, "E: close"],
    );
}

#[test]
fn session_that_times_out_is_closed_wherever_it_is() {
    for sent in ["", "LHLO a.example\r\n", "LHLO a.example\r\nMAIL FROM:<>\r\n", TO_DATA, TO_CHUNKS]
    {
        check_ended(sent, Session::time_out, &[TIMED_OUT, "E: close"]);
    }
}
