//! What the sender of a message is asked when its recipients wait for them.

use super::Language;
use crate::moment::Moment;

impl Language {
    pub(in crate::notice) fn inquiry_subject(self, recipient: &str) -> String {
        match self {
            Self::Nl => format!("Wacht op u: uw beveiligde bericht aan {recipient}"),
            Self::En => format!("Waiting for you: your secure message to {recipient}"),
            Self::De => format!("Wartet auf Sie: Ihre sichere Nachricht an {recipient}"),
            Self::Fr => format!("En attente de vous\u{a0}: votre message sécurisé à {recipient}"),
        }
    }

    pub(in crate::notice) fn inquiry_subject_many(self, recipients: usize) -> String {
        match self {
            Self::Nl => format!("Wacht op u: uw beveiligde bericht aan {recipients} ontvangers"),
            Self::En => format!("Waiting for you: your secure message to {recipients} recipients"),
            Self::De => format!("Wartet auf Sie: Ihre sichere Nachricht an {recipients} Empfänger"),
            Self::Fr => format!(
                "En attente de vous\u{a0}: votre message sécurisé à {recipients} destinataires"
            ),
        }
    }

    pub(in crate::notice) fn waits_for_you(self, accepted: Moment) -> String {
        let accepted = self.time(accepted);
        match self {
            Self::Nl => format!("Uw beveiligde bericht van {accepted} wacht op u, voor:"),
            Self::En => format!("Your secure message of {accepted} is waiting for you, for:"),
            Self::De => format!("Ihre sichere Nachricht vom {accepted} wartet auf Sie, für:"),
            Self::Fr => {
                format!(
                    "Votre message sécurisé du {accepted} attend une réponse de vous, pour\u{a0}:"
                )
            }
        }
    }

    pub(in crate::notice) fn and_more(self, more: usize) -> String {
        match self {
            Self::Nl => format!("en nog {more}"),
            Self::En => format!("and {more} more"),
            Self::De => format!("und {more} weitere"),
            Self::Fr => format!("et {more} autres"),
        }
    }

    pub(in crate::notice) fn why_ask(self) -> &'static str {
        match self {
            Self::Nl => {
                "Een code per e-mail mogen wij hier niet gebruiken, en een mobiel nummer of toegangscode is niet bekend."
            }
            Self::En => {
                "We may not use a code in an email here, and no mobile number or access code is known."
            }
            Self::De => {
                "Einen Code per E-Mail dürfen wir hier nicht verwenden, und weder eine Mobilnummer noch ein Zugangscode \
                 ist bekannt."
            }
            Self::Fr => {
                "Nous ne pouvons pas utiliser ici de code envoyé par e-mail, et aucun numéro de mobile ni code d’accès \
                 n’est connu."
            }
        }
    }

    pub(in crate::notice) fn answer_here(self) -> &'static str {
        match self {
            Self::Nl => "Geef er hier een, of trek het bericht in:",
            Self::En => "Give one here, or withdraw the message:",
            Self::De => "Geben Sie hier eines davon an, oder ziehen Sie die Nachricht zurück:",
            Self::Fr => "Donnez-en un ici, ou retirez le message\u{a0}:",
        }
    }

    pub(in crate::notice) fn code_first(self) -> &'static str {
        match self {
            Self::Nl => {
                "Eerst sturen wij een code naar uw eigen postvak, zodat niemand anders dit kan doen."
            }
            Self::En => {
                "First we send a code to your own mailbox, so that nobody else can do this."
            }
            Self::De => {
                "Zuerst senden wir einen Code an Ihr eigenes Postfach, damit niemand anderes dies tun kann."
            }
            Self::Fr => {
                "Nous envoyons d’abord un code à votre propre boîte aux lettres, pour que personne d’autre ne puisse le \
                 faire."
            }
        }
    }

    /// For who is told of a recipient who cannot get in.
    pub(in crate::notice) fn change_here(self) -> &'static str {
        match self {
            Self::Nl => "Een ander nummer of een andere toegangscode kunt u ook hier geven:",
            Self::En => "You can also give another number or another access code here:",
            Self::De => {
                "Eine andere Nummer oder einen anderen Zugangscode können Sie auch hier angeben:"
            }
            Self::Fr => {
                "Vous pouvez aussi donner ici un autre numéro ou un autre code d’accès\u{a0}:"
            }
        }
    }

    pub(in crate::notice) fn held_until(self, until: Moment) -> String {
        let until = self.time(until);
        match self {
            Self::Nl => format!(
                "Dit bericht wacht tot {until}. Daarna krijgt u bericht dat het niet is afgeleverd."
            ),
            Self::En => format!(
                "This message waits until {until}. After that we report that it was not delivered."
            ),
            Self::De => format!(
                "Diese Nachricht wartet bis {until}. Danach melden wir Ihnen, dass sie nicht zugestellt wurde."
            ),
            Self::Fr => format!(
                "Ce message attend jusqu’au {until}. Ensuite, nous vous signalerons qu’il n’a pas été remis."
            ),
        }
    }
}
