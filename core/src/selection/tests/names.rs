//! Labels by their names.

use super::*;
use crate::label::Label;

const SITE: &str = "7a2e5d18-0b94-4c6f-a3d7-91e8f4c25b60";
const OTHER: &str = "c0ffee00-1234-4abc-8def-0123456789ab";

fn label(id: &str, site: Option<&str>, names: &[&str]) -> Label {
    Label {
        id: id.parse().unwrap(),
        sites: site.into_iter().map(|site| site.parse().unwrap()).collect(),
        parents: Vec::new(),
        names: names.iter().map(|&name| name.into()).collect(),
    }
}

/// What a rule about `wanted` makes of a message with these labels in its header section, and these in documents. Where it
/// cannot tell, the rule's `unreadable` does.
#[track_caller]
fn check(wanted: &str, header: &str, documents: &[Label], want: &str) {
    let attachments = Attachments { labels: documents.to_vec(), ..Attachments::default() };
    let content = Content { size: None, attachments: Some(attachments) };
    let section = format!("From: jan@gemeente.example\r\nmsip_labels: {header}");
    let case = Case { content, ..case("", &section) };
    for (unreadable, otherwise) in [("secure", "yes"), ("ordinary", "no")] {
        let line = format!("label = {wanted}\nunreadable = \"{unreadable}\"");
        check_condition(&line, &case, if want == "unreadable" { otherwise } else { want });
    }
}

const GEHEIM: &str = "{ name = \"Geheim\" }";

#[test]
fn a_label_counts_by_its_whole_name_wherever_it_stands() {
    for (name, want) in [
        ("Geheim", "yes"),
        (" GEHEIM ", "yes"),
        ("Ge\r\n heim", "yes"),
        ("=?utf-8?Q?Gehe=69m?=", "yes"),
        ("Geheim 2", "no"),
        ("Zeer geheim", "no"),
        ("ngeheim", "no"),
    ] {
        let header = format!("MSIP_Label_{GUID}_Enabled=true;MSIP_Label_{GUID}_Name={name};");
        check(GEHEIM, &header, &[], want);
    }
    check(GEHEIM, "", &[label(GUID, None, &["geheim"])], "yes");
    check(GEHEIM, "", &[label(GUID, None, &["Intern", "geheim"])], "yes");
    check(GEHEIM, "", &[label(GUID, None, &["Intern"])], "no");
    check(GEHEIM, "", &[], "no");
}

#[test]
fn a_label_that_does_not_say_its_name_is_not_known_to_be_another() {
    let enabled = format!("MSIP_Label_{GUID}_Enabled=true");
    check(GEHEIM, &enabled, &[], "unreadable");
    check(GEHEIM, &format!("{enabled};MSIP_Label_{GUID}_Name= ;"), &[], "unreadable");
    check(
        GEHEIM,
        &format!("{enabled};MSIP_Label_{GUID}_Name==?x-nobody?Q?Intern?="),
        &[],
        "unreadable",
    );
    check(GEHEIM, &format!("MSIP_Label_{GUID}_Enabled=false"), &[], "no");
    check(GEHEIM, "", &[label(GUID, Some(SITE), &[])], "unreadable");
    check(GEHEIM, "", &[label(GUID, None, &[]), label(OTHER, None, &["geheim"])], "yes");
    check(&format!("{{ guid = \"{OTHER}\" }}"), &enabled, &[], "no");
    check(&format!("[{GEHEIM}, {{ guid = \"{OTHER}\" }}]"), &enabled, &[], "unreadable");
    check(&format!("[{GEHEIM}, {{ guid = \"{GUID}\" }}]"), &enabled, &[], "yes");
}

#[test]
fn a_name_elsewhere_in_the_message_is_that_of_the_same_label_of_the_same_tenant() {
    let nameless = |site| label(GUID, site, &[]);
    let header = |id: &str| {
        format!(
            "MSIP_Label_{id}_Enabled=true;MSIP_Label_{id}_SiteId={SITE};MSIP_Label_{id}_Name=Intern"
        )
    };
    check(GEHEIM, &header(GUID), &[nameless(Some(SITE))], "no");
    check(GEHEIM, &header(GUID), &[nameless(Some(OTHER))], "unreadable");
    check(GEHEIM, &header(GUID), &[nameless(None)], "unreadable");
    check(GEHEIM, &header(OTHER), &[nameless(Some(SITE))], "unreadable");
}

/// Every tenant that may be wanted, with every tenant that may be named, and every name.
#[test]
fn only_a_label_that_may_be_of_the_wanted_tenant_counts() {
    for wanted in [None, Some(SITE)] {
        for site in [None, Some(SITE), Some(OTHER)] {
            let is_other = wanted.is_some() && site == Some(OTHER);
            for (names, of_its) in
                [(["geheim"].as_slice(), "yes"), (&["intern"], "no"), (&[], "unreadable")]
            {
                let tenant = wanted.map(|site| format!(", site = \"{site}\"")).unwrap_or_default();
                let rule = format!("{{ name = \"Geheim\"{tenant} }}");
                check(&rule, "", &[label(GUID, site, names)], if is_other { "no" } else { of_its });
            }
        }
    }
}

#[test]
fn a_label_is_wanted_by_one_key_and_by_one_that_says_something() {
    for (wanted, want) in [
        (format!("{{ guid = \"{GUID}\", name = \"x\" }}"), "leave the name out"),
        ("{}".to_owned(), "write its guid"),
        (format!("{{ site = \"{GUID}\" }}"), "write its guid"),
        ("{ name = \" \" }".to_owned(), "empty word"),
        ("{ names = \"x\" }".to_owned(), "unknown field `names`"),
    ] {
        let rule = format!("[[rule]]\nname = \"r\"\naction = \"secure\"\nwhen.label = {wanted}");
        check_error(&rule, want);
    }
}

#[test]
fn the_rule_says_so_that_goes_by_names() {
    for (line, want) in [
        ("when.label = { name = \"x\" }", true),
        (&format!("when.label = {{ guid = \"{GUID}\" }}"), false),
        ("when = {}", false),
    ] {
        let rule = format!("[[rule]]\nname = \"r\"\naction = \"secure\"\n{line}");
        let asks = rules(&rule).iter().any(|rule| rule.when.asks_for_label_names());
        assert_eq!(asks, want, "{line}");
    }
}
