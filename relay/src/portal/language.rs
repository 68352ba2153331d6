//! In which language a page speaks, and how it says things: strings by key, dates and sizes as people write them.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use zegel_core::moment::Moment;
use zegel_core::notice::Language;

fluent_templates::static_loader! {
    static LOCALES = {
        locales: "./locale",
        fallback_language: "en",
        // Names are cleaned of bidirectional controls before they come here; invisible isolates around codes and
        // addresses would be copied along with them.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static DUTCH: LanguageIdentifier = langid!("nl");
static ENGLISH: LanguageIdentifier = langid!("en");
static GERMAN: LanguageIdentifier = langid!("de");
static FRENCH: LanguageIdentifier = langid!("fr");

/// Everything that the portal says, in one language.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Words(pub(super) Language);

/// What the reader chose: on this page, or earlier in this browser.
pub(super) fn chosen(query: Option<&str>, cookie: Option<&str>) -> Option<Language> {
    asked(query).or_else(|| cookie.and_then(from_code))
}

/// The language for a request: chosen by its reader, preferred by the browser, or the organisation's.
pub(super) fn choose(
    chosen: Option<Language>,
    accepted: Option<&str>,
    default: Language,
) -> Language {
    chosen.or_else(|| accepted.and_then(preferred)).unwrap_or(default)
}

/// The language that `?lang=` asks for.
pub(super) fn asked(query: Option<&str>) -> Option<Language> {
    query?.split('&').filter_map(|pair| pair.strip_prefix("lang=")).find_map(from_code)
}

/// Our own codes, as they stand in links and in the cookie: exactly these.
fn from_code(code: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| language.tag() == code)
}

/// The best of `Accept-Language` (RFC 9110, section 12.5.4) that we speak; of equals the first.
fn preferred(header: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in header.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let Some(language) = Language::of_tag(tag) else { continue };
        if weight > best.map_or(0.0, |(least, _)| least) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

impl Words {
    /// The language's tag (BCP 47).
    pub(super) fn code(self) -> &'static str {
        self.0.tag()
    }

    pub(super) fn say(self, key: &str) -> String {
        LOCALES.lookup(self.locale(), key)
    }

    pub(super) fn with(self, key: &str, args: &[(&'static str, &str)]) -> String {
        let args = args
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(*value)))
            .collect();
        LOCALES.lookup_with_args(self.locale(), key, &args)
    }

    /// A sentence about `$n` things.
    pub(super) fn count(self, key: &str, n: impl TryInto<u64>) -> String {
        let n = n.try_into().unwrap_or(u64::MAX);
        let args = HashMap::from([(Cow::Borrowed("n"), FluentValue::from(n))]);
        LOCALES.lookup_with_args(self.locale(), key, &args)
    }

    /// `24 november 2026`, in UTC.
    pub(super) fn date(self, moment: Moment) -> String {
        OffsetDateTime::from_unix_timestamp(moment.0)
            .map_or_else(|_| String::new(), |time| self.day(time))
    }

    /// The date of a message's own `Date` field with its time and zone; `None` when it is not one.
    pub(super) fn date_field(self, field: &str) -> Option<String> {
        // A comment such as `(CET)` may follow (RFC 5322, section 4.3); it repeats the zone.
        let plain = field.split('(').next().unwrap_or_default().trim();
        let time = OffsetDateTime::parse(plain, &Rfc2822).ok()?;
        let (hours, minutes, _) = time.offset().as_hms();
        let sign = if time.offset().is_negative() { '-' } else { '+' };
        let zone = format!("UTC{sign}{:02}:{:02}", hours.unsigned_abs(), minutes.unsigned_abs());
        let clock = format!("{:02}:{:02}", time.hour(), time.minute());
        Some(
            self.with("date-time", &[("date", &self.day(time)), ("time", &clock), ("zone", &zone)]),
        )
    }

    fn day(self, time: OffsetDateTime) -> String {
        let month = self.count("month", u8::from(time.month()));
        self.with(
            "date",
            &[
                ("day", &self.day_of_month(time.day())),
                ("month", &month),
                ("year", &time.year().to_string()),
            ],
        )
    }

    /// In French the first of a month alone is an ordinal.
    fn day_of_month(self, day: u8) -> String {
        if self.0 == Language::Fr && day == 1 { "1er".into() } else { day.to_string() }
    }

    /// How long from `now` until `until`, in the largest unit that is not zero, rounded up.
    pub(super) fn wait(self, until: Moment, now: Moment) -> String {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        match until.since(now).as_secs().max(1) {
            seconds if seconds <= MINUTE => self.count("wait-seconds", seconds),
            seconds if seconds <= HOUR => self.count("wait-minutes", seconds.div_ceil(MINUTE)),
            seconds => self.count("wait-hours", seconds.div_ceil(HOUR)),
        }
    }

    /// A size in powers of ten, as file managers show it.
    pub(super) fn size(self, octets: u64) -> String {
        const KILO: u64 = 1000;
        const MEGA: u64 = 1000 * KILO;
        let unit = match self.0 {
            Language::Fr => 'o',
            Language::Nl | Language::En | Language::De => 'B',
        };
        match octets {
            0..KILO => format!("{octets} {unit}"),
            KILO..MEGA => format!("{} k{unit}", octets / KILO),
            MEGA.. => {
                let tenths = octets / (MEGA / 10);
                let point = match self.0 {
                    Language::En => '.',
                    Language::Nl | Language::De | Language::Fr => ',',
                };
                format!("{}{point}{} M{unit}", tenths / 10, tenths % 10)
            }
        }
    }

    fn locale(self) -> &'static LanguageIdentifier {
        match self.0 {
            Language::Nl => &DUTCH,
            Language::En => &ENGLISH,
            Language::De => &GERMAN,
            Language::Fr => &FRENCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;

    const NL_SOURCE: &str = include_str!("../../locale/nl.ftl");
    const EN_SOURCE: &str = include_str!("../../locale/en.ftl");
    const DE_SOURCE: &str = include_str!("../../locale/de.ftl");
    const FR_SOURCE: &str = include_str!("../../locale/fr.ftl");

    /// Each key with the variables of its text.
    fn strings(source: &str) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut strings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut key = "";
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if let Some((start, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                key = start;
                assert!(strings.insert(key, BTreeSet::new()).is_none(), "{key} stands twice");
            }
            let names = line.split("{ $").skip(1).filter_map(|rest| rest.split(' ').next());
            strings.entry(key).or_default().extend(names);
        }
        strings.remove("");
        strings
    }

    /// The source of all pages: templates and modules.
    fn pages() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = ["templates/portal", "src/portal", "src/portal/sender"]
            .map(|directory| std::fs::read_dir(root.join(directory)).unwrap());
        let files = files
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file());
        files.map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn every_language_has_every_string_with_the_same_variables() {
        let english = strings(EN_SOURCE);
        for (tag, source) in [("nl", NL_SOURCE), ("de", DE_SOURCE), ("fr", FR_SOURCE)] {
            let other = strings(source);
            let keys: BTreeSet<_> = english.keys().chain(other.keys()).collect();
            for key in keys {
                assert_eq!(other.get(key), english.get(key), "{key} in {tag}.ftl, beside en.ftl");
            }
        }
    }

    #[test]
    fn strings_hold_no_markup() {
        for source in [NL_SOURCE, EN_SOURCE, DE_SOURCE, FR_SOURCE] {
            for line in source.lines() {
                assert!(!line.replace("->", "").contains(['<', '>', '&']), "{line}");
            }
        }
    }

    #[test]
    fn no_line_of_french_begins_with_a_punctuation_mark() {
        for line in FR_SOURCE.lines().filter(|line| !line.starts_with('#')) {
            for mark in [" :", " ;", " ?", " !"] {
                assert!(!line.contains(mark), "needs a no-break space before{mark}: {line}");
            }
        }
    }

    #[test]
    fn every_string_is_said_somewhere_and_every_page_says_strings_that_exist() {
        let (strings, pages) = (strings(EN_SOURCE), pages());
        for key in strings.keys() {
            let stem =
                key.strip_suffix("-title").or_else(|| key.strip_suffix("-text")).unwrap_or(key);
            let said = [key, stem].iter().any(|key| pages.contains(&format!("\"{key}\"")));
            assert!(said, "nobody says {key}");
        }
        for call in [".say(\"", ".with(\"", ".count(\""] {
            for said in pages.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(strings.contains_key(said), "there is no {said}");
            }
        }
    }

    #[test]
    fn the_language_is_the_chosen_one_then_the_browsers_then_the_organisations() {
        let choose =
            |query, cookie, accepted| choose(chosen(query, cookie), accepted, Language::Nl);
        assert_eq!(choose(Some("lang=en"), Some("nl"), Some("nl")), Language::En);
        assert_eq!(choose(Some("lang=xx"), Some("en"), Some("nl")), Language::En);
        assert_eq!(choose(None, None, Some("pl, EN-gb;q=0.8, nl;q=0.7")), Language::En);
        assert_eq!(choose(None, None, Some("fr-BE;q=0.6, de-AT;q=0.9")), Language::De);
        assert_eq!(choose(None, None, Some("en;q=0, pl")), Language::Nl);
        assert_eq!(choose(None, None, None), Language::Nl);
    }

    #[test]
    fn dates_waits_and_sizes_read_as_people_write_them() {
        let (nl, en) = (Words(Language::Nl), Words(Language::En));
        assert_eq!(nl.date(Moment(1_795_000_000)), "18 november 2026");
        let field = "Tue, 24 Nov 2026 10:05:00 +0100 (CET)";
        assert_eq!(nl.date_field(field).unwrap(), "24 november 2026, 10:05 uur (UTC+01:00)");
        assert_eq!(en.date_field(field).unwrap(), "24 November 2026, 10:05 (UTC+01:00)");
        assert_eq!(en.date_field("yesterday"), None);
        assert_eq!(nl.wait(Moment(40), Moment(0)), "40 seconden");
        assert_eq!(nl.wait(Moment(61), Moment(0)), "2 minuten");
        assert_eq!(en.wait(Moment(3601), Moment(0)), "2 hours");
        assert_eq!(en.wait(Moment(0), Moment(9)), "1 second");
        let (de, fr) = (Words(Language::De), Words(Language::Fr));
        assert_eq!(de.date_field(field).unwrap(), "24. November 2026, 10:05 Uhr (UTC+01:00)");
        assert_eq!(fr.date_field(field).unwrap(), "24 novembre 2026 à 10:05 (UTC+01:00)");
        assert_eq!(fr.date(Moment(1_796_083_200)), "1er décembre 2026");
        assert_eq!(fr.wait(Moment(61), Moment(0)), "2 minutes");
        assert_eq!(de.wait(Moment(3601), Moment(0)), "2 Stunden");
        assert_eq!(fr.size(1_250_000), "1,2 Mo");
        assert_eq!(nl.size(999), "999 B");
        assert_eq!(nl.size(1_250_000), "1,2 MB");
        assert_eq!(en.size(45_000), "45 kB");
    }
}
