//! Days and times as mails tell them, in UTC.

use time::{OffsetDateTime, Time};

use super::Language;
use crate::moment::Moment;

impl Language {
    fn month(self, month: time::Month) -> &'static str {
        const NL: [&str; 12] = [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ];
        const EN: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        const DE: [&str; 12] = [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ];
        const FR: [&str; 12] = [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ];
        let names = match self {
            Self::Nl => NL,
            Self::En => EN,
            Self::De => DE,
            Self::Fr => FR,
        };
        names.get(usize::from(u8::from(month)) - 1).copied().unwrap_or_default()
    }

    /// A day of the month as this language writes it before the month.
    pub fn day_of_month(self, day: u8) -> String {
        match (self, day) {
            (Self::De, day) => format!("{day}."),
            (Self::Fr, 1) => "1er".into(),
            (Self::Nl | Self::En | Self::Fr, day) => day.to_string(),
        }
    }

    /// `24 december 2026`, in UTC.
    fn day(self, date: OffsetDateTime) -> String {
        format!("{} {} {}", self.day_of_month(date.day()), self.month(date.month()), date.year())
    }

    /// `24 december 2026, 15:30 (UTC)`.
    pub(crate) fn time(self, moment: Moment) -> String {
        let date = utc(moment);
        format!("{}, {:02}:{:02} (UTC)", self.day(date), date.hour(), date.minute())
    }

    pub(super) fn day_or_time(self, last: Last) -> String {
        match last {
            Last::Day(date) => self.day(date),
            Last::Time(moment) => self.time(moment),
        }
    }
}

/// How the end of a time is best told.
#[derive(Copy, Clone)]
pub(super) enum Last {
    Day(OffsetDateTime),
    Time(Moment),
}

/// The last whole day before `until`, so that "until the 23rd" is true all through the 23rd. Where that is not even
/// today, the time must be told.
pub(super) fn last_day(until: Moment, now: Moment) -> Last {
    let midnight = utc(until).replace_time(Time::MIDNIGHT);
    let last = midnight.checked_sub(time::Duration::DAY).unwrap_or(midnight);
    if last.date() < utc(now).date() { Last::Time(until) } else { Last::Day(last) }
}

/// A moment as a date; what lies beyond all dates is the last one.
fn utc(moment: Moment) -> OffsetDateTime {
    const END_OF_9999: i64 = 253_402_300_799;
    OffsetDateTime::from_unix_timestamp(moment.0.clamp(0, END_OF_9999))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
