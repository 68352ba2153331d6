//! What stands in tables.

use super::*;

/// `main.cf` with a further line.
#[track_caller]
fn check_line(place: &Place, line: &str, found: &[&str]) {
    check(place, "main.cf", "compatibility", &format!("{line}\ncompatibility"), found);
}

/// The same, where nothing is to be found, or nothing that counts.
#[track_caller]
fn check_sound(place: &Place, line: &str, told: &str) {
    let before = fs::read(place.path("main.cf")).unwrap();
    place.edit("main.cf", "compatibility", &format!("{line}\ncompatibility"));
    let asked = place.asked();
    let mut out = Vec::new();
    let status = doctor(&asked, &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(format!("{status:?}"), format!("{:?}", ExitCode::SUCCESS), "{line}:\n{out}");
    assert!(out.ends_with(told), "{line}:\n{out}");
    place.put("main.cf", &before);
}

#[test]
fn a_filter_in_any_table_is_found_with_its_line() {
    let place = Place::new();
    place.write("checks", "# /a/ FILTER b:c\n/^Subject: x/  filter  scan:[127.0.0.1]:10024\n");
    place.write("access", "example.com  FILTER scan:dummy\n");
    place.write("other", "example.com  REJECT no FILTER here\n");
    let line = "/^Subject: x/  filter  scan:[127.0.0.1]:10024\n";
    for parameter in ["header_checks", "body_checks", "nested_header_checks"] {
        let skips = format!("{parameter}: regexp:@/checks has a FILTER");
        check_line(
            &place,
            &format!("{parameter} = regexp:@/checks"),
            &[&skips, "in @/checks, take out:", line],
        );
    }
    let access = ["texthash:@/access has a FILTER", "example.com  FILTER scan:dummy\n"];
    for restrictions in [
        "smtpd_client_restrictions = check_client_access texthash:@/access, permit",
        "smtpd_recipient_restrictions = permit_mynetworks check_recipient_access texthash:@/access",
        "smtpd_end_of_data_restrictions = check_sender_access texthash:@/access",
        "smtpd_restriction_classes = strict\nstrict = check_sender_access texthash:@/access",
    ] {
        check_line(&place, restrictions, &access);
    }
    check_line(
        &place,
        "smtpd_data_restrictions = check_sender_access inline:{{example.com = FILTER scan:dummy}}",
        &["has a FILTER"],
    );
    check(
        &place,
        "master.cf",
        "smtpd\n",
        "smtpd -o smtpd_data_restrictions=check_sender_access,texthash:@/access\n",
        &access,
    );
    fs::copy(place.path("access"), place.path("built")).unwrap();
    let built = format!("hash:{}", place.path("built").display());
    // The machine's own Postfix may have no main.cf.
    let mut postmap = std::process::Command::new("/usr/sbin/postmap");
    assert!(postmap.arg("-c").arg(place.path("")).arg(built).status().unwrap().success());
    check_line(
        &place,
        "smtpd_helo_restrictions = check_helo_access proxy:hash:@/built",
        &["in @/built (then: postmap hash:@/built), take out:", "FILTER scan:dummy\n"],
    );
    let harmless = "smtpd_client_restrictions = check_client_access texthash:@/other";
    check_sound(&place, harmless, SOUND);
    check_sound(
        &place,
        "smtpd_client_restrictions = check_client_access static:{no, FILTER}",
        SOUND,
    );
    check_sound(
        &place,
        "smtpd_client_restrictions = check_client_access tcp:127.0.0.1:1",
        "0 wrong, 0 doubtful, 1 unseen\n",
    );
}

#[test]
fn tables_that_take_what_the_submitter_or_the_milter_wrote_are_found() {
    let place = Place::new();
    place.write("strip", "/^zivver-/ IGNORE\n");
    check_line(
        &place,
        "header_checks = regexp:@/strip",
        &["takes \"zivver-direct-delivery: tls\""],
    );
    check_line(
        &place,
        "lmtp_header_checks = regexp:@/strip",
        &["on their way to the relay", "postconf -c @/ -P 'zegel/unix/lmtp_header_checks='\n"],
    );
    check_line(
        &place,
        "header_checks = regexp:@/postfix-route",
        &["whoever writes X-Zegel-Route: relay/", "            header_checks =\n"],
    );
    place.write("others", "/^x-/ FILTER scan:dummy\n");
    check_line(&place, "header_checks = regexp:@/others", &["has a FILTER"]);
    // What it takes from other mail is no matter.
    check_sound(&place, "smtp_header_checks = regexp:@/strip", SOUND);
}

#[test]
fn a_postfix_that_receives_for_the_organisation_needs_the_marker() {
    let place = Place::new();
    let key = "marker-key-file = \"/etc/zegel/marker.key\"\n";
    place.write("domains", "org.test anything\n");
    place.write("names", "# none\norg.test\n");
    let own = "own-domains = [\"org.test\"]\nsocket";
    let lists = [
        "mydestination = mail.org.test, org.test",
        "relay_domains = texthash:@/domains",
        "relay_domains = @/names",
        "virtual_alias_domains =\nvirtual_mailbox_domains = inline:{org.test=x}",
        "virtual_alias_maps = texthash:@/domains",
    ];
    for list in lists {
        check_line(&place, list, &["has org.test, and there is no marker-key-file", key]);
        place.edit("milter.toml", "socket", own);
        check_line(&place, list, &["has org.test, and there is no marker-key-file", key]);
        let others = "own-domains = [\"other.test\"]\nsocket";
        place.edit("milter.toml", own, others);
        check_sound(&place, list, SOUND);
        place.edit("milter.toml", others, "socket");
    }
    place.edit("milter.toml", "socket", "own-domains = [\"care.org.test\"]\nsocket");
    check_line(&place, "relay_domains = org.test", &["has care.org.test"]);
    place.edit("milter.toml", "own-domains = [\"care.org.test\"]\n", "");
    check_sound(&place, "mydestination = $myhostname, localhost.$mydomain, localhost", SOUND);
    place.write("marker.key", &"k".repeat(64));
    fs::set_permissions(place.path("marker.key"), fs::Permissions::from_mode(0o640)).unwrap();
    place.edit("milter.toml", "socket", "marker-key-file = \"marker.key\"\nsocket");
    for list in lists {
        check_sound(&place, list, SOUND);
    }
}

#[test]
fn a_relay_that_gets_all_mail_or_its_own_back_is_found() {
    let place = Place::new();
    let relay = "zegel:unix:@/relay.sock";
    for (parameter, usual) in [
        ("default_transport", "default_transport = smtp\n"),
        ("relay_transport", "relay_transport = relay\n"),
        ("virtual_transport", "virtual_transport = virtual\n"),
        ("mailbox_transport", "mailbox_transport =\n"),
    ] {
        check_line(
            &place,
            &format!("{parameter} = {relay}"),
            &["all such mail goes to the relay", usual],
        );
    }
    check_line(
        &place,
        &format!("transport_maps = inline:{{*={relay}}}"),
        &["transport_maps sends * to the relay"],
    );
    place.edit("milter.toml", "socket", "own-domains = [\"org.test\"]\nsocket");
    check_line(
        &place,
        &format!("transport_maps = inline:{{org.test={relay}}}"),
        &["transport_maps sends org.test to the relay", "org.test    zegel:unix:@/relay.sock\n"],
    );
    check_sound(&place, &format!("transport_maps = inline:{{other.test={relay}}}"), SOUND);
}
