//! ISO 8601 durations in their plain form, such as `P30D`, `P1Y6M`, `P2W` or `P1DT12H`.

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A month counts 30 days and a year 365, so that a duration is a number and not a question of the calendar.
const DATE: [(char, u64); 4] = [('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)];
const TIME: [(char, u64); 3] = [('H', HOUR), ('M', MINUTE), ('S', 1)];

/// 100 years: longer than the law wants anything kept, and far from overflowing when added to a moment.
const SECONDS_MAX: u64 = 100 * 365 * DAY;

/// The length of a duration. `None` when it is malformed, has a fraction, is zero or longer than 100 years.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.strip_prefix(['P', 'p'])?;
    let seconds = match text.split_once(['T', 't']) {
        Some((_, "")) => return None,
        Some((date, time)) => sum(date, &DATE)?.checked_add(sum(time, &TIME)?)?,
        None => sum(text, &DATE)?,
    };
    (1..=SECONDS_MAX).contains(&seconds).then_some(seconds)
}

/// Adds up numbers with units, each unit once at most and in the order of the table.
fn sum(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut units = units.iter();
    let mut total = 0_u64;
    while !text.is_empty() {
        let (number, rest) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
        let mut rest = rest.chars();
        let name = rest.next()?.to_ascii_uppercase();
        let (_, length) = units.find(|(unit, _)| *unit == name)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        text = rest.as_str();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(seconds(text), expected, "{text:?}");
    }

    #[test]
    fn durations_are_read_in_all_units() {
        check("P30D", Some(30 * DAY));
        check("p30d", Some(30 * DAY));
        check("P2W", Some(14 * DAY));
        check("PT1H", Some(HOUR));
        check("PT90M", Some(90 * MINUTE));
        check("P1M", Some(30 * DAY));
        check("P1Y2M3W4DT5H6M7S", Some((365 + 60 + 21 + 4) * DAY + 5 * HOUR + 6 * MINUTE + 7));
        check("P100Y", Some(SECONDS_MAX));
    }

    #[test]
    fn what_is_malformed_or_without_measure_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P0D",
            "30D",
            "P30",
            "PD",
            "P1DT",
            "P1H",
            "PT1D",
            "P1D1Y",
            "P1D1D",
            "P1.5D",
            "P-1D",
            "P+1D",
            "P1D ",
            " P1D",
            "P1DT1",
            "P100YT1S",
            "P99999999999999999999D",
            "P18446744073709551615Y",
            "P1\u{e9}",
            "P1DT1HT1M",
        ] {
            check(text, None);
        }
    }
}
