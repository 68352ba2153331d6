//! What a client may send, on every service, inside TLS and before it: the first octet says where, and how the others are
//! cut. The gate says yes to all that is asked.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use zegel_core::submitter::{Alignment, Submitter};
use zegel_relay::admission::{Admission, Authenticated, Client};
use zegel_relay::intake::Verdict;
use zegel_relay::smtp::{Action, Peer, Service, Session, Terms};

fuzz_target!(|octets: &[u8]| {
    let Some((first, rest)) = octets.split_first() else { return };
    let service = match first % 4 {
        0 => Service::Lmtp,
        1 => Service::Relay,
        _ => Service::Submission,
    };
    let terms = Terms {
        service,
        hostname: "relay.example".into(),
        message_size_max: 1000,
        recipients_max: 3,
        marker_key: None,
    };
    let address = (service != Service::Lmtp).then(|| [192, 0, 2, 1].into());
    let peer = Peer { address, secure: first & 4 != 0 };
    let mut session = Session::new(Arc::new(terms), peer);
    for piece in rest.chunks(usize::from(first >> 3) + 1) {
        session.receive(piece);
        while let Some(action) = session.poll() {
            answer(&mut session, action);
        }
    }
});

fn answer(session: &mut Session, action: Action) {
    match action {
        Action::StartTls => session.secured(),
        Action::Authenticate(attempt) => session.authenticated(Authenticated::As(
            Submitter::Credential { login: attempt.login, scopes: Vec::new() },
        )),
        Action::Admit(asked) => session.admitted(Admission::As(match asked.client {
            Client::Known(submitter) => submitter,
            Client::Host { .. } => Submitter::Host {
                domain: "a.example".parse().expect("a domain"),
                alignment: Alignment::Strict,
            },
        })),
        Action::End => session.settle(&Verdict::Kept),
        Action::Reply(_)
        | Action::Begin(_)
        | Action::Text(_)
        | Action::Abandon
        | Action::Close => {}
    }
}
