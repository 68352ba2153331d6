//! Whole exports: what stands in the file, and that the milter reads it.

use super::*;
use crate::config::Config;

/// What one command becomes: the rule as it stands in the file, without the lines that every rule has.
#[track_caller]
fn check(parameters: &str, want: &str) {
    let rule = FlowRule {
        name: "r".to_owned(),
        settings: Ok(
            powershell::settings(&format!("New-TransportRule -Name 'r' {parameters}")).unwrap()
        ),
    };
    let Carried { file, .. } = carry_all(&[rule], &["gemeente.example".parse().unwrap()]);
    let config = Config::parse(&file);
    assert!(config.is_ok(), "{file}\n{config:?}");
    let constant = |line: &&str| {
        !line.starts_with("# ")
            && !line.contains("[[rule]]")
            && !line.starts_with("own-domains")
            && !line.contains("name = \"r\"")
            && !line.is_empty()
    };
    let shown: Vec<&str> = file.lines().filter(constant).collect();
    assert_eq!(shown.join("\n"), want, "{parameters}\n{file}");
}

const ENCRYPT: &str = "-ApplyRightsProtectionTemplate 'Encrypt'";

#[track_caller]
fn check_condition(parameters: &str, want: &str) {
    check(&format!("{parameters} {ENCRYPT}"), &format!("{want}\naction = \"secure\""));
}

#[test]
fn words_senders_and_labels_of_the_header_are_carried_over() {
    check_condition(
        "-SubjectContainsWords 'secure','strictly private'",
        "when.subject = [\"secure\", \"strictly private\"]",
    );
    check_condition(
        "-From jan@gemeente.example -ExceptIfSenderDomainIs 'a.example','b.example'",
        "when.sender = [\"jan@gemeente.example\"]\nexcept.sender = [\"a.example\", \"b.example\"]",
    );
    check_condition("-FromScope InOrganization", "when.sender = [\"gemeente.example\"]");
    check_condition(
        "-HeaderContainsMessageHeader 'msip_labels' -HeaderContainsWords 'MSIP_Label_4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4_Enabled=True;'",
        "when.label = [{ guid = \"4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4\" }]",
    );
    check_condition(
        "-AttachmentPropertyContainsWords 'MSIP_Label_4F1C9B02-7D3E-4A58-9C61-2B8D50E7F3A4_Enabled:True'",
        "when.label = [{ guid = \"4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4\" }]",
    );
    check_condition("", "when = {}");
}

#[test]
fn patterns_fields_properties_clients_and_sizes_are_carried_over() {
    check_condition(
        "-SubjectMatchesPatterns '^\\[secure\\]','geheim$'",
        "when.subject = [{ regex = '(?i)^\\[secure\\]' }, { regex = \"(?i)geheim$\" }]",
    );
    check_condition(
        "-HeaderContainsMessageHeader 'Sensitivity' -HeaderContainsWords 'private','company-confidential'",
        "when.header = [{ name = \"Sensitivity\", words = [\"private\", \"company-confidential\"] }]",
    );
    check_condition(
        "-ExceptIfHeaderMatchesMessageHeader 'X-A' -ExceptIfHeaderMatchesPatterns 'no+'",
        "when = {}\nexcept.header = [{ name = \"X-A\", regex = \"(?i)no+\" }]",
    );
    check_condition(
        "-AttachmentPropertyContainsWords 'Department:Sales, Legal'",
        "when.property = [{ name = \"Department\", words = [\"Sales\", \"Legal\"] }]",
    );
    check_condition(
        "-SenderIpRanges 192.0.2.0/24,2001:db8::1",
        "when.client = [\"192.0.2.0/24\", \"2001:db8::1\"]",
    );
    check_condition(
        "-MessageSizeOver '10 MB (10,485,760 bytes)'",
        "when.size = { over = 10485760 }",
    );
    check_condition(
        "-From a@b.example -SenderAddressLocation Envelope",
        "when.envelope-sender = [\"a@b.example\"]",
    );
    check(
        "-SubjectContainsWords s -Mode AuditAndNotify -ApplyOME $true",
        "when.subject = [\"s\"]\naction = \"secure\"\nmode = \"monitor\"",
    );
}

#[test]
fn recipients_are_asked_about_together_and_in_doubt_the_message_is_secured() {
    check_condition("-SentToScope NotInOrganization", "when.recipients = [\"any-external\"]");
    check_condition(
        "-RecipientDomainIs a.example",
        "when.recipients = [{ any-in = [\"a.example\"] }]",
    );
    check_condition(
        "-SentToScope NotInOrganization -ExceptIfRecipientDomainIs a.example",
        "when.recipients = [\"any-external\"]\nexcept.recipients = [{ all-in = [\"a.example\"] }]",
    );
    check(
        "-RecipientDomainIs a.example -StopRuleProcessing $true",
        "when.recipients = [{ all-in = [\"a.example\"] }]\naction = \"ordinary\"",
    );
}

#[test]
fn exceptions_of_one_kind_stand_together() {
    check_condition(
        "-ExceptIfFrom 'a@b.example' -ExceptIfSenderDomainIs 'c.example'",
        "when = {}\nexcept.sender = [\"a@b.example\", \"c.example\"]",
    );
}

#[test]
fn what_encrypts_or_leads_to_zivver_secures() {
    let when = "when.subject = [\"s\"]";
    for action in [
        "-ApplyOME $true",
        "-RouteMessageOutboundConnector 'To Zivver'",
        "-ApplyRightsProtectionTemplate 'Do Not Forward'",
    ] {
        check(
            &format!("-SubjectContainsWords s {action}"),
            &format!("{when}\naction = \"secure\""),
        );
    }
    check(
        "-SubjectContainsWords s -SetHeaderName 'Zivver-Message-Expiration' -SetHeaderValue 'delete P30D'",
        &format!(
            "{when}\naction = \"secure\"\nheaders.zivver-message-expiration = \"delete P30D\""
        ),
    );
    check(
        "-SubjectContainsWords s -SetSCL -1 -StopRuleProcessing $true",
        &format!("{when}\naction = \"ordinary\""),
    );
    check("-SubjectContainsWords s -PrependSubject '[x]'", "");
}

#[test]
fn what_is_switched_off_or_not_whole_is_not_in_force() {
    let off =
        |lines: &str| lines.lines().map(|line| format!("#{line}")).collect::<Vec<_>>().join("\n");
    let subject = off("when.subject = [\"s\"]\naction = \"secure\"");
    for rest in [
        "-Enabled $false",
        "-FromMemberOf 'group@gemeente.example'",
        "-ExpiryDate '1/1/2030'",
        "-WithImportance High",
        "-SentTo 'a@b.example'",
        "-From 'Jan de Vries'",
        "-SenderDomainIs a.example -SenderAddressLocation HeaderOrEnvelope",
        "-FromScope NotInOrganization",
        "-HeaderContainsMessageHeader 'X-A'",
        "-Mode $mode",
        "-SomethingNew $true",
        "-AttachmentHasExecutableContent $true",
        "-MessageContainsDataClassifications @{Name='x'}",
    ] {
        check(&format!("-SubjectContainsWords s {rest} {ENCRYPT}"), &subject);
    }
    check(&format!("-SubjectOrBodyContainsWords s {ENCRYPT}"), &subject);
    check("-SubjectContainsWords s -RouteMessageOutboundConnector 'Signer'", &subject);
    check(
        &format!("-SubjectContainsWords s -From a@b.example -SenderDomainIs c.example {ENCRYPT}"),
        &off("when.sender = [\"a@b.example\"]\nwhen.subject = [\"s\"]\naction = \"secure\""),
    );
    check(
        &format!("-FromAddressContainsWords '@b.example' {ENCRYPT}"),
        &off("when.sender = [\"b.example\"]\naction = \"secure\""),
    );
}

#[test]
fn a_whole_export_is_read_told_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rules.xml");
    let rule = |name: &str, command: &str| {
        format!(
            "<rule name=\"{name}\" id=\"x\" format=\"cmdlet\"><version requiredMinVersion=\"15.0.3.0\"><commandBlock>\
             <![CDATA[New-TransportRule -Name '{name}' {command}]]></commandBlock></version></rule>"
        )
    };
    let rules = [
        rule(
            "one",
            &format!("-Comments '\nx ' -Mode Enforce -SubjectContainsWords 'secure' {ENCRYPT}"),
        ),
        rule("two", "-FromScope InOrganization -ApplyHtmlDisclaimerText '<p>x</p>'"),
        rule("one", &format!("-SubjectContainsWords 'it''s' {ENCRYPT}")),
    ];
    std::fs::write(&path, format!("<rules name=\"TransportVersioned\">{}</rules>", rules.concat()))
        .unwrap();
    let (mut out, mut told) = (Vec::new(), Vec::new());
    let asked = ImportExchange { export: path, domains: Vec::new() };
    let status = import(&asked, &mut out, &mut told).unwrap();
    assert_eq!(format!("{status:?}"), format!("{:?}", ExitCode::from(FOUND)));
    let config = Config::parse(str::from_utf8(&out).unwrap()).unwrap();
    let names: Vec<&str> = config.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["one", "one (2)"]);
    let told = String::from_utf8(told).unwrap();
    assert!(
        told.contains(
            "rule 2 \"two\": not carried over: the rule secures nothing; what it does: ApplyHtmlDisclaimerText"
        ),
        "{told}"
    );
    assert!(
        told.contains("rule 2 \"two\": not carried over: FromScope \"InOrganization\""),
        "{told}"
    );
}

/// Whether all of a rule was carried over, and what is told of it.
#[track_caller]
fn check_status(parameters: &str, whole: bool, want: &str) {
    let directory = tempfile::tempdir().unwrap();
    let export = directory.path().join("rules.xml");
    let rule = format!(
        "<rules name=\"TransportVersioned\"><rule name=\"r\" id=\"x\" format=\"cmdlet\"><version requiredMinVersion=\"15.0.3.0\">\
         <commandBlock><![CDATA[New-TransportRule -Name 'r' {parameters}]]></commandBlock></version></rule></rules>"
    );
    std::fs::write(&export, rule).unwrap();
    let (mut out, mut told) = (Vec::new(), Vec::new());
    let asked = ImportExchange { export, domains: vec!["gemeente.example".parse().unwrap()] };
    let status = import(&asked, &mut out, &mut told).unwrap();
    let (out, told) = (String::from_utf8(out).unwrap(), String::from_utf8(told).unwrap());
    let expected = if whole { ExitCode::SUCCESS } else { ExitCode::from(FOUND) };
    assert_eq!(format!("{status:?}"), format!("{expected:?}"), "{parameters}: {told}");
    let counted = format!("{} of 1 carried over whole", u8::from(whole));
    assert!(out.contains(&counted), "{parameters}: {out}");
    assert!(told.contains(want) && told.is_empty() == want.is_empty(), "{parameters}: {told}");
}

#[test]
fn only_what_is_left_behind_counts_and_what_is_another_thing_is_noted() {
    check_status(&format!("-SubjectContainsWords s {ENCRYPT}"), true, "");
    check_status(&format!("-SubjectContainsWords s -Enabled $false {ENCRYPT}"), true, "");
    check_status(
        &format!("-SentToScope NotInOrganization {ENCRYPT}"),
        true,
        "rule 1 \"r\": note: Exchange decides per recipient",
    );
    check_status(
        "-SubjectContainsWords s -StopRuleProcessing $true",
        true,
        "note: it kept later rules from being asked",
    );
    check_status(
        &format!("-SubjectContainsWords s -PrependSubject '[x]' {ENCRYPT}"),
        false,
        "not carried over: PrependSubject is left to the mail server",
    );
    check_status(
        "-SubjectContainsWords s -ApplyRightsProtectionTemplate 'Do Not Forward'",
        false,
        "not carried over: the usage rights of \"Do Not Forward\"",
    );
    check_status(
        &format!("-WithImportance High {ENCRYPT}"),
        false,
        "not carried over: WithImportance",
    );
}
