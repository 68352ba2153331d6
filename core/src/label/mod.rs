//! Microsoft sensitivity labels. A label is known by its GUID and the tenant that gave it: its name is no sound key, since one
//! tenant's "General" carries the same GUID as another generator's "Internal", and names may be anything. It is kept for
//! rules that have nothing better.

mod attributes;
pub mod document;
mod header;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use header::labels;

/// A GUID in its canonical form: five groups of hexadecimal digits in lower case, no braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Guid(String);

/// Why a text is not a GUID.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a GUID: write 8-4-4-4-12 hexadecimal digits, as in f42aa342-8706-4288-bd11-ebb85995028c"
)]
pub struct GuidError;

/// A label that a message carries and that is not marked as removed.
#[derive(Clone, PartialEq, Eq)]
pub struct Label {
    pub id: Guid,
    /// The tenants that gave it: one in sound mail; none when the attribute is missing or unreadable.
    pub sites: Vec<Guid>,
    /// The labels above it, where it says so.
    pub parents: Vec<Guid>,
    /// What it is called: once in sound mail; not at all in a label list (`LabelInfo.xml`) and in an encrypted PDF.
    pub names: Vec<String>,
}

/// What a rule asks of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wanted {
    pub guid: Guid,
    /// The tenant. A label of another tenant, quoted in a thread, does not count then.
    pub site: Option<Guid>,
}

/// Lengths of the groups of a GUID.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl Guid {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows no names: they are content.
impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Label")
            .field("id", &self.id)
            .field("sites", &self.sites)
            .field("parents", &self.parents)
            .field("names", &self.names.len())
            .finish()
    }
}

impl Wanted {
    /// Whether `label` is the one wanted, or stands below it. A label that does not say which tenant gave it cannot be told
    /// to be another's, so it counts.
    pub fn is_met_by(&self, label: &Label) -> bool {
        let named = label.id == self.guid || label.parents.contains(&self.guid);
        let given = self
            .site
            .as_ref()
            .is_none_or(|site| label.sites.is_empty() || label.sites.contains(site));
        named && given
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    /// Takes any case, braces around it, and white space anywhere: a mail server that breaks a long header line breaks it
    /// wherever it likes.
    fn from_str(text: &str) -> Result<Self, GuidError> {
        let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let bare = bare.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(&bare);
        let groups: Vec<&str> = bare.split('-').collect();
        let sound = groups.iter().map(|group| group.len()).eq(GROUPS)
            && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if sound { Ok(Self(bare.to_ascii_lowercase())) } else { Err(GuidError) }
    }
}

impl TryFrom<String> for Guid {
    type Error = GuidError;

    fn try_from(text: String) -> Result<Self, GuidError> {
        text.parse()
    }
}

impl From<Guid> for String {
    fn from(guid: Guid) -> Self {
        guid.0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "11111111-2222-3333-4444-555555555555";
    const PARENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
    const SITE: &str = "99999999-8888-7777-6666-555555555555";

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        assert_eq!(text.parse::<Guid>().ok().as_ref().map(Guid::as_str), want, "{text:?}");
    }

    #[test]
    fn a_guid_is_read_in_any_case_with_braces_and_with_breaks_inside() {
        check(CHILD, Some(CHILD));
        check(&format!("{{{}}}", PARENT.to_uppercase()), Some(PARENT));
        check("aaaaaaaa-bb bb-cccc-\tdddd-eeeeeeeeeeee", Some(PARENT));
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "General",
            "aaaaaaaabbbbccccddddeeeeeeeeeeee",
            "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeeg",
            "{aaaaaaaa",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_wanted_label_is_met_by_itself_by_what_stands_below_it_and_only_from_its_own_tenant() {
        let guid = |text: &str| text.parse::<Guid>().unwrap();
        let label = Label {
            id: guid(CHILD),
            sites: vec![guid(SITE)],
            parents: vec![guid(PARENT)],
            names: Vec::new(),
        };
        let wanted = |id: &str, site: Option<&str>| Wanted { guid: guid(id), site: site.map(guid) };
        assert!(wanted(CHILD, None).is_met_by(&label));
        assert!(wanted(PARENT, Some(SITE)).is_met_by(&label));
        assert!(!wanted(SITE, None).is_met_by(&label));
        assert!(!wanted(CHILD, Some(PARENT)).is_met_by(&label), "another tenant's label");
        assert!(
            wanted(CHILD, Some(PARENT)).is_met_by(&Label { sites: Vec::new(), ..label }),
            "no tenant named"
        );
    }
}
