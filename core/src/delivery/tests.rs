use super::*;
use crate::decision::Rung;
use crate::transport::{Certificate, Rule};

const ACCEPTED: Moment = Moment(1_000_000);
const NOW: Moment = Moment(1_000_100);

fn at(hours: u64) -> Moment {
    ACCEPTED.plus(Duration::from_hours(hours))
}

fn planned(method: Method) -> State {
    State::Planned { method, due: NOW, tries: 0, missed: vec![], wait: Wait::default() }
}

fn run(state: &State, event: Event, now: Moment) -> (State, Vec<Effect>) {
    step(state, event, ACCEPTED, now, &Retry::default()).unwrap()
}

fn deferred() -> Event {
    Event::Deferred("451".into())
}

/// One row of the table for each event: what it makes of each state, in the columns' order; `-` is impossible.
/// `!` report of failure, `?` the sender is asked, `x` the key is destroyed.
const COLUMNS: [&str; 9] =
    ["undecided", "direct", "portal", "held", "sent-direct", "sent", "opened", "failed", "expired"];
#[rustfmt::skip]
const TABLE: [(&str, [&str; 9]); 19] = [
    ("settled by",     ["planned",    "-",          "-",          "-",         "-",         "-",         "-",         "-",         "-"]),
    ("settled sender", ["held?",      "-",          "-",          "-",         "-",         "-",         "-",         "-",         "-"]),
    ("settled none",   ["failed!",    "-",          "-",          "-",         "-",         "-",         "-",         "-",         "-"]),
    ("settled unknown",["undecided",  "-",          "-",          "-",         "-",         "-",         "-",         "-",         "-"]),
    ("accepted",       ["-",          "sent",       "sent",       "-",         "-",         "-",         "-",         "-",         "-"]),
    ("deferred",       ["undecided",  "planned",    "planned",    "-",         "-",         "-",         "-",         "-",         "-"]),
    ("refused",        ["-",          "failed!",    "failed!",    "-",         "failed!",   "failed!",   "-",         "-",         "-"]),
    ("no-route",       ["failed!",    "failed!",    "failed!",    "-",         "-",         "-",         "-",         "-",         "-"]),
    ("floor-missed",   ["-",          "undecided",  "undecided",  "-",         "-",         "-",         "-",         "-",         "-"]),
    ("disqualified",   ["-",          "-",          "-",          "-",         "-",         "-",         "-",         "-",         "-"]),
    ("factor-given",   ["-",          "-",          "-",          "undecided", "-",         "undecided", "-",         "-",         "-"]),
    ("others-wait",    ["-",          "held",       "held",       "-",         "-",         "-",         "-",         "-",         "-"]),
    ("others-ready",   ["-",          "-",          "-",          "undecided", "-",         "-",         "-",         "-",         "-"]),
    ("opened",         ["-",          "-",          "opened",     "-",         "-",         "opened",    "opened",    "-",         "-"]),
    ("time-up",        ["-",          "-",          "-",          "failed!",   "-",         "-",         "-",         "-",         "-"]),
    ("retention-over", ["expired!x",  "expired!x",  "expired!x",  "expired!x", "expiredx",  "expiredx",  "expiredx",  "expiredx",  "-"]),
    ("withdrawn",      ["expiredx",   "expiredx",   "expiredx",   "expiredx",  "expiredx",  "expiredx",  "expiredx",  "expiredx",  "-"]),
    ("retry-now",      ["undecided",  "planned",    "planned",    "undecided", "-",         "-",         "-",         "-",         "-"]),
    ("deferred late",  ["failed!",    "failed!",    "failed!",    "-",         "-",         "-",         "-",         "-",         "-"]),
];

fn state(column: &str) -> State {
    let direct = Method::DirectDelivery(Floor::Tls);
    match column {
        "undecided" => State::new(ACCEPTED),
        "direct" => planned(direct),
        "portal" => planned(Method::Email),
        "held" => State::Held { until: at(168) },
        "sent-direct" => State::Sent { method: direct, at: NOW },
        "sent" => State::Sent { method: Method::Sms, at: NOW },
        "opened" => State::Opened { method: Method::Sms, sent: NOW, at: NOW },
        "failed" => State::Failed { why: Failure::NoneLeft, at: NOW },
        _ => State::Expired { why: End::Retention, at: NOW },
    }
}

fn event(row: &str) -> Event {
    match row {
        "settled by" => Event::Settled(Outcome::By(Method::Email)),
        "settled sender" => Event::Settled(Outcome::NeedsSender),
        "settled none" => Event::Settled(Outcome::NoneLeft),
        "settled unknown" => Event::Settled(Outcome::Unknown(Rung::Account)),
        "accepted" => Event::Accepted(Seen {
            host: "mx.example.nl".into(),
            address: None,
            port: None,
            tls: None,
            certificate: Certificate::None,
            authentic: None,
            rule: Rule::Nobody,
            floor: None,
            at: NOW,
        }),
        "refused" => Event::Refused {
            code: 550,
            enhanced: None,
            text: "no".into(),
            host: "mx.example.nl".into(),
        },
        "no-route" => Event::NoRoute { enhanced: "5.1.10".into(), text: "null MX".into() },
        "floor-missed" => Event::FloorMissed(Floor::Tls, Miss::HandshakeFailed),
        "disqualified" => Event::Disqualified,
        "factor-given" => Event::FactorGiven,
        "others-wait" => Event::OthersWait,
        "others-ready" => Event::OthersReady,
        "opened" => Event::Opened,
        "time-up" => Event::TimeUp,
        "retention-over" => Event::RetentionOver,
        "withdrawn" => Event::Withdrawn,
        "retry-now" => Event::RetryNow,
        _ => deferred(),
    }
}

/// Checks one cell of the table.
#[track_caller]
fn check(column: &str, row: &str, expected: &str) {
    let now = if row == "deferred late" { at(120) } else { NOW };
    let cell = match step(&state(column), event(row), ACCEPTED, now, &Retry::default()) {
        Err(impossible) => {
            assert_eq!(
                (impossible.state, impossible.event),
                (state(column).name(), event(row).name())
            );
            "-".to_owned()
        }
        Ok((next, effects)) => effects.iter().fold(next.name().to_owned(), |cell, effect| {
            cell + match effect {
                Effect::ReportFailure(_) => "!",
                Effect::ReportDelay { .. } => "~",
                Effect::AskSender => "?",
                Effect::Destroy => "x",
            }
        }),
    };
    assert_eq!(cell, expected, "{row} in {column}");
}

#[test]
fn every_event_in_every_state_leads_where_the_table_says() {
    for (row, cells) in TABLE {
        for (column, expected) in COLUMNS.into_iter().zip(cells) {
            check(column, row, expected);
        }
    }
}

#[test]
fn pauses_double_up_to_the_longest() {
    let mut state = State::new(ACCEPTED);
    let mut now = ACCEPTED;
    for minutes in [1, 2, 4, 8, 16, 32, 64, 128, 240, 240] {
        (state, _) = run(&state, deferred(), now);
        let due = state.due().unwrap();
        assert_eq!(due.since(now), Duration::from_mins(minutes));
        now = due;
    }
    assert_eq!(Retry::default().after(u32::MAX), Retry::default().max);
}

#[test]
fn a_server_that_never_answers_is_reported_late_once_and_failed_once() {
    let mut state = planned(Method::Email);
    let (mut now, mut reports) = (ACCEPTED, vec![]);
    while let Some(due) = state.due() {
        now = now.max(due);
        let (next, effects) = run(&state, deferred(), now);
        reports.extend(effects.into_iter().map(|effect| (effect, now)));
        state = next;
    }
    let [(Effect::ReportDelay { .. }, warned), (Effect::ReportFailure(why), given_up)] =
        reports.as_slice()
    else {
        panic!("{reports:?}");
    };
    assert!(*warned >= at(4) && *warned < at(8), "{warned:?}");
    assert_eq!((why, *given_up), (&Failure::TriesUsedUp { last: "451".into() }, at(120)));
}

#[test]
fn a_warning_is_not_repeated_on_another_method() {
    let (state, effects) = run(&planned(Method::DirectDelivery(Floor::Tls)), deferred(), at(5));
    assert_eq!(effects, [Effect::ReportDelay { last: "451".into() }]);
    let (state, _) = run(&state, Event::FloorMissed(Floor::Tls, Miss::HandshakeFailed), at(6));
    let (state, _) = run(&state, Event::Settled(Outcome::By(Method::Email)), at(6));
    assert_eq!(run(&state, deferred(), at(7)).1, []);
}

#[test]
fn a_missed_floor_is_remembered_once_through_the_ladder() {
    let missed = (Floor::Tls, Miss::HandshakeFailed);
    let mut state = planned(Method::DirectDelivery(Floor::Tls));
    for _ in 0..2 {
        (state, _) = run(&state, Event::FloorMissed(missed.0, missed.1), NOW);
        (state, _) =
            run(&state, Event::Settled(Outcome::By(Method::TransportSecurity(Floor::Tls))), NOW);
    }
    let State::Planned { missed: remembered, due, .. } = state else { panic!("{state:?}") };
    assert_eq!((remembered, due), (vec![missed], NOW));
}

#[test]
fn a_held_delivery_has_a_whole_lifetime_again() {
    let (state, _) = run(&State::Held { until: at(168) }, Event::FactorGiven, at(160));
    let (state, effects) = run(&state, deferred(), at(161));
    assert!(
        matches!(state, State::Undecided { .. }) && effects.is_empty(),
        "{state:?} {effects:?}"
    );
    assert!(matches!(run(&state, deferred(), at(280)).0, State::Failed { .. }));
}

#[test]
fn a_hold_lasts_as_long_as_set() {
    let (state, _) = run(&State::new(ACCEPTED), Event::Settled(Outcome::NeedsSender), NOW);
    assert_eq!(state, State::Held { until: NOW.plus(Duration::from_hours(168)) });
}

#[test]
fn a_state_outlives_the_process() {
    for column in COLUMNS {
        let json = serde_json::to_string(&state(column)).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state(column), "{json}");
    }
    let missed = vec![(Floor::Pkix, Miss::Certificate(Certificate::CertificateExpired))];
    let wait = Wait { resumed: Some(NOW), warned: true };
    let state = State::Planned {
        method: Method::DirectDelivery(Floor::Pkix),
        due: NOW,
        tries: 3,
        missed,
        wait,
    };
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state, "{json}");
}

#[test]
fn what_goes_by_nta7516_waits_for_dane_and_leaves_only_when_the_domains_say_no() {
    let state = planned(Method::Nta7516);
    let missed = Event::FloorMissed(Floor::Dane, Miss::DaneRequired);
    let (waiting, effects) = run(&state, missed.clone(), NOW);
    let State::Planned { method: Method::Nta7516, due, tries: 1, missed: none, .. } = &waiting
    else {
        panic!("{waiting:?}")
    };
    assert_eq!((*due, none.len(), effects), (NOW.plus(Retry::default().first), 0, vec![]));
    let (_, effects) = run(&waiting, missed.clone(), at(5));
    assert!(matches!(&effects[..], [Effect::ReportDelay { last }] if last.starts_with("4.7.5 ")));
    let (ended, _) = run(&waiting, missed, at(120));
    assert!(matches!(ended, State::Failed { why: Failure::TriesUsedUp { .. }, .. }), "{ended:?}");
    let (undecided, effects) = run(&waiting, Event::Disqualified, NOW);
    let State::Undecided { due, tries: 0, .. } = undecided else { panic!("{undecided:?}") };
    assert_eq!((due, effects), (NOW.plus(Retry::default().first), vec![]));
}

#[test]
fn what_was_to_go_by_a_number_that_is_forgotten_goes_back_to_the_ladder() {
    for method in [Method::Sms, Method::AccessCode] {
        let (next, effects) = run(&planned(method), Event::Forgotten, NOW);
        assert!(matches!(next, State::Undecided { due: NOW, tries: 0, .. }), "{next:?}");
        assert_eq!(effects, vec![]);
    }
    let never = step(&planned(Method::Email), Event::Forgotten, ACCEPTED, NOW, &Retry::default());
    assert_eq!(never, Err(Impossible { state: "planned", event: "forgotten" }));
}
