//! Sensitivity labels: by GUID, or, where a rule has nothing better, by name.
//!
//! A name is a weak key: it is translated and changed, any tenant may use it, and anybody can write it. Office's own label
//! list (`LabelInfo.xml`) has none at all. A label without a name may be the one wanted, so it is no "no".

use std::fmt;

use serde::Deserialize;

use super::Message;
use super::condition::{Verdict, list};
use super::pattern::Text;
use super::words::{Folded, Words};
use crate::label::{Guid, Label, Wanted, labels};

/// A label that a message, or a document in it, must carry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub enum Labelled {
    ById(Wanted),
    ByName(Named),
}

/// A label by its whole name, in any case. It holds for that label alone: which stand below it no name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: Words,
    /// The tenant.
    pub site: Option<Guid>,
}

/// `{ guid = …, site = … }` or `{ name = …, site = … }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    guid: Option<Guid>,
    name: Option<Words>,
    site: Option<Guid>,
}

/// In the header section and in every document. One that is found settles it; else what could not be read leaves it open.
pub(super) fn look(wanted: &[Labelled], message: &Message<'_>) -> (Verdict, String) {
    let mut carried = labels(message.head);
    let attachments = message.content.attachments.as_ref();
    carried.extend(attachments.into_iter().flat_map(|found| found.labels.iter().cloned()));
    let found = wanted.iter().find(|wanted| carried.iter().any(|label| wanted.is_met_by(label)));
    if let Some(found) = found {
        return (Verdict::Yes, format!("the message carries {found}"));
    }
    let Some(attachments) = attachments else {
        return (Verdict::Unknown, "the attachments were not looked at".to_owned());
    };
    if let Some(why) = attachments.unreadable() {
        return (Verdict::Unreadable, why);
    }
    let nameless = carried.iter().find(|label| may_be_any(label, wanted, &carried));
    match nameless {
        Some(label) => (Verdict::Unreadable, format!("label {} does not say its name", label.id)),
        None if carried.is_empty() => (Verdict::No, "the message carries no label".to_owned()),
        None => {
            let others = list(carried.iter().map(|label| &label.id));
            (Verdict::No, format!("the message carries other labels: {others}"))
        }
    }
}

/// Whether a label that has no name that can be read, here or anywhere else in the message, may be one that is wanted by name.
fn may_be_any(label: &Label, wanted: &[Labelled], carried: &[Label]) -> bool {
    let is_wanted = wanted.iter().any(|wanted| match wanted {
        Labelled::ByName(named) => named.may_be_of(label),
        Labelled::ById(_) => false,
    });
    let is_same = |other: &Label| {
        std::ptr::eq(other, label)
            || (other.id == label.id && other.sites.iter().any(|site| label.sites.contains(site)))
    };
    is_wanted && !carried.iter().any(|other| is_same(other) && has_readable_name(other))
}

/// Every name has to be: what an unknown encoding hides may be the one wanted.
fn has_readable_name(label: &Label) -> bool {
    !label.names.is_empty() && label.names.iter().all(|name| !Text::plain(name).is_undecoded())
}

impl Labelled {
    pub(super) fn is_by_name(&self) -> bool {
        matches!(self, Self::ByName(_))
    }

    fn is_met_by(&self, label: &Label) -> bool {
        match self {
            Self::ById(wanted) => wanted.is_met_by(label),
            Self::ByName(named) => {
                let is_named = |name: &String| named.name.is_whole(&Folded::new(name));
                named.may_be_of(label) && label.names.iter().any(is_named)
            }
        }
    }
}

impl Named {
    /// Whether the label may be of the tenant wanted: it is not known to be of another.
    fn may_be_of(&self, label: &Label) -> bool {
        let is_its = |site| label.sites.is_empty() || label.sites.contains(site);
        self.site.as_ref().is_none_or(is_its)
    }
}

impl TryFrom<Written> for Labelled {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let Written { guid, name, site } = written;
        match (guid, name) {
            (Some(guid), None) => Ok(Self::ById(Wanted { guid, site })),
            (None, Some(name)) => Ok(Self::ByName(Named { name, site })),
            (Some(_), Some(_)) => Err("guid says which label it is: leave the name out"),
            (None, None) => Err("no label: write its guid"),
        }
    }
}

/// As the rule has it; nothing of the message.
impl fmt::Display for Labelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ById(wanted) => write!(f, "label {}", wanted.guid),
            Self::ByName(named) => write!(f, "a label of the name {:?}", named.name.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wanted: &str, carried: &str, want: bool) {
        let name = Words::try_from(wanted.to_owned()).unwrap();
        assert_eq!(name.is_whole(&Folded::new(carried)), want, "{wanted:?} and {carried:?}");
    }

    #[test]
    fn a_name_counts_whole_in_any_case_and_form_wherever_a_line_was_broken() {
        for carried in [
            "Général interne",
            "GÉNÉRAL INTERNE",
            "Ge\u{301}ne\u{301}ral  interne",
            "Général inter ne",
        ] {
            check("général interne", carried, true);
        }
        for carried in
            ["Général", "Général interne 2", "Non Général interne", "General interne", ""]
        {
            check("général interne", carried, false);
        }
    }
}
