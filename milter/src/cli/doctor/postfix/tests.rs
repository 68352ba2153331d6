//! What the parameters alone say: a table of what postconf(1) answers.

use super::*;

const MAIN: &str = "config_directory = /etc/postfix\nmail_version = 3.10.1\ncompatibility_level = 3.6\n\
    queue_directory = /q\nmyhostname = mail.org.test\n\
    smtpd_milters = unix:zegel/milter.sock\nnon_smtpd_milters = unix:zegel/milter.sock\n\
    milter_default_action = tempfail\nmilter_protocol = 6\nmilter_macro_defaults =\ncleanup_service_name = cleanup\n\
    tls_required_enable = no\nsmtpd_forbid_bare_newline = normalize\nsmtpd_forbid_bare_newline_exclusions =\n\
    smtpd_forbid_bare_newline_reject_code = 550\n";

const MASTER: &str = "smtp       inet  n - n - - smtpd\nsubmission inet n - n - - smtpd\n\
    127.0.0.1:10025 inet n - n - - smtpd\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n";

/// Of one service, as `postconf -P` has it.
const BEHIND: &str = "127.0.0.1:10025/inet/";

/// Further lines of main.cf, the last of a name counting, and settings of services; and the finding with its mend, one of each
/// line. Nothing where that is empty.
#[track_caller]
fn check(main: &str, own: &str, want: &[&str]) {
    check_with("", main, own, want);
}

#[track_caller]
fn check_with(milter: &str, main: &str, own: &str, want: &[&str]) {
    let milter =
        Config::parse(&format!("socket = \"unix:/q/zegel/milter.sock\"\n{milter}")).unwrap();
    let postfix = Postfix::parse(&format!("{MAIN}{main}"), MASTER, own);
    let mut told = Vec::new();
    for finding in crate::cli::doctor::unique(Postfixed::new(&postfix, &milter).judge()) {
        finding.tell(&mut told).unwrap();
    }
    let told = String::from_utf8(told).unwrap();
    let findings = told.lines().filter(|line| !line.starts_with(' ')).count();
    let expected = want.iter().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(findings, expected, "{main}{own}:\n{told}");
    for want in want {
        let line = want.trim();
        let found = told.lines().any(|told| {
            if want.starts_with(' ') { told.trim() == line } else { told.contains(line) }
        });
        assert!(found, "{main}{own}: no {want:?} in\n{told}");
    }
}

#[test]
fn nothing_is_found_where_all_is_well() {
    check("", "", &[]);
    // Not in this version.
    check("tls_required_enable =\n", "", &[]);
    // Where nobody submits, nobody need be asked about.
    check("", &format!("{BEHIND}smtpd_milters =\n"), &[]);
    check("", "smtp/inet/smtpd_milters =\n", &[]);
}

#[test]
fn a_submission_service_without_the_milter_is_found() {
    check(
        "",
        "submission/inet/smtpd_milters =\n",
        &[
            "submission/inet does not ask the milter",
            "  postconf -P 'submission/inet/smtpd_milters=unix:zegel/milter.sock'",
        ],
    );
    check(
        "config_directory = /etc/postfix-out\n",
        "submission/inet/smtpd_milters = unix:other\n",
        &[
            "submission/inet does not ask the milter",
            "  postconf -c /etc/postfix-out -P 'submission/inet/smtpd_milters=unix:zegel/milter.sock unix:other'",
        ],
    );
    check(
        "",
        "submission/inet/receive_override_options = no_milters,no_address_mappings\n",
        &[
            "submission/inet: receive_override_options has no_milters",
            "  postconf -P 'submission/inet/receive_override_options=no_address_mappings'",
        ],
    );
    check(
        "receive_override_options = no_milters\n",
        &format!(
            "submission/inet/receive_override_options =\npickup/unix/receive_override_options =\n{BEHIND}receive_override_options =\n"
        ),
        &["smtp/inet: receive_override_options", "  receive_override_options ="],
    );
}

#[test]
fn mail_of_programs_that_passes_the_milter_by_is_found() {
    check(
        "non_smtpd_milters = unix:other\n",
        "",
        &["mail of sendmail(1)", "  non_smtpd_milters = unix:zegel/milter.sock unix:other"],
    );
    check(
        "",
        "cleanup/unix/non_smtpd_milters =\n",
        &["cleanup/unix has non_smtpd_milters", "  postconf -PX 'cleanup/unix/non_smtpd_milters'"],
    );
}

#[test]
fn what_happens_without_the_milter_is_found_wherever_it_is_set() {
    check(
        "milter_default_action = quarantine\n",
        "",
        &["put on hold", "  milter_default_action = tempfail"],
    );
    check(
        "",
        "submission/inet/milter_default_action = accept\n",
        &["in the clear", "  postconf -P 'submission/inet/milter_default_action=tempfail'"],
    );
    check(
        "smtpd_milters = unix:a { unix:zegel/milter.sock, default_action = accept }\n",
        "",
        &[
            "default_action in smtpd_milters = accept",
            "  smtpd_milters = unix:zegel/milter.sock unix:a",
        ],
    );
}

#[test]
fn a_signer_before_the_milter_is_found_with_the_settings_of_each_kept() {
    check(
        "smtpd_milters = { inet:localhost:8891, connect_timeout=5s } unix:zegel/milter.sock\n",
        "",
        &[
            "inet:localhost:8891 stands before",
            "  smtpd_milters = unix:zegel/milter.sock { inet:localhost:8891, connect_timeout=5s }",
        ],
    );
    check("smtpd_milters = unix:zegel/milter.sock inet:localhost:8891\n", "", &[]);
    check(
        "",
        "submission/inet/smtpd_milters = unix:opendkim.sock unix:zegel/milter.sock\n",
        &[
            "unix:opendkim.sock stands before",
            "  postconf -P 'submission/inet/smtpd_milters=unix:zegel/milter.sock unix:opendkim.sock'",
        ],
    );
}

#[test]
fn settings_that_are_not_in_every_version_are_found_where_they_are() {
    check("tls_required_enable = yes\n", "", &["TLS-Required: No", "  tls_required_enable = no"]);
    check("milter_protocol = 2\n", "", &["needs version 6", "  milter_protocol = 6"]);
    check(
        "smtpd_forbid_bare_newline = no\n",
        "",
        &["a bare newline can end", "  smtpd_forbid_bare_newline = normalize"],
    );
    check("smtpd_forbid_bare_newline = note\n", "", &[]);
    check(
        "",
        "submission/inet/smtpd_forbid_bare_newline = no\n",
        &["a bare newline", "  postconf -P 'submission/inet/smtpd_forbid_bare_newline=normalize'"],
    );
    check(
        "smtpd_forbid_bare_newline_exclusions = 127.0.0.0/8\n",
        "",
        &["may still do it", "  smtpd_forbid_bare_newline_exclusions ="],
    );
    check(
        "milter_macro_defaults = j=mail.org.test, auth_authen=nobody\n",
        "",
        &["counts as one that logged in", "  milter_macro_defaults = j=mail.org.test"],
    );
    check(
        "multi_instance_enable = yes\nmulti_instance_directories = /etc/postfix-out\n",
        "",
        &["one Postfix of several", "  zegel-milter doctor --postfix-config /etc/postfix-out"],
    );
}

#[test]
fn a_postfix_of_before_bare_newlines_were_known_is_told_what_it_understands() {
    let without = |name: &str| {
        let lines = MAIN.lines().filter(|line| !line.starts_with(name));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let milter = Config::parse("socket = \"unix:/q/zegel/milter.sock\"\n").unwrap();
    let told = |main: &str| {
        let postfix = Postfix::parse(main, MASTER, "");
        format!("{:?}", Postfixed::new(&postfix, &milter).judge())
    };
    let old = told(&without("smtpd_forbid_bare_newline"));
    assert!(old.contains("Update to a version"), "{old}");
    // 3.7.9 takes "yes" and no other word.
    let first =
        without("smtpd_forbid_bare_newline_reject_code") + "smtpd_forbid_bare_newline = no\n";
    let first = told(&first);
    assert!(first.contains("\"smtpd_forbid_bare_newline = yes\""), "{first}");
}

#[test]
fn copies_are_found_where_addresses_are_mapped_at_the_milters_door() {
    for name in ["always_bcc", "sender_bcc_maps", "recipient_bcc_maps"] {
        check(&format!("{name} = x\n"), "", &["become recipients", &format!("  {name} =")]);
    }
    check("always_bcc = x\nreceive_override_options = no_address_mappings\n", "", &[]);
    check("smtpd_milter_maps = cidr:/x\n", "", &["is not asked", "  smtpd_milter_maps ="]);
}

/// The milter before a filter, and the commands that take it behind.
#[test]
fn a_milter_before_a_filter_is_taken_behind_it() {
    let bare = format!("{BEHIND}smtpd_milters =\n{BEHIND}content_filter =\n");
    let untrusted = "[control-headers]\nnetworks = []\n";
    let moved = [
        "  postconf -P '127.0.0.1:10025/inet/smtpd_milters=unix:zegel/milter.sock'",
        "  postconf -P 'smtp/inet/smtpd_milters='",
    ];
    check_with(
        untrusted,
        "",
        &format!("{bare}smtp/inet/content_filter = scan:[127.0.0.1]:10024\n"),
        &["selected mail skips that filter", moved[0], moved[1]],
    );
    check_with(
        untrusted,
        "",
        &format!("{bare}smtp/inet/smtpd_proxy_filter = 127.0.0.1:10024\n"),
        &["no milter sees a whole message", moved[0], moved[1]],
    );
    let behind = format!(
        "{BEHIND}content_filter =\nsmtp/inet/smtpd_milters =\nsubmission/inet/smtpd_milters =\n"
    );
    let all = "content_filter = scan:[127.0.0.1]:10024\n";
    check_with(untrusted, &format!("{all}non_smtpd_milters =\n"), &behind, &[]);
    check_with(
        untrusted,
        all,
        &behind,
        &["before the filter and behind it", "  non_smtpd_milters ="],
    );
    check_with(
        "",
        &format!("{all}non_smtpd_milters =\n"),
        &behind,
        &["everybody's zivver- headers count", "  networks = []"],
    );
}

#[test]
fn without_a_way_back_a_filter_is_told_about_and_no_more() {
    check(
        "",
        "127.0.0.1:10025/inet/content_filter = a:b\nsmtp/inet/smtpd_milters =\nsubmission/inet/smtpd_milters = unix:zegel/milter.sock\n",
        &[
            "127.0.0.1:10025/inet: content_filter = a:b",
            "  Give smtpd_milters to the smtpd to which the filter hands mail back, and to no other.",
        ],
    );
}
