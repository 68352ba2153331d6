//! What notifications say: each sentence once, with its languages side by side.

use time::{OffsetDateTime, Time};

use super::{How, Language};
use crate::moment::Moment;

impl Language {
    /// The language tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::Nl => "nl",
            Self::En => "en",
        }
    }

    pub(super) fn subject(self, sender: &str, organisation: &str) -> String {
        match self {
            Self::Nl => format!("Beveiligd bericht van {sender} ({organisation})"),
            Self::En => format!("Secure message from {sender} ({organisation})"),
        }
    }

    pub(super) fn greeting(self) -> String {
        match self {
            Self::Nl => "Beste lezer,".into(),
            Self::En => "Dear reader,".into(),
        }
    }

    pub(super) fn lead(self, sender: &str, organisation: &str) -> String {
        match self {
            Self::Nl => format!(
                "{sender} van {organisation} heeft u een beveiligd bericht gestuurd. De inhoud staat niet in deze e-mail, \
                 maar in onze eigen berichtenportal."
            ),
            Self::En => format!(
                "{sender} of {organisation} sent you a secure message. Its content is not in this email but in our own \
                 message portal."
            ),
        }
    }

    pub(super) fn read_here(self) -> String {
        match self {
            Self::Nl => "Lees het bericht hier:".into(),
            Self::En => "Read it here:".into(),
        }
    }

    pub(super) fn or_type(self, host: &str, reference: &str) -> String {
        match self {
            Self::Nl => {
                format!(
                    "U kunt ook zelf naar {host} gaan en daar deze berichtcode invullen: {reference}"
                )
            }
            Self::En => format!(
                "You can also go to {host} yourself and enter this message code: {reference}"
            ),
        }
    }

    pub(super) fn how(self, how: How<'_>) -> String {
        match (self, how) {
            (Self::Nl, How::Account) => "U meldt zich aan met uw account en uw tweede stap.".into(),
            (Self::En, How::Account) => "You sign in with your account and its second step.".into(),
            (Self::Nl, How::Sms(last)) => {
                format!("U krijgt een sms-code op het nummer dat eindigt op {last}.")
            }
            (Self::En, How::Sms(last)) => {
                format!("We send a text code to the number ending in {last}.")
            }
            (Self::Nl, How::AccessCode) => {
                "U hebt de toegangscode nodig die u van de afzender kreeg.".into()
            }
            (Self::En, How::AccessCode) => "You need the access code the sender gave you.".into(),
            (Self::Nl, How::Email) => "Wij sturen een code naar dit e-mailadres.".into(),
            (Self::En, How::Email) => "We send a code to this email address.".into(),
        }
    }

    pub(super) fn never_asked(self) -> String {
        match self {
            Self::Nl => "Wij vragen nooit om een wachtwoord, een betaling of uw DigiD.".into(),
            Self::En => "We never ask for a password, a payment or your bank details.".into(),
        }
    }

    pub(super) fn readable_until(self, until: Moment, now: Moment) -> String {
        let last = last_day(until, now);
        match self {
            Self::Nl => format!("U kunt dit bericht lezen tot en met {}.", self.day_or_time(last)),
            Self::En => format!("You can read this message until {}.", self.day_or_time(last)),
        }
    }

    pub(super) fn doubt(self) -> String {
        match self {
            Self::Nl => {
                "Twijfelt u of deze e-mail echt is? Bel de afzender op een nummer dat u al kent."
                    .into()
            }
            Self::En => {
                "Not sure that this email is genuine? Call the sender on a number you already know."
                    .into()
            }
        }
    }

    pub(super) fn more_about(self) -> String {
        match self {
            Self::Nl => "Zo controleert u onze beveiligde e-mail:".into(),
            Self::En => "How to check our secure email:".into(),
        }
    }

    /// For who does not read the language of the rest; `None` where the rest is English.
    pub(super) fn in_english(self, organisation: &str) -> Option<String> {
        match self {
            Self::Nl => Some(format!(
                "In English: {organisation} sent you a secure message. Open the address above to read it."
            )),
            Self::En => None,
        }
    }

    pub(super) fn code_subject(self, organisation: &str) -> String {
        match self {
            Self::Nl => format!("Uw code voor het beveiligde bericht van {organisation}"),
            Self::En => format!("Your code for the secure message from {organisation}"),
        }
    }

    pub(super) fn your_code(self, host: &str) -> String {
        match self {
            Self::Nl => format!("Vul deze code in op de pagina van {host} die u al open hebt:"),
            Self::En => format!("Enter this code on the page of {host} that you have open:"),
        }
    }

    pub(super) fn code_lasts(self, minutes: u64) -> String {
        match (self, minutes) {
            (Self::Nl, 1) => {
                "De code werkt 1 minuut en één keer. Geef deze code aan niemand.".into()
            }
            (Self::Nl, _) => {
                format!("De code werkt {minutes} minuten en één keer. Geef deze code aan niemand.")
            }
            (Self::En, 1) => "The code works for 1 minute and once. Do not share this code.".into(),
            (Self::En, _) => {
                format!("The code works for {minutes} minutes and once. Do not share this code.")
            }
        }
    }

    pub(super) fn code_unasked(self) -> String {
        match self {
            Self::Nl => "Hebt u geen code gevraagd? Dan hoeft u niets te doen.".into(),
            Self::En => "Did you not ask for a code? Then there is nothing you need to do.".into(),
        }
    }

    /// For who does not read the language of the rest; `None` where the rest is English.
    pub(super) fn code_in_english(self, host: &str) -> Option<String> {
        match self {
            Self::Nl => {
                Some(format!("In English: enter this code on the page of {host}. Do not share it."))
            }
            Self::En => None,
        }
    }

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
        let names = match self {
            Self::Nl => NL,
            Self::En => EN,
        };
        names.get(usize::from(u8::from(month)) - 1).copied().unwrap_or_default()
    }

    /// `24 december 2026`, in UTC.
    fn day(self, date: OffsetDateTime) -> String {
        format!("{} {} {}", date.day(), self.month(date.month()), date.year())
    }

    /// `24 december 2026, 15:30 (UTC)`.
    pub(crate) fn time(self, moment: Moment) -> String {
        let date = utc(moment);
        format!("{}, {:02}:{:02} (UTC)", self.day(date), date.hour(), date.minute())
    }

    fn day_or_time(self, last: Last) -> String {
        match last {
            Last::Day(date) => self.day(date),
            Last::Time(moment) => self.time(moment),
        }
    }
}

/// How the end of a time is best told.
#[derive(Copy, Clone)]
enum Last {
    Day(OffsetDateTime),
    Time(Moment),
}

/// The last whole day before `until`, so that "until the 23rd" is true all through the 23rd. Where that is not even
/// today, the time must be told.
fn last_day(until: Moment, now: Moment) -> Last {
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
