use super::*;

/// 15 June 2024, noon.
const NOW: Moment = Moment(1_718_452_800);

const GOOD: &str = "v=NTA7516-1;startdate=2024-01;enddate=2024-12;provider=Example";

fn secure(texts: &[&str]) -> Published {
    let texts = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    Published::Texts { texts, secure: true }
}

fn insecure(text: &str) -> Published {
    Published::Texts { texts: vec![text.as_bytes().to_vec()], secure: false }
}

fn at(day: &str) -> Moment {
    let text = format!("{day} +0000");
    let form = time::macros::format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second] [offset_hour sign:mandatory][offset_minute]"
    );
    Moment(OffsetDateTime::parse(&text, form).unwrap().unix_timestamp())
}

/// Checks one record of the recipient, whose sender's is good, on 15 June 2024: hosts on one line, or the fault.
#[track_caller]
fn check(texts: &[&str], expected: Result<&str, Fault>) {
    let expected = expected.map(str::to_owned).map_err(Unqualified::Recipient);
    let found = match qualifies(&secure(&[GOOD]), &secure(texts), NOW) {
        Verdict::Yes(hosts) => {
            Ok(hosts.iter().map(|(n, host)| format!("{n} {host}")).collect::<Vec<_>>().join(", "))
        }
        Verdict::No(why) => Err(why),
        Verdict::Unknown => panic!("unknown: {texts:?}"),
    };
    assert_eq!(found, expected, "{texts:?}");
}

/// The same for a record with these fields behind its version.
#[track_caller]
fn check_fields(fields: &str, expected: Result<&str, Fault>) {
    check(&[&format!("v=NTA7516-1;{fields}")], expected);
}

const PERIOD: &str = "startdate=2024-01;enddate=2024-12";

#[test]
fn a_record_names_hosts_or_leaves_the_mail_to_the_mx() {
    check(&[GOOD], Ok(""));
    check_fields(&format!("{PERIOD};provider=X;ntamx=10 nta.example.nl"), Ok("10 nta.example.nl"));
    check_fields(
        &format!("{PERIOD};ntamx=20 b.nl;ntamx=0 A.nl.;ntamx=65535  c.nl"),
        Ok("20 b.nl, 0 a.nl, 65535 c.nl"),
    );
}

#[test]
fn fields_come_in_any_order_and_case_with_space_around_them_and_unknown_ones_among_them() {
    check_fields("provider=X;EndDate=2024-12;new=1=2;startdate=2024-06;", Ok(""));
    check_fields(" NTAMX=1 a.nl ; enddate=2024-06 ;; startdate=2024-06 ; ", Ok("1 a.nl"));
    check(&["v=NTA7516-1 ; startdate=2024-01;enddate=2024-12"], Ok(""));
}

#[test]
fn what_is_not_the_grammar_spoils_the_record() {
    for fields in [
        "",
        "startdate=2024-01",
        "enddate=2024-12",
        "startdate=2024-12;enddate=2024-01",
        "startdate=2024-01;startdate=2024-01;enddate=2024-12",
        "startdate=2024-01;enddate=2024-12;enddate=2025-12",
        "startdate=2024-00;enddate=2024-12",
        "startdate=2024-01;enddate=2024-13",
        "startdate=2024-1;enddate=2024-12",
        "startdate=24-01;enddate=2024-12",
        "startdate=2024-01-01;enddate=2024-12",
        "startdate=+024-01;enddate=2024-12",
        "startdate = 2024-01;enddate=2024-12",
        "startdate:2024-01;enddate=2024-12",
    ] {
        check_fields(fields, Err(Fault::Malformed));
    }
    for more in [
        "provider=X;provider=X",
        "ntamx:10 a.nl",
        "ntamx=a.nl",
        "ntamx=10",
        "ntamx=10 ",
        "ntamx=10 .",
        "ntamx=10 192.0.2.1",
        "ntamx=10 a.nl b.nl",
        "ntamx=65536 a.nl",
        "ntamx=-1 a.nl",
        "ntamx= a.nl",
        "nonsense",
    ] {
        check_fields(&format!("{PERIOD};{more}"), Err(Fault::Malformed));
    }
}

#[test]
fn there_is_exactly_one_record_of_this_version_among_others() {
    check(&["v=spf1 -all", GOOD, "x"], Ok(""));
    check(&["v=spf1 -all"], Err(Fault::NoRecord));
    check(&[], Err(Fault::NoRecord));
    check(&[GOOD, GOOD], Err(Fault::Several));
    check(&[GOOD, "v=NTA7516-2;x=y"], Err(Fault::Several));
    check(&["v=NTA7516;version:2019-06;expire:2019-10;provider:x"], Err(Fault::Draft));
    for other in ["v=NTA7516-10;startdate=2024-01;enddate=2024-12", "v=NTA7516-1", "v=NTA7516-1x"] {
        let fault = if other == "v=NTA7516-1" { Fault::Malformed } else { Fault::OtherVersion };
        check(&[other], Err(fault));
    }
    check(&["V=nta7516-1;startdate=2024-01;enddate=2024-12"], Err(Fault::NoRecord));
}

#[test]
fn a_record_that_is_no_text_cannot_be_read() {
    let texts = vec![[GOOD.as_bytes(), b"\xff"].concat()];
    let recipient = Published::Texts { texts, secure: true };
    let no = Verdict::No(Unqualified::Recipient(Fault::Malformed));
    assert_eq!(qualifies(&secure(&[GOOD]), &recipient, NOW), no);
}

#[test]
fn the_period_is_whole_months_both_ends_included() {
    let record = secure(&["v=NTA7516-1;startdate=2024-02;enddate=2024-04"]);
    for (day, expected) in [
        ("2024-01-31 23:59:59", Err(Fault::NotYet)),
        ("2024-02-01 00:00:00", Ok(())),
        ("2024-04-30 23:59:59", Ok(())),
        ("2024-05-01 00:00:00", Err(Fault::Over)),
        ("2023-03-15 00:00:00", Err(Fault::NotYet)),
        ("2025-03-15 00:00:00", Err(Fault::Over)),
    ] {
        let expected = match expected {
            Ok(()) => Verdict::Yes(vec![]),
            Err(fault) => Verdict::No(Unqualified::Sender(fault)),
        };
        assert_eq!(qualifies(&record, &record, at(day)), expected, "{day}");
    }
}

#[test]
fn both_sides_must_qualify_and_only_a_clear_no_is_one() {
    let (yes, out, unsigned) =
        (secure(&[GOOD]), secure(&[&GOOD.replace("2024-12", "2024-05")]), insecure(GOOD));
    let sides = [
        (yes, None),
        (out, Some(Fault::Over)),
        (unsigned, Some(Fault::Insecure)),
        (insecure("v=spf1 -all"), Some(Fault::NoRecord)),
        (Published::Nothing, Some(Fault::NoRecord)),
    ];
    for (sender, of_sender) in &sides {
        for (recipient, of_recipient) in &sides {
            let expected = match (of_sender, of_recipient) {
                (Some(fault), _) => Verdict::No(Unqualified::Sender(*fault)),
                (None, Some(fault)) => Verdict::No(Unqualified::Recipient(*fault)),
                (None, None) => Verdict::Yes(vec![]),
            };
            assert_eq!(qualifies(sender, recipient, NOW), expected, "{sender:?} {recipient:?}");
        }
        let (unknown_recipient, unknown_sender) = match of_sender {
            Some(fault) => (
                Verdict::No(Unqualified::Sender(*fault)),
                Verdict::No(Unqualified::Recipient(*fault)),
            ),
            None => (Verdict::Unknown, Verdict::Unknown),
        };
        assert_eq!(qualifies(sender, &Published::Unknown, NOW), unknown_recipient, "{sender:?}");
        assert_eq!(qualifies(&Published::Unknown, sender, NOW), unknown_sender, "{sender:?}");
    }
    assert_eq!(qualifies(&Published::Unknown, &Published::Unknown, NOW), Verdict::Unknown);
}
