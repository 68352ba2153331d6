//! What headers and document properties say of labels, one attribute at a time: `MSIP_Label_<guid>_<Attribute>` and a value.

use std::collections::BTreeMap;

use super::{Guid, Label};

/// Attributes read so far, by label.
#[derive(Default)]
pub(super) struct Gathered(BTreeMap<Guid, Attributes>);

/// What has been read of one label, from however many places.
#[derive(Default)]
struct Attributes {
    enabled: Vec<bool>,
    sites: Vec<Guid>,
    parents: Vec<Guid>,
    names: Vec<String>,
}

const PREFIX: &str = "msip_label_";

/// Octets of a GUID in its canonical form.
const GUID_LENGTH: usize = 36;

impl Gathered {
    pub(super) fn is_key(key: &str) -> bool {
        label_key(key).is_some()
    }

    /// Takes one attribute; a key that is none of a label is passed over.
    pub(super) fn note(&mut self, key: &str, value: &str) {
        if let Some((id, attribute)) = label_key(key) {
            self.0.entry(id).or_default().note(&attribute, value);
        }
    }

    /// The labels that are not marked as disabled, by GUID.
    pub(super) fn into_labels(self) -> Vec<Label> {
        self.0.into_iter().filter_map(|(id, attributes)| attributes.into_label(id)).collect()
    }
}

/// Splits `MSIP_Label_<guid>_<Attribute>`; the attribute in lower case.
fn label_key(key: &str) -> Option<(Guid, String)> {
    let key = squeezed(key).to_ascii_lowercase();
    let rest = key.strip_prefix(PREFIX)?;
    let (guid, attribute) = rest.split_at_checked(GUID_LENGTH)?;
    Some((guid.parse().ok()?, attribute.strip_prefix('_')?.to_owned()))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

impl Attributes {
    fn note(&mut self, attribute: &str, value: &str) {
        match attribute {
            "enabled" => self.enabled.push(!squeezed(value).eq_ignore_ascii_case("false")),
            "siteid" => self.sites.extend(value.parse::<Guid>()),
            "parent" => self.parents.extend(value.parse::<Guid>()),
            "name" => {
                let name = Some(value.trim().to_owned()).filter(|name| !name.is_empty());
                self.names.extend(name);
            }
            _ => (),
        }
    }

    fn into_label(self, id: Guid) -> Option<Label> {
        let removed = !self.enabled.is_empty() && !self.enabled.contains(&true);
        let Self { sites, parents, names, .. } = self;
        (!removed).then_some(Label { id, sites, parents, names })
    }
}
