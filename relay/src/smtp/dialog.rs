//! Plays the dialogues in `tests/dialogs` with a session. In a dialogue stand
//!
//! - `C: …` what the client sends, and a line end; `C\ …` the same without one, with the escapes of Rust's strings
//! - `S: …` a line that the session answers
//! - `E: …` what it has done with the message: `begin SENDER -> RECIPIENTS`, `text …`, `end`, `abandon`; or `close`
//! - `V: …` what becomes of the message: `kept`, `full`, `unavailable`, `no-account`
//! - `# …` a comment

use std::path::Path;
use std::sync::Arc;

use zegel_core::envelope::{Envelope, Notify, Recipient};

use super::session::{Action, Session, Terms};
use crate::intake::{Refused, Verdict};

/// Client's octets with the transcript that follows them.
type Step = (Vec<u8>, Vec<String>);

struct Dialog {
    steps: Vec<Step>,
    verdicts: Vec<Verdict>,
}

struct Play {
    session: Session,
    verdicts: std::vec::IntoIter<Verdict>,
}

impl Dialog {
    fn parse(text: &str) -> Self {
        let mut dialog = Self { steps: vec![(Vec::new(), Vec::new())], verdicts: Vec::new() };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (kind, rest) = line.split_at(2);
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match kind {
                "C:" => dialog.send(format!("{rest}\r\n").as_bytes()),
                "C\\" => dialog.send(&unescape(rest)),
                "S:" | "E:" => add(&mut dialog.steps.last_mut().unwrap().1, line.to_owned()),
                "V:" => dialog.verdicts.push(verdict(rest)),
                _ => panic!("no such line in a dialogue: {line}"),
            }
        }
        dialog
    }

    fn send(&mut self, octets: &[u8]) {
        match self.steps.last_mut() {
            Some((sent, answers)) if answers.is_empty() => sent.extend(octets),
            _ => self.steps.push((octets.to_vec(), Vec::new())),
        }
    }

    fn play(&self) -> Play {
        let terms = Terms {
            hostname: "relay.example".into(),
            message_size_max: 100,
            recipients_max: 3,
            marker_key: None,
        };
        Play { session: Session::new(Arc::new(terms)), verdicts: self.verdicts.clone().into_iter() }
    }
}

impl Play {
    /// Sends octets and appends what the session then does.
    fn send(&mut self, octets: &[u8], transcript: &mut Vec<String>) {
        self.session.receive(octets);
        while let Some(action) = self.session.poll() {
            let is_end = action == Action::End;
            for line in told(action) {
                add(transcript, line);
            }
            if is_end {
                self.session.settle(
                    &self.verdicts.next().expect("the dialogue has a verdict for each message"),
                );
            }
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

fn told(action: Action) -> Vec<String> {
    match action {
        Action::Reply(octets) => {
            let replies = String::from_utf8(octets).unwrap();
            replies
                .strip_suffix("\r\n")
                .unwrap()
                .split("\r\n")
                .map(|line| format!("S: {line}"))
                .collect()
        }
        Action::Begin(envelope) => vec![format!("E: begin {}", told_envelope(&envelope))],
        Action::Text(text) => vec![format!("E: text {}", text.escape_ascii())],
        Action::End => vec!["E: end".into()],
        Action::Abandon => vec!["E: abandon".into()],
        Action::Close => vec!["E: close".into()],
    }
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
    let text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0");
    assert!(!text.contains('\\'), "no such escape: {text:?}");
    text.into_bytes()
}

fn verdict(word: &str) -> Verdict {
    match word {
        "kept" => Verdict::Kept,
        "full" => Verdict::Full,
        "unavailable" => Verdict::Unavailable,
        "no-account" => Verdict::Refused(Refused::NoAccount("a.example".parse().unwrap())),
        _ => panic!("no such verdict: {word}"),
    }
}

#[track_caller]
fn check(name: &str, text: &str) {
    let dialog = Dialog::parse(text);
    let (mut play, mut sent, mut expected) = (dialog.play(), Vec::new(), Vec::new());
    for (octets, answers) in &dialog.steps {
        let mut transcript = Vec::new();
        play.send(octets, &mut transcript);
        assert_eq!(&transcript, answers, "{name}: after {}", octets.escape_ascii());
        sent.extend(octets);
        for line in answers {
            add(&mut expected, line.clone());
        }
    }
    for split in 0..=sent.len() {
        let (mut play, mut transcript) = (dialog.play(), Vec::new());
        play.send(&sent[..split], &mut transcript);
        play.send(&sent[split..], &mut transcript);
        assert_eq!(transcript, expected, "{name}: sent at once, split at {split}");
    }
}

#[test]
fn dialogues_go_as_written_however_the_octets_are_cut() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/dialogs");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        check(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
        names.push(path);
    }
    assert!(!names.is_empty(), "there are no dialogues");
}

const GREETED: &str = "S: 220 relay.example LMTP Zegel\n";

/// Stops or times a session out after these octets; a verdict that is awaited comes after that.
#[track_caller]
fn check_ended(sent: &str, end: fn(&mut Session), expected: &[&str]) {
    let dialog = Dialog::parse(GREETED);
    let mut play = dialog.play();
    play.session.receive(sent.as_bytes());
    while !matches!(play.session.poll(), None | Some(Action::End)) {}
    end(&mut play.session);
    play.session.settle(&Verdict::Kept);
    let mut transcript = Vec::new();
    play.send(b"QUIT\r\n", &mut transcript);
    assert_eq!(transcript, expected, "{sent:?}");
}

const TO_DATA: &str = "LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<els@b.example>\r\nDATA\r\n";
const STOPPING: &str = "S: 421 4.3.2 the relay is stopping; try again soon";
const TIMED_OUT: &str = "S: 421 4.4.2 nothing came for too long";

#[test]
fn stopping_session_finishes_the_message_in_hand_and_no_other() {
    check_ended("", Session::stop, &[STOPPING, "E: close"]);
    check_ended("LHLO a.example\r\nMAIL FROM:<>\r\n", Session::stop, &[STOPPING, "E: close"]);
    check_ended(TO_DATA, Session::stop, &["E: text QUIT\\r\\n"]);
    check_ended(
        &format!("{TO_DATA}.\r\n"),
        Session::stop,
        &["S: 250 2.0.0 kept", STOPPING, "E: close"],
    );
}

#[test]
fn session_that_times_out_is_closed_wherever_it_is() {
    for sent in ["", "LHLO a.example\r\n", TO_DATA] {
        check_ended(sent, Session::time_out, &[TIMED_OUT, "E: close"]);
    }
}
