//! Phone numbers that a text message may go to: E.164, of a mobile phone, in a country. Numbers that cost their caller
//! or callee money, and those of satellites and other networks without a country, are what pumping lives on
//! (portal.md, section 3.4): they are no numbers here.

use std::fmt;
use std::str::FromStr;

use phonenumber::country::Id;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber, Type};
use regex::RegexBuilder;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The number of a mobile phone, with its plus.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    number: Secret,
    country: Country,
}

/// A country that has phone numbers, by its ISO 3166-1 code of two letters.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// The countries that text messages are sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Country>")]
pub struct Countries(Vec<Country>);

/// Why no text message can go to a number. It never says the number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.why())]
pub enum Unfit {
    Malformed,
    Unassigned,
    NotMobile,
}

/// Digits of an E.164 number: at most 15 by the recommendation; with fewer than 8 some were forgotten.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

impl Number {
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        if !is_e164(text) {
            return Err(Unfit::Malformed);
        }
        let number = phonenumber::parse(None, text).map_err(|_| Unfit::Unassigned)?;
        let country = number.country().id().ok_or(Unfit::Unassigned)?;
        let country = country.as_ref().parse().map_err(|_| Unfit::Unassigned)?;
        // A national prefix between code and number, as in +33 06, would be dropped on the way.
        if number.format().mode(Mode::E164).to_string() != text {
            return Err(Unfit::Unassigned);
        }
        match number.number_type(&DATABASE) {
            // Where the two cannot be told apart, as in North America.
            Type::Mobile | Type::FixedLineOrMobile if is_whole(&number) => {
                Ok(Self { number: Secret::new(text), country })
            }
            Type::Mobile | Type::FixedLineOrMobile | Type::Unknown => Err(Unfit::Unassigned),
            _ => Err(Unfit::NotMobile),
        }
    }

    pub fn country(&self) -> Country {
        self.country
    }

    /// With its plus.
    pub fn secret(&self) -> &Secret {
        &self.number
    }

    /// The last two digits: as much as its owner needs to know it again.
    pub fn ending(&self) -> &str {
        let number = self.number.reveal();
        number.get(number.len().saturating_sub(2)..).unwrap_or_default()
    }

    /// What it has in common with its neighbours: all but the last two digits.
    pub fn hundred(&self) -> Secret {
        let number = self.number.reveal();
        Secret::new(number.get(..number.len() - 2).unwrap_or_default())
    }
}

/// Whether the pattern of the country's mobile numbers covers all of the number: `phonenumber` is content with its
/// beginning.
fn is_whole(number: &PhoneNumber) -> bool {
    let mobile = number.metadata(&DATABASE).and_then(|country| country.descriptors().mobile());
    let Some(mobile) = mobile else { return false };
    let pattern = format!("^(?:{})$", mobile.national_number().as_str());
    let pattern = RegexBuilder::new(&pattern).ignore_whitespace(true).build();
    pattern.is_ok_and(|pattern| pattern.is_match(&number.national().value().to_string()))
}

impl Unfit {
    pub fn why(self) -> &'static str {
        match self {
            Self::Malformed => {
                "the phone number must be a + and 8 to 15 digits, with nothing between them"
            }
            Self::Unassigned => "the phone number is in use in no country",
            Self::NotMobile => "the phone number is not that of a mobile phone",
        }
    }
}

fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else { return false };
    DIGITS.contains(&digits.len())
        && digits.bytes().all(|octet| octet.is_ascii_digit())
        && !digits.starts_with('0')
}

impl fmt::Debug for Number {
    /// Not the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Number").field("country", &self.country).finish_non_exhaustive()
    }
}

impl FromStr for Country {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, String> {
        let letters = code.as_bytes().try_into().ok().filter(|_| Id::from_str(code).is_ok());
        letters.map(Self).ok_or_else(|| {
            format!("`{code}` is no country: write its ISO 3166 code, such as \"NL\"")
        })
    }
}

impl TryFrom<String> for Country {
    type Error = String;

    fn try_from(code: String) -> Result<Self, String> {
        code.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Countries {
    pub fn allow(&self, country: Country) -> bool {
        self.0.contains(&country)
    }

    pub fn iter(&self) -> impl Iterator<Item = Country> {
        self.0.iter().copied()
    }
}

impl TryFrom<Vec<Country>> for Countries {
    type Error = &'static str;

    fn try_from(countries: Vec<Country>) -> Result<Self, Self::Error> {
        if countries.is_empty() {
            return Err("no country is named: name those whose numbers you send text messages to");
        }
        Ok(Self(countries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, Unfit>) {
        let found = Number::parse(text);
        assert_eq!(
            found.as_ref().map(|number| number.country().to_string()),
            expected.as_ref().map(|country| (*country).to_owned()),
            "{text}"
        );
        if let Ok(number) = found {
            assert_eq!(number.secret().reveal(), text);
            assert!(!format!("{number:?}").contains(text.trim_start_matches('+')));
        }
    }

    #[test]
    fn mobile_phones_have_a_country_also_where_several_share_a_code() {
        for (number, country) in [
            ("+31612345678", "NL"),
            ("+32470123456", "BE"),
            ("+4915123456789", "DE"),
            ("+33612345678", "FR"),
            ("+447400123456", "GB"),
            ("+447781123456", "GG"),
            ("+12015550123", "US"),
            ("+15062345678", "CA"),
            ("+18762101234", "JM"),
            ("+393123456789", "IT"),
            ("+436601234567", "AT"),
            ("+3197012345678", "NL"),
        ] {
            check(number, Ok(country));
        }
    }

    #[test]
    fn numbers_that_cost_or_cannot_receive_are_no_numbers_here() {
        for number in [
            "+319001234",
            "+31900123456",
            "+31201234567",
            "+318001234",
            "+31880123456",
            "+449012345678",
            "+447012345678",
            "+19002345678",
            "+18002345678",
        ] {
            let found = Number::parse(number).unwrap_err();
            assert!(matches!(found, Unfit::NotMobile | Unfit::Unassigned), "{number}: {found}");
        }
        check("+31201234567", Err(Unfit::NotMobile));
        check("+19002345678", Err(Unfit::NotMobile));
    }

    #[test]
    fn networks_without_a_country_and_ranges_that_nobody_has_are_refused() {
        for number in ["+881612345678", "+870773111632", "+979123456789", "+999612345678"] {
            check(number, Err(Unfit::Unassigned));
        }
        check("+316123456", Err(Unfit::Unassigned));
        check("+3161234567890", Err(Unfit::Unassigned));
        check("+330612345678", Err(Unfit::Unassigned));
    }

    #[test]
    fn only_the_plain_international_form_is_a_number() {
        for text in [
            "",
            "+",
            "0612345678",
            "31612345678",
            "+0612345678",
            "+31 612345678",
            "+31-612345678",
            "+316123456٧8",
            "+1234567",
            "+1234567890123456",
            "+31612345678;ext=1",
            "tel:+31612345678",
        ] {
            check(text, Err(Unfit::Malformed));
        }
    }

    #[test]
    fn neighbours_differ_in_their_last_two_digits() {
        let hundred = |number| Number::parse(number).unwrap().hundred();
        assert_eq!(hundred("+31612345678").reveal(), "+316123456");
        assert_eq!(hundred("+31612345678"), hundred("+31612345699"));
        assert!(hundred("+31612345678") != hundred("+31612345778"));
    }

    #[test]
    fn countries_are_written_by_their_codes_and_one_must_be_named() {
        let read = |text: &str| serde_json::from_str::<Countries>(text);
        let countries = read(r#"["NL", "BE"]"#).unwrap();
        assert!(countries.allow("NL".parse().unwrap()) && !countries.allow("DE".parse().unwrap()));
        for wrong in ["[]", r#"["nl"]"#, r#"["Nederland"]"#, r#"["XX"]"#, r#"[""]"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
