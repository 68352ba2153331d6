//! A whole message, before rules with every condition: the walk through its parts and what the rules say of it do not hang
//! on how the octets come in, and the two evaluators agree.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zegel_core::message::Head;
use zegel_core::mime::{Event, Walker};
use zegel_core::selection::{Content, Message, Needs, Origin, Transaction, explain, select};
use zegel_milter::body::Body;
use zegel_milter::config::Config;

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    Config::parse(include_str!("message/milter.toml")).expect("the rules are sound")
});

/// The pieces in which the octets come in: as long as the seed says, over and over.
fn pieces<'a>(octets: &'a [u8], lengths: &'a [u8]) -> Vec<&'a [u8]> {
    let mut rest = octets;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let (piece, behind) = rest.split_at(rest.len().min(usize::from(*length) + 1));
        pieces.push(piece);
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

/// Everything that a walk comes upon, data that stands together put together.
fn walked(pieces: &[&[u8]]) -> Vec<String> {
    let mut told = Vec::new();
    let mut data = Vec::new();
    let mut sink = |event: Event<'_>| match event {
        Event::Data(octets) => data.extend_from_slice(octets),
        other => {
            told.push(format!("{} {other:?}", data.escape_ascii()));
            data.clear();
        }
    };
    let mut walker = Walker::new();
    for piece in pieces {
        walker.push(piece, &mut sink);
    }
    let doubts = walker.finish(&mut sink);
    told.extend(doubts.iter().map(ToString::to_string));
    told
}

fn content(needs: Needs, section: &[u8], pieces: &[&[u8]]) -> Content {
    let mut body = Body::new(needs, section);
    for piece in pieces {
        body.push(piece);
        body.read_now().expect("read a part");
    }
    body.end();
    body.read_now().expect("read a part");
    body.content()
}

fuzz_target!(|input: ([u8; 4], &[u8])| {
    let (lengths, octets) = input;
    assert_eq!(walked(&[octets]), walked(&pieces(octets, &lengths)));

    let Ok(head) = Head::parse(octets) else { return };
    let (section, body) = octets.split_at(head.body_at());
    let policy = CONFIG.policy();
    let needs = CONFIG.rules.needs();
    let content =
        [content(needs, section, &[body]), content(needs, section, &pieces(body, &lengths))];
    let [whole, split] = &content;
    assert_eq!(whole, split);

    let recipients: Vec<String> = head.addressees().iter().map(ToString::to_string).collect();
    let message = Message {
        envelope: Transaction { sender: "jan@org.test", recipients: &recipients },
        origin: Origin::default(),
        head: &head,
        content: whole,
        is_of_relay: false,
    };
    let outcome = select(&policy, &message);
    assert_eq!(outcome, explain(&policy, &message).outcome);
    outcome.selection.new_subjects(&head);
});
