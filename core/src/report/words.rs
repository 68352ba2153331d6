//! What reports say to a sender: each sentence once, with its languages side by side.

use crate::delivery::Failure;
use crate::moment::Moment;
use crate::notice::Language;

impl Language {
    pub(super) fn failed_subject(self, recipient: &str) -> String {
        match self {
            Self::Nl => format!("Niet afgeleverd: uw beveiligde bericht aan {recipient}"),
            Self::En => format!("Not delivered: your secure message to {recipient}"),
        }
    }

    pub(super) fn delayed_subject(self, recipient: &str) -> String {
        match self {
            Self::Nl => format!("Vertraagd: uw beveiligde bericht aan {recipient}"),
            Self::En => format!("Delayed: your secure message to {recipient}"),
        }
    }

    pub(super) fn ask_subject(self, recipient: &str) -> String {
        match self {
            Self::Nl => format!("Wacht op u: uw beveiligde bericht aan {recipient}"),
            Self::En => format!("Waiting for you: your secure message to {recipient}"),
        }
    }

    pub(super) fn failed(self, recipient: &str, accepted: Moment) -> String {
        let accepted = self.time(accepted);
        match self {
            Self::Nl => {
                format!("Uw beveiligde bericht van {accepted} aan {recipient} is niet afgeleverd.")
            }
            Self::En => {
                format!("Your secure message of {accepted} to {recipient} was not delivered.")
            }
        }
    }

    pub(super) fn delayed(self, recipient: &str, accepted: Moment) -> String {
        let accepted = self.time(accepted);
        match self {
            Self::Nl => format!(
                "Uw beveiligde bericht van {accepted} aan {recipient} is nog niet afgeleverd."
            ),
            Self::En => {
                format!("Your secure message of {accepted} to {recipient} is not delivered yet.")
            }
        }
    }

    pub(super) fn waits(self, recipient: &str, accepted: Moment) -> String {
        let accepted = self.time(accepted);
        match self {
            Self::Nl => format!("Uw beveiligde bericht van {accepted} aan {recipient} wacht op u."),
            Self::En => {
                format!("Your secure message of {accepted} to {recipient} is waiting for you.")
            }
        }
    }

    /// What happened, and what the sender can do.
    pub(super) fn why_failed(self, failure: &Failure) -> String {
        match (self, failure) {
            (Self::Nl, Failure::NoneLeft) => "De mailserver van de ontvanger haalt het minimum niet dat uw bericht vraagt, en \
                er is geen andere manier om de ontvanger te controleren."
                .into(),
            (Self::En, Failure::NoneLeft) => "The recipient's mail server does not meet the minimum that your message asks for, \
                and there is no other way to verify the recipient."
                .into(),
            (Self::Nl, Failure::Refused { host, .. }) => {
                format!("De mailserver {host} heeft het geweigerd. De technische reden staat onderaan.")
            }
            (Self::En, Failure::Refused { host, .. }) => {
                format!("The mail server {host} refused it. The technical reason stands below.")
            }
            (Self::Nl, Failure::NoRoute { .. }) => "Het domein van de ontvanger bestaat niet of ontvangt geen e-mail.".into(),
            (Self::En, Failure::NoRoute { .. }) => "The recipient's domain does not exist or receives no mail.".into(),
            (Self::Nl, Failure::TriesUsedUp { .. }) => {
                "Wij hebben het geprobeerd zolang dat mocht. De laatste technische reden staat onderaan.".into()
            }
            (Self::En, Failure::TriesUsedUp { .. }) => {
                "We tried for as long as we may. The last technical reason stands below.".into()
            }
            (Self::Nl, Failure::HoldOver) => "Het wachtte op een mobiel nummer of een toegangscode van u, en de tijd daarvoor is \
                voorbij."
                .into(),
            (Self::En, Failure::HoldOver) => "It waited for a mobile number or an access code from you, and the time for that is \
                over."
                .into(),
        }
    }

    pub(super) fn what_to_do(self, failure: &Failure) -> String {
        match failure {
            Failure::NoneLeft | Failure::HoldOver => self.send_with_factor(),
            Failure::Refused { .. } | Failure::NoRoute { .. } => match self {
                Self::Nl => "Controleer het adres en stuur het bericht dan opnieuw.".into(),
                Self::En => "Check the address, and then send the message again.".into(),
            },
            Failure::TriesUsedUp { .. } => match self {
                Self::Nl => "Bel de ontvanger, of stuur het bericht later opnieuw.".into(),
                Self::En => "Call the recipient, or send the message again later.".into(),
            },
        }
    }

    pub(super) fn send_with_factor(self) -> String {
        match self {
            Self::Nl => "Stuur het bericht opnieuw met een mobiel nummer of een toegangscode voor deze ontvanger (kopregel \
                zivver-access-right)."
                .into(),
            Self::En => "Send the message again with a mobile number or an access code for this recipient (header \
                zivver-access-right)."
                .into(),
        }
    }

    pub(super) fn tried_until(self, until: Moment) -> String {
        let until = self.time(until);
        match self {
            Self::Nl => format!("Wij blijven het proberen tot {until}. U hoeft niets te doen."),
            Self::En => format!("We keep trying until {until}. There is nothing you need to do."),
        }
    }

    pub(super) fn why_ask(self) -> String {
        match self {
            Self::Nl => "Uw organisatie staat controle met een code per e-mail niet toe, en voor deze ontvanger is geen nummer \
                of toegangscode bekend."
                .into(),
            Self::En => "Your organisation does not allow verification by a code in an email, and no number or access code is \
                known for this recipient."
                .into(),
        }
    }

    pub(super) fn held_until(self, until: Moment) -> String {
        let until = self.time(until);
        match self {
            Self::Nl => format!(
                "Dit bericht wacht tot {until}. Daarna krijgt u bericht dat het niet is afgeleverd."
            ),
            Self::En => format!(
                "This message waits until {until}. After that we report that it was not delivered."
            ),
        }
    }

    pub(super) fn technical_reason(self, reason: &str) -> String {
        match self {
            Self::Nl => format!("Technische reden: {reason}"),
            Self::En => format!("Technical reason: {reason}"),
        }
    }

    pub(super) fn without_content(self) -> String {
        match self {
            Self::Nl => {
                "De inhoud en het onderwerp van uw bericht staan met opzet niet in deze e-mail."
                    .into()
            }
            Self::En => {
                "The content and the subject of your message are left out of this email on purpose."
                    .into()
            }
        }
    }

    /// Stands for the subject; ASCII, because it stands in a header as it is.
    pub(super) fn masked_subject(self) -> &'static str {
        match self {
            Self::Nl => "(onderwerp weggelaten)",
            Self::En => "(subject left out)",
        }
    }
}
