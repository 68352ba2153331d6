//! What notifications say: each sentence once, with its languages side by side.

mod dates;
mod inquiry;
mod trouble;

use super::{How, Language};
use crate::moment::Moment;
use dates::last_day;

impl Language {
    /// Every language that we speak, in the order in which pages offer them.
    pub const ALL: [Self; 4] = [Self::Nl, Self::En, Self::De, Self::Fr];

    /// The language of a tag's first subtag (RFC 5646), in any case.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The language tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::Nl => "nl",
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
        }
    }

    /// Its name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::Nl => "Nederlands",
            Self::En => "English",
            Self::De => "Deutsch",
            Self::Fr => "Français",
        }
    }

    pub(super) fn subject(self, sender: &str, organisation: &str) -> String {
        match self {
            Self::Nl => format!("Beveiligd bericht van {sender} ({organisation})"),
            Self::En => format!("Secure message from {sender} ({organisation})"),
            Self::De => format!("Sichere Nachricht von {sender} ({organisation})"),
            Self::Fr => format!("Message sécurisé de {sender} ({organisation})"),
        }
    }

    pub(super) fn greeting(self) -> String {
        match self {
            Self::Nl => "Beste lezer,".into(),
            Self::En => "Dear reader,".into(),
            Self::De => "Guten Tag,".into(),
            Self::Fr => "Bonjour,".into(),
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
            Self::De => format!(
                "{sender} von {organisation} hat Ihnen eine sichere Nachricht gesendet. Der Inhalt steht nicht in dieser \
                 E-Mail, sondern in unserem eigenen Nachrichtenportal."
            ),
            Self::Fr => format!(
                "{sender}, de {organisation}, vous a envoyé un message sécurisé. Son contenu n’est pas dans cet e-mail, mais \
                 sur notre propre portail."
            ),
        }
    }

    pub(super) fn read_here(self) -> String {
        match self {
            Self::Nl => "Lees het bericht hier:".into(),
            Self::En => "Read it here:".into(),
            Self::De => "Hier lesen Sie die Nachricht:".into(),
            Self::Fr => "Lire le message\u{a0}:".into(),
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
            Self::De => format!(
                "Sie können auch selbst {host} öffnen und dort diesen Nachrichtencode eingeben: {reference}"
            ),
            Self::Fr => format!(
                "Vous pouvez aussi ouvrir {host} vous-même et y saisir ce code de message\u{a0}: {reference}"
            ),
        }
    }

    pub(super) fn how(self, how: How<'_>) -> String {
        match how {
            How::Account => self.by_account().into(),
            How::Sms(last) => self.by_text_message(last),
            How::AccessCode => self.by_access_code().into(),
            How::Email => self.by_email().into(),
        }
    }

    fn by_account(self) -> &'static str {
        match self {
            Self::Nl => "U meldt zich aan met uw account en uw tweede stap.",
            Self::En => "You sign in with your account and its second step.",
            Self::De => "Sie melden sich mit Ihrem Konto und dessen zweitem Schritt an.",
            Self::Fr => "Vous vous connectez avec votre compte et sa deuxième étape.",
        }
    }

    fn by_text_message(self, last: &str) -> String {
        match self {
            Self::Nl => format!("U krijgt een sms-code op het nummer dat eindigt op {last}."),
            Self::En => format!("We send a text code to the number ending in {last}."),
            Self::De => {
                format!("Sie erhalten einen SMS-Code an die Nummer mit den Endziffern {last}.")
            }
            Self::Fr => {
                format!("Vous recevrez un code par SMS au numéro se terminant par {last}.")
            }
        }
    }

    fn by_access_code(self) -> &'static str {
        match self {
            Self::Nl => "U hebt de toegangscode nodig die u van de afzender kreeg.",
            Self::En => "You need the access code the sender gave you.",
            Self::De => "Sie benötigen den Zugangscode, den Sie vom Absender erhalten haben.",
            Self::Fr => "Il vous faut le code d’accès reçu de l’expéditeur.",
        }
    }

    fn by_email(self) -> &'static str {
        match self {
            Self::Nl => "Wij sturen een code naar dit e-mailadres.",
            Self::En => "We send a code to this email address.",
            Self::De => "Wir senden einen Code an diese E-Mail-Adresse.",
            Self::Fr => "Nous envoyons un code à cette adresse e-mail.",
        }
    }

    pub(super) fn never_asked(self) -> String {
        match self {
            Self::Nl => "Wij vragen nooit om een wachtwoord, een betaling of uw DigiD.".into(),
            Self::En => "We never ask for a password, a payment or your bank details.".into(),
            Self::De => {
                "Wir fragen nie nach einem Passwort, einer Zahlung oder Ihren Ausweisdaten.".into()
            }
            Self::Fr => {
                "Nous ne demandons jamais de mot de passe, de paiement ni de données bancaires."
                    .into()
            }
        }
    }

    pub(super) fn readable_until(self, until: Moment, now: Moment) -> String {
        let last = last_day(until, now);
        match self {
            Self::Nl => format!("U kunt dit bericht lezen tot en met {}.", self.day_or_time(last)),
            Self::En => format!("You can read this message until {}.", self.day_or_time(last)),
            Self::De => format!("Sie können diese Nachricht bis {} lesen.", self.day_or_time(last)),
            Self::Fr => format!("Vous pouvez lire ce message jusqu’au {}.", self.day_or_time(last)),
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
            Self::De => "Zweifeln Sie, ob diese E-Mail echt ist? Rufen Sie den Absender unter einer Nummer an, die Sie \
                schon kennen."
                .into(),
            Self::Fr => "Un doute sur l’authenticité de cet e-mail\u{a0}? Appelez l’expéditeur à un numéro que vous \
                connaissez déjà."
                .into(),
        }
    }

    pub(super) fn more_about(self) -> String {
        match self {
            Self::Nl => "Zo controleert u onze beveiligde e-mail:".into(),
            Self::En => "How to check our secure email:".into(),
            Self::De => "So prüfen Sie unsere sicheren E-Mails:".into(),
            Self::Fr => "Comment vérifier nos e-mails sécurisés\u{a0}:".into(),
        }
    }

    /// For who does not read the language of the rest; `None` where the rest is English.
    pub(super) fn in_english(self, organisation: &str) -> Option<String> {
        match self {
            Self::En => None,
            Self::Nl | Self::De | Self::Fr => Some(format!(
                "In English: {organisation} sent you a secure message. Open the address above to read it."
            )),
        }
    }

    pub(super) fn code_subject(self, organisation: &str) -> String {
        match self {
            Self::Nl => format!("Uw code voor het beveiligde bericht van {organisation}"),
            Self::En => format!("Your code for the secure message from {organisation}"),
            Self::De => format!("Ihr Code für die sichere Nachricht von {organisation}"),
            Self::Fr => format!("Votre code pour le message sécurisé de {organisation}"),
        }
    }

    pub(super) fn your_code(self, host: &str) -> String {
        match self {
            Self::Nl => format!("Vul deze code in op de pagina van {host} die u al open hebt:"),
            Self::En => format!("Enter this code on the page of {host} that you have open:"),
            Self::De => {
                format!(
                    "Geben Sie diesen Code auf der Seite von {host} ein, die Sie geöffnet haben:"
                )
            }
            Self::Fr => {
                format!("Saisissez ce code sur la page de {host} que vous avez ouverte\u{a0}:")
            }
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
            (Self::De, 1) => {
                "Der Code gilt 1 Minute und nur einmal. Geben Sie ihn niemandem.".into()
            }
            (Self::De, _) => {
                format!("Der Code gilt {minutes} Minuten und nur einmal. Geben Sie ihn niemandem.")
            }
            (Self::Fr, 0 | 1) => format!(
                "Le code est valable {minutes} minute et une seule fois. Ne le communiquez à personne."
            ),
            (Self::Fr, _) => format!(
                "Le code est valable {minutes} minutes et une seule fois. Ne le communiquez à personne."
            ),
        }
    }

    pub(super) fn code_unasked(self) -> String {
        match self {
            Self::Nl => "Hebt u geen code gevraagd? Dan hoeft u niets te doen.".into(),
            Self::En => "Did you not ask for a code? Then there is nothing you need to do.".into(),
            Self::De => "Haben Sie keinen Code angefordert? Dann müssen Sie nichts tun.".into(),
            Self::Fr => {
                "Vous n’avez pas demandé de code\u{a0}? Alors vous n’avez rien à faire.".into()
            }
        }
    }

    /// For who does not read the language of the rest; `None` where the rest is English.
    pub(super) fn code_in_english(self, host: &str) -> Option<String> {
        match self {
            Self::En => None,
            Self::Nl | Self::De | Self::Fr => {
                Some(format!("In English: enter this code on the page of {host}. Do not share it."))
            }
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
            Self::De => format!(
                "{code} ist Ihr Code für die sichere Nachricht von {organisation}. Geben Sie den Code niemandem."
            ),
            Self::Fr => format!(
                "{code} est votre code pour le message de {organisation}. Ne le communiquez à personne."
            ),
        }
    }
}
