//! What reports say to a sender: each sentence once, with its languages side by side.

use crate::delivery::Failure;
use crate::moment::Moment;
use crate::notice::Language;

impl Language {
    pub(super) fn failed_subject(self, recipient: &str) -> String {
        match self {
            Self::Nl => format!("Niet afgeleverd: uw beveiligde bericht aan {recipient}"),
            Self::En => format!("Not delivered: your secure message to {recipient}"),
            Self::De => format!("Nicht zugestellt: Ihre sichere Nachricht an {recipient}"),
            Self::Fr => format!("Non remis\u{a0}: votre message sécurisé à {recipient}"),
        }
    }

    pub(super) fn delayed_subject(self, recipient: &str) -> String {
        match self {
            Self::Nl => format!("Vertraagd: uw beveiligde bericht aan {recipient}"),
            Self::En => format!("Delayed: your secure message to {recipient}"),
            Self::De => format!("Verzögert: Ihre sichere Nachricht an {recipient}"),
            Self::Fr => format!("Retardé\u{a0}: votre message sécurisé à {recipient}"),
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
            Self::De => format!(
                "Ihre sichere Nachricht vom {accepted} an {recipient} wurde nicht zugestellt."
            ),
            Self::Fr => {
                format!("Votre message sécurisé du {accepted} à {recipient} n’a pas été remis.")
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
            Self::De => format!(
                "Ihre sichere Nachricht vom {accepted} an {recipient} ist noch nicht zugestellt."
            ),
            Self::Fr => format!(
                "Votre message sécurisé du {accepted} à {recipient} n’est pas encore remis."
            ),
        }
    }

    /// What happened.
    pub(super) fn why_failed(self, failure: &Failure) -> String {
        match failure {
            Failure::NoneLeft => self.none_left().into(),
            Failure::Refused { host, .. } => self.refused_by(host),
            Failure::NoRoute { .. } => self.no_route().into(),
            Failure::TriesUsedUp { .. } => self.tries_used_up().into(),
            Failure::HoldOver => self.hold_over().into(),
        }
    }

    fn none_left(self) -> &'static str {
        match self {
            Self::Nl => {
                "De mailserver van de ontvanger haalt het minimum niet dat uw bericht vraagt, en er is geen andere \
                 manier om de ontvanger te controleren."
            }
            Self::En => {
                "The recipient's mail server does not meet the minimum that your message asks for, and there is no \
                 other way to verify the recipient."
            }
            Self::De => {
                "Der Mailserver des Empfängers erfüllt nicht das Minimum, das Ihre Nachricht verlangt, und es gibt keine \
                 andere Möglichkeit, den Empfänger zu prüfen."
            }
            Self::Fr => {
                "Le serveur de messagerie du destinataire n’atteint pas le minimum que votre message demande, et il n’y \
                 a pas d’autre moyen de vérifier le destinataire."
            }
        }
    }

    fn refused_by(self, host: &str) -> String {
        match self {
            Self::Nl => {
                format!(
                    "De mailserver {host} heeft het geweigerd. De technische reden staat onderaan."
                )
            }
            Self::En => {
                format!("The mail server {host} refused it. The technical reason stands below.")
            }
            Self::De => format!(
                "Der Mailserver {host} hat sie abgelehnt. Der technische Grund steht unten."
            ),
            Self::Fr => format!(
                "Le serveur de messagerie {host} l’a refusé. La raison technique figure ci-dessous."
            ),
        }
    }

    fn no_route(self) -> &'static str {
        match self {
            Self::Nl => "Het domein van de ontvanger bestaat niet of ontvangt geen e-mail.",
            Self::En => "The recipient's domain does not exist or receives no mail.",
            Self::De => "Die Domain des Empfängers existiert nicht oder empfängt keine E-Mail.",
            Self::Fr => "Le domaine du destinataire n’existe pas ou ne reçoit pas d’e-mail.",
        }
    }

    fn tries_used_up(self) -> &'static str {
        match self {
            Self::Nl => {
                "Wij hebben het geprobeerd zolang dat mocht. De laatste technische reden staat onderaan."
            }
            Self::En => "We tried for as long as we may. The last technical reason stands below.",
            Self::De => {
                "Wir haben es so lange versucht, wie wir durften. Der letzte technische Grund steht unten."
            }
            Self::Fr => {
                "Nous avons essayé aussi longtemps que permis. La dernière raison technique figure ci-dessous."
            }
        }
    }

    fn hold_over(self) -> &'static str {
        match self {
            Self::Nl => {
                "Het wachtte op een mobiel nummer of een toegangscode van u, en de tijd daarvoor is voorbij."
            }
            Self::En => {
                "It waited for a mobile number or an access code from you, and the time for that is over."
            }
            Self::De => {
                "Sie wartete auf eine Mobilnummer oder einen Zugangscode von Ihnen, und die Zeit dafür ist vorbei."
            }
            Self::Fr => {
                "Il attendait un numéro de mobile ou un code d’accès de votre part, et le délai est écoulé."
            }
        }
    }

    /// What the sender can do.
    pub(super) fn what_to_do(self, failure: &Failure) -> String {
        match failure {
            Failure::NoneLeft | Failure::HoldOver => self.send_with_factor(),
            Failure::Refused { .. } | Failure::NoRoute { .. } => match self {
                Self::Nl => "Controleer het adres en stuur het bericht dan opnieuw.".into(),
                Self::En => "Check the address, and then send the message again.".into(),
                Self::De => {
                    "Prüfen Sie die Adresse und senden Sie die Nachricht dann noch einmal.".into()
                }
                Self::Fr => "Vérifiez l’adresse, puis renvoyez le message.".into(),
            },
            Failure::TriesUsedUp { .. } => match self {
                Self::Nl => "Bel de ontvanger, of stuur het bericht later opnieuw.".into(),
                Self::En => "Call the recipient, or send the message again later.".into(),
                Self::De => {
                    "Rufen Sie den Empfänger an, oder senden Sie die Nachricht später noch einmal."
                        .into()
                }
                Self::Fr => "Appelez le destinataire, ou renvoyez le message plus tard.".into(),
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
            Self::De => "Senden Sie die Nachricht noch einmal mit einer Mobilnummer oder einem Zugangscode für diesen \
                Empfänger (Kopfzeile zivver-access-right)."
                .into(),
            Self::Fr => "Renvoyez le message avec un numéro de mobile ou un code d’accès pour ce destinataire (en-tête \
                zivver-access-right)."
                .into(),
        }
    }

    pub(super) fn tried_until(self, until: Moment) -> String {
        let until = self.time(until);
        match self {
            Self::Nl => format!("Wij blijven het proberen tot {until}. U hoeft niets te doen."),
            Self::En => format!("We keep trying until {until}. There is nothing you need to do."),
            Self::De => format!("Wir versuchen es weiter bis {until}. Sie müssen nichts tun."),
            Self::Fr => {
                format!("Nous continuons d’essayer jusqu’au {until}. Vous n’avez rien à faire.")
            }
        }
    }

    pub(super) fn technical_reason(self, reason: &str) -> String {
        match self {
            Self::Nl => format!("Technische reden: {reason}"),
            Self::En => format!("Technical reason: {reason}"),
            Self::De => format!("Technischer Grund: {reason}"),
            Self::Fr => format!("Raison technique\u{a0}: {reason}"),
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
            Self::De => {
                "Inhalt und Betreff Ihrer Nachricht stehen mit Absicht nicht in dieser E-Mail."
                    .into()
            }
            Self::Fr => {
                "Le contenu et l’objet de votre message sont volontairement absents de cet e-mail."
                    .into()
            }
        }
    }

    /// Stands for the subject; ASCII, because it stands in a header as it is.
    pub(super) fn masked_subject(self) -> &'static str {
        match self {
            Self::Nl => "(onderwerp weggelaten)",
            Self::En => "(subject left out)",
            Self::De => "(Betreff ausgelassen)",
            Self::Fr => "(objet omis)",
        }
    }
}
