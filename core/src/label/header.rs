//! Labels in the header section: `msip_labels: MSIP_Label_<guid>_<Attribute>=<value>; …`, and the one-field-per-attribute form
//! `msip_label_<guid>_<attribute>: <value>` that some clients write beside it.
//!
//! No two generators agree on order, spaces, case or the last semicolon; a mail server folds such a line inside a key; a
//! label name outside ASCII gets the whole value encoded (RFC 2047), keys and all. So the value is unfolded and decoded
//! first, split at `;` and the first `=`, and white space goes out of keys and of values that are GUIDs or truth values.

use super::Label;
use super::attributes::Gathered;
use crate::message::Head;
use crate::text::decoded;

const FIELD: &str = "msip_labels";

/// The labels of a message, by GUID. A label counts unless all that is said of it is that it is not enabled.
pub fn labels(head: &Head<'_>) -> Vec<Label> {
    let mut found = Gathered::default();
    for field in head.fields() {
        note(&mut found, field.name, field.value);
    }
    found.into_labels()
}

/// Whether a field of this name says anything of labels.
pub(super) fn says_labels(name: &str) -> bool {
    name.eq_ignore_ascii_case(FIELD) || Gathered::is_key(name)
}

/// What one field says of labels.
pub(super) fn note(found: &mut Gathered, name: &str, value: &[u8]) {
    if name.eq_ignore_ascii_case(FIELD) {
        for token in decoded(value).split(';') {
            let (key, value) = token.split_once('=').unwrap_or((token, ""));
            found.note(key, value);
        }
    } else if says_labels(name) {
        found.note(name, &decoded(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Guid;

    const A: &str = "4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4";
    const B: &str = "c0ffee00-1234-4abc-8def-0123456789ab";
    const SITE: &str = "7a2e5d18-0b94-4c6f-a3d7-91e8f4c25b60";

    /// Which labels a header section carries, each as `guid` or `guid@site`.
    #[track_caller]
    fn check(section: &str, want: &[&str]) {
        let bytes = format!("{section}\r\n\r\n");
        let head = Head::parse(bytes.as_bytes()).unwrap();
        let shown: Vec<String> = labels(&head)
            .iter()
            .map(|label| match label.sites.first() {
                Some(site) => format!("{}@{site}", label.id),
                None => label.id.to_string(),
            })
            .collect();
        assert_eq!(shown, want, "{section}");
    }

    fn a_at_site() -> String {
        format!("{A}@{SITE}")
    }

    #[test]
    fn style_1_classic_client_folded_after_semicolons() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_Enabled=True;\r\n MSIP_Label_{A}_SiteId={SITE};\r\n \
                 MSIP_Label_{A}_Owner=j.devries@gemeente.example;\r\n \
                 MSIP_Label_{A}_SetDate=2020-03-02T09:14:33.1234567Z;\r\n MSIP_Label_{A}_Name=Vertrouwelijk;\r\n \
                 MSIP_Label_{A}_Application=Microsoft Azure Information\r\n Protection;\r\n \
                 MSIP_Label_{A}_ActionId={B};\r\n MSIP_Label_{A}_Extended_MSFT_Method=Manual"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn style_2_unified_labelling() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_Enabled=true;\r\n MSIP_Label_{A}_SetDate=2021-05-11T12:00:07Z;\r\n \
                 MSIP_Label_{A}_Method=Privileged;\r\n MSIP_Label_{A}_Name=Intern;\r\n MSIP_Label_{A}_SiteId={SITE};\r\n \
                 MSIP_Label_{A}_ActionId={B};\r\n MSIP_Label_{A}_ContentBits=11"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn style_3_alphabetical_without_spaces_on_one_line() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_ActionId={B};MSIP_Label_{A}_ContentBits=0;MSIP_Label_{A}_Enabled=true;\
                 MSIP_Label_{A}_Method=Standard;MSIP_Label_{A}_Name=Vertrouwelijk_0;\
                 MSIP_Label_{A}_SetDate=2025-01-20T08:30:00Z;MSIP_Label_{A}_SiteId={SITE};MSIP_Label_{A}_Tag=10, 3, 0, 1;"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn style_4_new_client_with_a_last_semicolon() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_Enabled=True;MSIP_Label_{A}_SiteId={SITE};\
                 MSIP_Label_{A}_SetDate=2025-09-01T10:11:12.345Z;MSIP_Label_{A}_Name=General;\
                 MSIP_Label_{A}_ContentBits=0;MSIP_Label_{A}_Method=Standard;"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn style_5_new_client_with_spaces() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_Enabled=True; MSIP_Label_{A}_SiteId={SITE}; \
                 MSIP_Label_{A}_SetDate=2025-09-01T10:11:12.345Z; MSIP_Label_{A}_Name=General; \
                 MSIP_Label_{A}_ContentBits=0; MSIP_Label_{A}_Method=Standard"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn style_6_reverse_order() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_SiteId={SITE};MSIP_Label_{A}_SetDate=2023-02-03T04:05:06Z;\
                 MSIP_Label_{A}_Name=Geheim;MSIP_Label_{A}_Method=Standard;MSIP_Label_{A}_Enabled=true;\
                 MSIP_Label_{A}_ContentBits=3;MSIP_Label_{A}_ActionId={B};"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn style_7_a_gateway_s_minimum_and_any_case_of_the_name() {
        check(
            &format!(
                "MSIP_Labels: MSIP_Label_{A}_Enabled=true;MSIP_Label_{A}_Name=Intern;MSIP_Label_{A}_SiteId={SITE};"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn a_line_broken_inside_a_key_and_inside_a_guid_still_counts() {
        let (left, right) = A.split_at(11);
        let (site_left, site_right) = SITE.split_at(20);
        check(
            &format!(
                "msip_labels: MSIP_La\r\n bel_{left}\r\n {right}_Ena\r\n bled=tr\r\n ue;\
                 MSIP_Label_{A}_SiteId={site_left}\r\n {site_right};"
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn a_value_encoded_whole_with_keys_split_across_words_is_decoded_first() {
        let (left, right) = A.split_at(5);
        check(
            &format!(
                "msip_labels:\r\n =?utf-8?Q?MSIP=5FLabel=5F{left}?=\r\n =?utf-8?Q?{right}=5FEnabled=3Dtrue;_MSIP=5FLab?=\r\n \
                 =?utf-8?Q?el=5F{A}=5FName=3DG=C3=A9n=C3=A9ral;_MSIP=5FLabel=5F{A}=5FSiteId=3D{SITE}?="
            ),
            &[&a_at_site()],
        );
    }

    #[test]
    fn duplicates_equals_signs_and_foreign_tokens_do_no_harm() {
        check(
            &format!(
                "msip_labels: aiplabel=External Public;;MSIP_Label_{A}_Enabled=true;MSIP_Label_{A}_Enabled=true;\
                 MSIP_Label_{A}_Name=a=b;MSIP_Label_nonsense_Enabled=true;loose words"
            ),
            &[A],
        );
    }

    #[test]
    fn an_empty_header_is_no_label_and_a_removed_label_neither() {
        check("msip_labels:", &[]);
        check("msip_labels: \r\nSubject: x", &[]);
        check(
            &format!("msip_labels: MSIP_Label_{A}_Enabled=false;MSIP_Label_{A}_SiteId={SITE};"),
            &[],
        );
    }

    #[test]
    fn only_a_plain_false_takes_a_label_away() {
        check(&format!("msip_labels: MSIP_Label_{A}_Name=Intern"), &[A]);
        check(
            &format!("msip_labels: MSIP_Label_{A}_Enabled=False;MSIP_Label_{A}_Enabled=True"),
            &[A],
        );
    }

    #[test]
    fn labels_of_two_tenants_and_of_two_fields_all_count() {
        check(
            &format!(
                "msip_labels: MSIP_Label_{A}_Enabled=true;MSIP_Label_{A}_SiteId={SITE};\r\n\
                 msip_labels: MSIP_Label_{B}_Enabled=true;MSIP_Label_{B}_SiteId={B};"
            ),
            &[&a_at_site(), &format!("{B}@{B}")],
        );
    }

    #[test]
    fn shadow_fields_carry_a_label_too() {
        check(
            &format!("msip_label_{A}_enabled: true\r\nmsip_label_{A}_siteid: {SITE}"),
            &[&a_at_site()],
        );
    }

    #[test]
    fn a_label_below_another_names_its_parent() {
        let bytes =
            format!("msip_labels: MSIP_Label_{A}_Enabled=True;MSIP_Label_{A}_Parent={B};\r\n\r\n");
        let found = labels(&Head::parse(bytes.as_bytes()).unwrap());
        assert_eq!(found.first().unwrap().parents, [B.parse::<Guid>().unwrap()]);
    }
}
