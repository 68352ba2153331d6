//! What notifications say: each sentence once, with its languages side by side.

use time::{OffsetDateTime, Time};

use super::{How, Language, Trouble};
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

    /// Every character of these counts: see [`super::sms`].
    pub(super) fn code_by_text(self, code: &str, organisation: &str) -> String {
        match self {
            Self::Nl => format!(
                "{code} is uw code voor het beveiligde bericht van {organisation}. Geef deze code aan niemand."
            ),
            Self::En => format!(
                "{code} is your code for the secure message from {organisation}. Do not share this code."
            ),
        }
    }

    pub(super) fn trouble_subject(self, what: Trouble, recipient: &str) -> String {
        match (self, what) {
            (Self::Nl, Trouble::NoAccessCode) => {
                format!("{recipient} heeft geen toegangscode voor uw beveiligde bericht")
            }
            (Self::En, Trouble::NoAccessCode) => {
                format!("{recipient} has no access code for your secure message")
            }
            (Self::Nl, Trouble::NoText) => {
                format!("{recipient} krijgt geen sms voor uw beveiligde bericht")
            }
            (Self::En, Trouble::NoText) => {
                format!("{recipient} gets no text message for your secure message")
            }
            (Self::Nl, Trouble::Locked) => {
                format!("Geblokkeerd: uw beveiligde bericht aan {recipient}")
            }
            (Self::En, Trouble::Locked) => format!("Locked: your secure message to {recipient}"),
        }
    }

    pub(super) fn trouble(self, what: Trouble, recipient: &str, accepted: Moment) -> String {
        let accepted = self.time(accepted);
        match (self, what) {
            (Self::Nl, Trouble::NoAccessCode) => format!(
                "Wie uw beveiligde bericht van {accepted} aan {recipient} wil lezen, laat weten dat hij of zij de \
                 toegangscode niet heeft."
            ),
            (Self::En, Trouble::NoAccessCode) => format!(
                "Whoever wants to read your secure message of {accepted} to {recipient} tells us that they do not have \
                 the access code."
            ),
            (Self::Nl, Trouble::NoText) => format!(
                "Wie uw beveiligde bericht van {accepted} aan {recipient} wil lezen, laat weten dat de sms met de code \
                 niet aankomt."
            ),
            (Self::En, Trouble::NoText) => format!(
                "Whoever wants to read your secure message of {accepted} to {recipient} tells us that the text message \
                 with the code does not arrive."
            ),
            (Self::Nl, Trouble::Locked) => format!(
                "Voor uw beveiligde bericht van {accepted} aan {recipient} zijn te veel foute codes ingevuld. Het is nu \
                 geblokkeerd."
            ),
            (Self::En, Trouble::Locked) => format!(
                "Too many wrong codes were entered for your secure message of {accepted} to {recipient}. It is locked now."
            ),
        }
    }

    pub(super) fn trouble_remedy(self, what: Trouble) -> String {
        match (self, what) {
            (Self::Nl, Trouble::NoAccessCode) => "Vertel de ontvanger de code, per telefoon of in een gesprek, niet per \
                e-mail. Weet u de code niet meer, stuur het bericht dan opnieuw met een andere code."
                .into(),
            (Self::En, Trouble::NoAccessCode) => "Tell the recipient the code, by telephone or in person, not by email. If \
                you no longer know the code, send the message again with another one."
                .into(),
            (Self::Nl, Trouble::NoText) => "Controleer het mobiele nummer met de ontvanger. Klopt het niet, stuur het \
                bericht dan opnieuw met het juiste nummer of met een toegangscode."
                .into(),
            (Self::En, Trouble::NoText) => "Check the mobile number with the recipient. If it is wrong, send the message \
                again with the right number or with an access code."
                .into(),
            (Self::Nl, Trouble::Locked) => "Vraag de ontvanger of hij of zij dit was. Uw beheerder kan het bericht weer \
                vrijgeven, of stuur het opnieuw."
                .into(),
            (Self::En, Trouble::Locked) => "Ask the recipient whether this was them. Your administrator can unlock the \
                message, or send it again."
                .into(),
        }
    }

    pub(super) fn trouble_doubt(self) -> String {
        match self {
            Self::Nl => "Gebruik een telefoonnummer dat u al kende: deze vraag kan ook komen van iemand die alleen de link \
                heeft."
                .into(),
            Self::En => "Use a telephone number that you already knew: this may also come from somebody who only has the \
                link."
                .into(),
        }
    }

    pub(super) fn trouble_delivery(self, delivery: &str) -> String {
        match self {
            Self::Nl => format!("Voor uw beheerder: aflevering {delivery}."),
            Self::En => format!("For your administrator: delivery {delivery}."),
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
