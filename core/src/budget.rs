//! How many text messages may be sent. Nobody types a number into a page of ours, so that the classic pumping of text
//! messages has no way in; what is left is a sender's stolen account that writes headers with many numbers, and a link
//! that many clicks ask for codes from (portal.md, section 3.4).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::phone::Country;

/// The most of each kind, in an hour or a day that ends now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Budget {
    pub number_per_hour: u32,
    pub number_per_day: u32,
    /// To all numbers that are the same but for the last two digits: one after the other is how ranges are pumped.
    pub hundred_per_hour: u32,
    /// For the messages of one author.
    pub sender_per_day: u32,
    pub organisation_per_day: u32,
    /// To the numbers of a country, where less than the organisation's should go.
    pub country_per_day: BTreeMap<Country, u32>,
}

/// What text messages are counted by.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Payer {
    /// The telephone number, whoever sends to it.
    Number,
    /// The number without its last two digits.
    Hundred,
    /// The author of the message.
    Sender,
    Country,
    Organisation,
}

/// At most so many within this time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub payer: Payer,
    pub most: u32,
    pub per: Duration,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Default for Budget {
    fn default() -> Self {
        Self {
            // A code that does not come is asked for again a few times; who needs more has another trouble.
            number_per_hour: 5,
            number_per_day: 10,
            // Four people with neighbouring numbers, on a bad day.
            hundred_per_hour: 20,
            // Well over what a person writes in a day. An application that sends for many needs more.
            sender_per_day: 100,
            // What a pumped day may cost at most: some tens of euros.
            organisation_per_day: 500,
            country_per_day: BTreeMap::new(),
        }
    }
}

impl Budget {
    /// All of them must have room for one more text message, to a number of this country.
    pub fn allowances(&self, country: Country) -> Vec<Allowance> {
        let own = self.country_per_day.get(&country);
        let country = own.map(|most| Allowance { payer: Payer::Country, most: *most, per: DAY });
        self.everywhere().map(|(_, allowance)| allowance).into_iter().chain(country).collect()
    }

    /// The limits that would let nothing through, by their names.
    pub fn zeros(&self) -> impl Iterator<Item = &'static str> {
        self.everywhere().into_iter().filter_map(|(name, it)| (it.most == 0).then_some(name))
    }

    fn everywhere(&self) -> [(&'static str, Allowance); 5] {
        [
            ("number-per-hour", Payer::Number, self.number_per_hour, HOUR),
            ("number-per-day", Payer::Number, self.number_per_day, DAY),
            ("hundred-per-hour", Payer::Hundred, self.hundred_per_hour, HOUR),
            ("sender-per-day", Payer::Sender, self.sender_per_day, DAY),
            ("organisation-per-day", Payer::Organisation, self.organisation_per_day, DAY),
        ]
        .map(|(name, payer, most, per)| (name, Allowance { payer, most, per }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(budget: &Budget, country: &str, payers: &[Payer]) {
        let allowances = budget.allowances(country.parse().unwrap());
        let found: Vec<_> = allowances.iter().map(|allowance| allowance.payer).collect();
        assert_eq!(found, payers, "{country}");
        assert!(allowances.iter().all(|allowance| allowance.most > 0), "{allowances:?}");
    }

    #[test]
    fn every_payer_has_a_bound_and_a_country_may_have_its_own() {
        let all =
            [Payer::Number, Payer::Number, Payer::Hundred, Payer::Sender, Payer::Organisation];
        check(&Budget::default(), "NL", &all);
        let country_per_day = [("BE".parse().unwrap(), 2)].into();
        let budget = Budget { country_per_day, ..Budget::default() };
        check(&budget, "NL", &all);
        check(&budget, "BE", &[all.as_slice(), &[Payer::Country]].concat());
    }

    #[test]
    fn limits_are_written_by_their_names() {
        let text = "number-per-hour = 3\ncountry-per-day = { BE = 50 }";
        let budget: Budget = toml::from_str(text).unwrap();
        assert_eq!((budget.number_per_hour, budget.number_per_day), (3, 10));
        assert_eq!(budget.country_per_day, [("BE".parse().unwrap(), 50)].into());
        assert_eq!(budget.zeros().count(), 0);
        for name in ["number-per-hour", "hundred-per-hour", "organisation-per-day"] {
            let none: Budget = toml::from_str(&format!("{name} = 0")).unwrap();
            assert_eq!(none.zeros().collect::<Vec<_>>(), [name]);
        }
        assert!(toml::from_str::<Budget>("number-per-week = 1").is_err());
    }
}
