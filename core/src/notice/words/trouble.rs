//! What the sender of a message hears when its recipient cannot get in.

use super::Language;
use crate::moment::Moment;
use crate::notice::Trouble;

impl Language {
    pub(in crate::notice) fn trouble_subject(self, what: Trouble, recipient: &str) -> String {
        match what {
            Trouble::NoAccessCode => match self {
                Self::Nl => {
                    format!("{recipient} heeft geen toegangscode voor uw beveiligde bericht")
                }
                Self::En => format!("{recipient} has no access code for your secure message"),
                Self::De => {
                    format!("{recipient} hat keinen Zugangscode für Ihre sichere Nachricht")
                }
                Self::Fr => {
                    format!("{recipient} n’a pas de code d’accès pour votre message sécurisé")
                }
            },
            Trouble::NoText => match self {
                Self::Nl => format!("{recipient} krijgt geen sms voor uw beveiligde bericht"),
                Self::En => format!("{recipient} gets no text message for your secure message"),
                Self::De => format!("{recipient} erhält keine SMS für Ihre sichere Nachricht"),
                Self::Fr => format!("{recipient} ne reçoit pas de SMS pour votre message sécurisé"),
            },
            Trouble::Locked => match self {
                Self::Nl => format!("Geblokkeerd: uw beveiligde bericht aan {recipient}"),
                Self::En => format!("Locked: your secure message to {recipient}"),
                Self::De => format!("Gesperrt: Ihre sichere Nachricht an {recipient}"),
                Self::Fr => format!("Bloqué\u{a0}: votre message sécurisé à {recipient}"),
            },
        }
    }

    pub(in crate::notice) fn trouble(
        self,
        what: Trouble,
        recipient: &str,
        accepted: Moment,
    ) -> String {
        let accepted = self.time(accepted);
        match what {
            Trouble::NoAccessCode => self.no_access_code(recipient, &accepted),
            Trouble::NoText => self.no_text(recipient, &accepted),
            Trouble::Locked => self.locked(recipient, &accepted),
        }
    }

    fn no_access_code(self, recipient: &str, accepted: &str) -> String {
        match self {
            Self::Nl => format!(
                "Wie uw beveiligde bericht van {accepted} aan {recipient} wil lezen, laat weten dat hij of zij de \
                 toegangscode niet heeft."
            ),
            Self::En => format!(
                "Whoever wants to read your secure message of {accepted} to {recipient} tells us that they do not have \
                 the access code."
            ),
            Self::De => format!(
                "Wer Ihre sichere Nachricht vom {accepted} an {recipient} lesen möchte, teilt mit, dass er oder sie den \
                 Zugangscode nicht hat."
            ),
            Self::Fr => format!(
                "La personne qui veut lire votre message sécurisé du {accepted} à {recipient} nous dit qu’elle n’a pas \
                 le code d’accès."
            ),
        }
    }

    fn no_text(self, recipient: &str, accepted: &str) -> String {
        match self {
            Self::Nl => format!(
                "Wie uw beveiligde bericht van {accepted} aan {recipient} wil lezen, laat weten dat de sms met de code \
                 niet aankomt."
            ),
            Self::En => format!(
                "Whoever wants to read your secure message of {accepted} to {recipient} tells us that the text message \
                 with the code does not arrive."
            ),
            Self::De => format!(
                "Wer Ihre sichere Nachricht vom {accepted} an {recipient} lesen möchte, teilt mit, dass die SMS mit dem \
                 Code nicht ankommt."
            ),
            Self::Fr => format!(
                "La personne qui veut lire votre message sécurisé du {accepted} à {recipient} nous dit que le SMS avec \
                 le code n’arrive pas."
            ),
        }
    }

    fn locked(self, recipient: &str, accepted: &str) -> String {
        match self {
            Self::Nl => format!(
                "Voor uw beveiligde bericht van {accepted} aan {recipient} zijn te veel foute codes ingevuld. Het is nu \
                 geblokkeerd."
            ),
            Self::En => format!(
                "Too many wrong codes were entered for your secure message of {accepted} to {recipient}. It is locked now."
            ),
            Self::De => format!(
                "Für Ihre sichere Nachricht vom {accepted} an {recipient} wurden zu viele falsche Codes eingegeben. Sie \
                 ist jetzt gesperrt."
            ),
            Self::Fr => format!(
                "Trop de codes faux ont été saisis pour votre message sécurisé du {accepted} à {recipient}. Il est \
                 maintenant bloqué."
            ),
        }
    }

    pub(in crate::notice) fn trouble_remedy(self, what: Trouble) -> &'static str {
        match what {
            Trouble::NoAccessCode => self.tell_the_code(),
            Trouble::NoText => self.check_the_number(),
            Trouble::Locked => self.ask_who_it_was(),
        }
    }

    fn tell_the_code(self) -> &'static str {
        match self {
            Self::Nl => {
                "Vertel de ontvanger de code, per telefoon of in een gesprek, niet per e-mail. Weet u de code niet meer, \
                 stuur het bericht dan opnieuw met een andere code."
            }
            Self::En => {
                "Tell the recipient the code, by telephone or in person, not by email. If you no longer know the code, \
                 send the message again with another one."
            }
            Self::De => {
                "Nennen Sie dem Empfänger den Code, am Telefon oder im Gespräch, nicht per E-Mail. Wissen Sie den Code \
                 nicht mehr, senden Sie die Nachricht noch einmal mit einem anderen Code."
            }
            Self::Fr => {
                "Donnez le code au destinataire, par téléphone ou de vive voix, pas par e-mail. Si vous ne connaissez \
                 plus le code, renvoyez le message avec un autre."
            }
        }
    }

    fn check_the_number(self) -> &'static str {
        match self {
            Self::Nl => {
                "Controleer het mobiele nummer met de ontvanger. Klopt het niet, stuur het bericht dan opnieuw met het \
                 juiste nummer of met een toegangscode."
            }
            Self::En => {
                "Check the mobile number with the recipient. If it is wrong, send the message again with the right \
                 number or with an access code."
            }
            Self::De => {
                "Prüfen Sie die Mobilnummer mit dem Empfänger. Ist sie falsch, senden Sie die Nachricht noch einmal mit \
                 der richtigen Nummer oder mit einem Zugangscode."
            }
            Self::Fr => {
                "Vérifiez le numéro de mobile avec le destinataire. S’il est faux, renvoyez le message avec le bon \
                 numéro ou avec un code d’accès."
            }
        }
    }

    fn ask_who_it_was(self) -> &'static str {
        match self {
            Self::Nl => {
                "Vraag de ontvanger of hij of zij dit was. Uw beheerder kan het bericht weer vrijgeven, of stuur het \
                 opnieuw."
            }
            Self::En => {
                "Ask the recipient whether this was them. Your administrator can unlock the message, or send it again."
            }
            Self::De => {
                "Fragen Sie den Empfänger, ob er oder sie das war. Ihr Administrator kann die Nachricht wieder freigeben, \
                 oder senden Sie sie noch einmal."
            }
            Self::Fr => {
                "Demandez au destinataire si c’était lui. Votre administrateur peut débloquer le message, ou \
                 renvoyez-le."
            }
        }
    }

    pub(in crate::notice) fn trouble_doubt(self) -> &'static str {
        match self {
            Self::Nl => {
                "Gebruik een telefoonnummer dat u al kende: deze vraag kan ook komen van iemand die alleen de link heeft."
            }
            Self::En => {
                "Use a telephone number that you already knew: this may also come from somebody who only has the link."
            }
            Self::De => {
                "Verwenden Sie eine Telefonnummer, die Sie schon kannten: Diese Bitte kann auch von jemandem kommen, der \
                 nur den Link hat."
            }
            Self::Fr => {
                "Utilisez un numéro de téléphone que vous connaissiez déjà\u{a0}: cette demande peut aussi venir de \
                 quelqu’un qui n’a que le lien."
            }
        }
    }

    pub(in crate::notice) fn trouble_delivery(self, delivery: &str) -> String {
        match self {
            Self::Nl => format!("Voor uw beheerder: aflevering {delivery}."),
            Self::En => format!("For your administrator: delivery {delivery}."),
            Self::De => format!("Für Ihren Administrator: Zustellung {delivery}."),
            Self::Fr => format!("Pour votre administrateur\u{a0}: remise {delivery}."),
        }
    }
}
