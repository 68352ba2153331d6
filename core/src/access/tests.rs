use super::*;

const NOW: Moment = Moment(1_000_000);

fn seconds(later: i64) -> Moment {
    Moment(NOW.0 + later)
}

fn challenge(id: &str, mac: u8, expires: i64) -> Challenge {
    Challenge {
        id: id.into(),
        mac: CodeMac(vec![mac; 32]),
        expires: seconds(expires),
        tries: 1,
        used: false,
    }
}

/// A tally with this attempt and some failures before it.
fn tally(failures: &[i64]) -> Tally {
    let mut tally = Tally::default();
    for failure in failures.iter().chain([&0]) {
        tally.failed(seconds(*failure));
    }
    tally
}

/// Types the code with the hash `typed` against these challenges.
#[track_caller]
fn check(challenges: &[Challenge], typed: u8, tally: &Tally, expected: &Verdict) {
    let macs = vec![CodeMac(vec![typed; 32]); challenges.len()];
    assert_eq!(answer("d1", challenges, &macs, tally, &Limits::default(), NOW), *expected);
}

fn passed(challenge: &str) -> Verdict {
    Verdict::Passed {
        challenge: Some(challenge.into()),
        passed: Passed { delivery: "d1".into(), at: NOW },
    }
}

#[test]
fn a_code_is_read_as_people_type_it() {
    for typed in [
        "012345",
        "012 345",
        "012-345",
        "0.1.2.3.4.5",
        " 012\u{2013}345\n",
        "\u{200E}012345\u{200F}",
    ] {
        assert_eq!(
            Code::parse(typed).map(|code| code.secret().reveal().to_owned()),
            Ok("012345".into()),
            "{typed:?}"
        );
    }
    for zero in ZEROS.into_iter().chain(['\u{FF10}', '\u{1D7D8}']) {
        let typed: String =
            (0..6).filter_map(|value| char::from_u32(u32::from(zero) + value)).collect();
        assert_eq!(
            Code::parse(&typed).map(|code| code.secret().reveal().to_owned()),
            Ok("012345".into()),
            "{typed:?}"
        );
    }
}

#[test]
fn anything_but_six_digits_is_no_code() {
    for typed in ["", "12345", "1234567", "12345a", "+12345", "123/456", "½23456", &" ".repeat(65)]
    {
        assert_eq!(Code::parse(typed), Err(NotACode), "{typed:?}");
    }
}

#[test]
fn a_drawn_number_keeps_its_zeros() {
    assert_eq!(Code::from_random(42).secret().reveal(), "000042");
    assert_eq!(Code::from_random(999_999).secret().reveal(), "999999");
}

#[test]
fn any_live_code_is_right_whichever_was_sent_last() {
    let live = [challenge("a", 1, 60), challenge("b", 2, 300), challenge("c", 3, 600)];
    for (typed, id) in [(1, "a"), (2, "b"), (3, "c")] {
        check(&live, typed, &tally(&[]), &passed(id));
    }
    check(&live, 4, &tally(&[]), &Verdict::Wrong { tries_left: 4 });
}

#[test]
fn only_the_newest_codes_live() {
    let four = [
        challenge("d", 4, 599),
        challenge("a", 1, 60),
        challenge("b", 2, 300),
        challenge("c", 3, 600),
    ];
    check(&four, 1, &tally(&[]), &Verdict::Wrong { tries_left: 4 });
    check(&four, 2, &tally(&[]), &passed("b"));
}

#[test]
fn a_used_code_is_never_right_again() {
    for expires in [60, 0, -60] {
        let used = Challenge { used: true, ..challenge("a", 1, expires) };
        check(&[used], 1, &tally(&[]), &Verdict::Wrong { tries_left: 0 });
    }
}

#[test]
fn a_code_that_ran_out_is_said_to_have_for_two_hours() {
    for (expires, verdict) in [
        (1, passed("a")),
        (0, Verdict::Expired),
        (-7199, Verdict::Expired),
        (-7200, Verdict::Wrong { tries_left: 0 }),
    ] {
        check(&[challenge("a", 1, expires)], 1, &tally(&[]), &verdict);
    }
}

#[test]
fn a_code_takes_five_tries() {
    for (tries, verdict) in
        [(1, passed("a")), (5, passed("a")), (6, Verdict::Wrong { tries_left: 0 })]
    {
        check(&[Challenge { tries, ..challenge("a", 1, 60) }], 1, &tally(&[]), &verdict);
    }
    for (tries, tries_left) in [(1, 4), (4, 1), (5, 0), (6, 0)] {
        check(
            &[Challenge { tries, ..challenge("a", 1, 60) }],
            2,
            &tally(&[]),
            &Verdict::Wrong { tries_left },
        );
    }
}

#[test]
fn ten_failures_in_an_hour_and_twenty_in_a_day_throttle() {
    let right = [challenge("a", 1, 60)];
    check(&right, 1, &tally(&[-10; 9]), &passed("a"));
    check(&right, 1, &tally(&[-10; 10]), &Verdict::Throttled { until: seconds(3590) });
    check(&right, 1, &tally(&[-3600; 10]), &passed("a"));
    check(&right, 1, &tally(&[-3600; 20]), &Verdict::Throttled { until: seconds(82_800) });
}

#[test]
fn fifty_failures_lock() {
    let right = [challenge("a", 1, 60)];
    let with_total = |failures_total| Tally { failures_total, ..tally(&[]) };
    check(&right, 1, &with_total(50), &passed("a"));
    check(&right, 2, &with_total(49), &Verdict::Wrong { tries_left: 4 });
    check(&right, 2, &with_total(50), &Verdict::Locked);
    check(&right, 1, &with_total(51), &Verdict::Locked);
}

#[test]
fn hashes_that_are_missing_match_nothing() {
    let verdict = answer("d1", &[challenge("a", 1, 60)], &[], &tally(&[]), &Limits::default(), NOW);
    assert_eq!(verdict, Verdict::Wrong { tries_left: 4 });
}

#[test]
fn codes_are_sent_as_often_as_the_limits_allow() {
    let throttled = |until| Request::Throttled { until: seconds(until) };
    let requests: [(&[i64], Request); 8] = [
        (&[], Request::Send),
        (&[-29], Request::Coalesced),
        (&[-30], Request::Send),
        (&[-500, -400, -300, -200], Request::Send),
        (&[-500, -400, -300, -200, -100], throttled(100)),
        (&[-600, -400, -300, -200, -100], Request::Send),
        (
            &[-9000, -8000, -7000, -6000, -5000, -4000, -3000, -2000, -1500, -1000],
            throttled(77_400),
        ),
        (&[-86_400, -8000, -7000, -6000, -5000, -4000, -3000, -2000, -1500, -1000], Request::Send),
    ];
    for (sent, expected) in requests {
        let tally = Tally { sent: sent.iter().copied().map(seconds).collect(), ..Tally::default() };
        assert_eq!(request(&tally, &Limits::default(), NOW), expected, "{sent:?}");
    }
}

#[test]
fn no_code_is_sent_to_who_may_not_answer_it() {
    let limits = Limits::default();
    let throttled = tally(&[-10; 9]);
    assert_eq!(request(&throttled, &limits, NOW), Request::Throttled { until: seconds(3590) });
    assert_eq!(
        refuses(&throttled, &limits, NOW),
        Some(Verdict::Throttled { until: seconds(3590) })
    );
    let locked = Tally { failures_total: 50, ..Tally::default() };
    assert_eq!(request(&locked, &limits, NOW), Request::Locked);
    assert_eq!(refuses(&locked, &limits, NOW), Some(Verdict::Locked));
}

#[test]
fn a_tally_forgets_what_is_over_a_day_old_and_stays_small() {
    let mut tally = tally(&[-86_400, -86_399]);
    assert_eq!((tally.failures.len(), tally.failures_total), (2, 3));
    for _ in 0..1000 {
        tally.failed(NOW);
        tally.code_sent(NOW);
    }
    assert_eq!((tally.failures.len(), tally.sent.len(), tally.failures_total), (128, 128, 1003));
    tally.cleared();
    assert_eq!((tally.failures.len(), tally.sent.len(), tally.failures_total), (0, 128, 0));
}
