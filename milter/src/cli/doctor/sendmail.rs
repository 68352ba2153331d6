//! What must be so in Sendmail: the live sendmail.cf is read, and the line that mends it is one of sendmail.mc.

use std::fs;
use std::path::Path;

use zegel_core::route::DOMAIN;

use super::finding::{Finding, Mend};
use crate::config::{Config, Socket};
use crate::route::Route;

/// As it stands in packaging/sendmail/zegel.mc.
const MAILER: &str = "MAILER_DEFINITIONS\n\
    Mzegel, P=[IPC], F=mDFMuXz8, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, E=\\r\\n, L=990,\n\
    \tr=2000, T=DNS/RFC822/SMTP, A=FILE /run/zegel/relay.sock";

/// What is looked at.
#[derive(Debug)]
struct Sendmail {
    cf: String,
    mailertable: String,
}

/// A milter or mailer of sendmail.cf with its equates.
#[derive(Debug)]
struct Definition<'a> {
    name: &'a str,
    equates: &'a str,
}

pub(super) fn examine(
    directory: &Path,
    milter: &Config,
) -> Result<(Vec<Finding>, Option<String>), String> {
    let path = directory.join("sendmail.cf");
    let cf = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    // Where there is none, the finding about the missing entry says what to write.
    let mailertable = fs::read_to_string(directory.join("mailertable")).unwrap_or_default();
    Ok(Sendmail { cf: joined(&cf), mailertable }.examine(milter))
}

/// A line that begins with white space goes on with the one before.
fn joined(cf: &str) -> String {
    cf.replace("\n\t", " ").replace("\n ", " ")
}

fn mc(line: impl Into<String>) -> Mend {
    Mend::Line { file: "sendmail.mc", line: line.into() }
}

fn socket_line(milter: &Config) -> String {
    let at = match &milter.socket {
        Socket::Unix(path) => format!("local:{}", path.display()),
        Socket::Inet(address) => format!("inet:{}@{}", address.port(), address.ip()),
    };
    format!("INPUT_MAIL_FILTER(`zegel', `S={at}, F=T, T=S:30s;R:30s;E:2m')dnl")
}

impl Sendmail {
    fn examine(&self, milter: &Config) -> (Vec<Finding>, Option<String>) {
        let mut findings = self.milter(milter);
        if milter.route == Route::Header {
            findings.push(Finding::wrong(
                "route = \"header\": Sendmail does not look at headers, and selected mail goes out as ordinary mail",
                Mend::Line {
                    file: "milter.toml",
                    line: "route = \"recipient\"\nmarker-key-file = \"/etc/zegel/marker.key\"".to_owned(),
                },
            ));
        }
        let (on_the_way, relay) = self.route();
        findings.extend(on_the_way);
        (findings, relay)
    }

    /// The options of this name; the last counts.
    fn option(&self, name: &str) -> Option<&str> {
        let option = |line| {
            str::strip_prefix(line, "O ")?.split_once('=').filter(|(known, _)| known.trim() == name)
        };
        self.cf.lines().filter_map(option).map(|(_, value)| value.trim()).next_back()
    }

    /// Lines that begin with `kind` and a name.
    fn definitions(&self, kind: char) -> impl Iterator<Item = Definition<'_>> {
        self.cf.lines().filter_map(move |line| {
            let (name, equates) = line.strip_prefix(kind)?.split_once(',')?;
            Some(Definition { name: name.trim(), equates })
        })
    }

    fn milter(&self, milter: &Config) -> Vec<Finding> {
        let filters: Vec<&str> = self
            .option("InputMailFilters")
            .map(|list| list.split([',', ' ']).filter(|name| !name.is_empty()).collect())
            .unwrap_or_default();
        let is_ours = |definition: &Definition<'_>| match &milter.socket {
            Socket::Unix(path) => definition.equate("S").is_some_and(|at| {
                let known = at.strip_prefix("local:").or_else(|| at.strip_prefix("unix:"));
                known == path.to_str()
            }),
            Socket::Inet(address) => definition
                .equate("S")
                .and_then(|at| at.split_once(':')?.1.split_once('@'))
                .is_some_and(|(port, _)| port.parse() == Ok(address.port())),
        };
        let Some(ours) =
            self.definitions('X').find(is_ours).filter(|ours| filters.contains(&ours.name))
        else {
            return vec![Finding::wrong(
                "Sendmail does not ask the milter: nothing is selected",
                mc(socket_line(milter)),
            )];
        };
        let mut findings = Vec::new();
        match ours.equate("F") {
            Some("T") => (),
            Some("R") => findings.push(Finding::wrong(
                "F=R: with the milter away, mail is refused for good",
                mc(socket_line(milter)),
            )),
            _ => findings.push(Finding::wrong(
                "no F=T: with the milter away, selected mail goes out in the clear",
                mc(socket_line(milter)),
            )),
        }
        let at = filters.iter().position(|name| *name == ours.name).unwrap_or_default();
        if let Some(signer) = filters.iter().take(at).find(|name| name.contains("dkim")) {
            findings.push(Finding::doubtful(
                format!("{signer} stands before the milter: it signs what is changed afterwards"),
                Mend::Advice("Write the INPUT_MAIL_FILTER of zegel before that of the signer."),
            ));
        }
        findings
    }

    /// The pseudo-domain has a mailer, the mailer leads to the relay, and takes a message's recipients together.
    fn route(&self) -> (Vec<Finding>, Option<String>) {
        let mut entries =
            self.mailertable.lines().filter_map(|line| line.split_once(char::is_whitespace));
        let Some((_, to)) = entries.find(|(domain, _)| *domain == DOMAIN) else {
            return (
                vec![Finding::wrong(
                    format!(
                        "mailertable has no way for {DOMAIN}: selected mail comes back to its sender"
                    ),
                    Mend::Line {
                        file: "mailertable (then: makemap hash mailertable < mailertable)",
                        line: format!("{DOMAIN}\tzegel:relay"),
                    },
                )],
                None,
            );
        };
        let mut findings = Vec::new();
        if !self.cf.lines().any(|line| line.starts_with("Kmailertable")) {
            findings.push(Finding::wrong(
                "sendmail.cf does not read mailertable",
                mc("FEATURE(`mailertable')dnl"),
            ));
        }
        let name = to.trim().split(':').next().unwrap_or_default();
        let Some(mailer) = self.definitions('M').find(|mailer| mailer.name == name) else {
            findings.push(Finding::wrong(
                format!(
                    "mailertable leads to the mailer {name:?}, which sendmail.cf does not have"
                ),
                mc(MAILER),
            ));
            return (findings, None);
        };
        let together =
            mailer.equate("r").and_then(|limit| limit.parse::<u32>().ok()).unwrap_or(100);
        if together < 1000 {
            findings.push(Finding::wrong(
                format!("the mailer {name:?} takes {together} recipients at once: a message with more is split, and its conversation with it"),
                mc("r=2000    (in Mzegel)"),
            ));
        }
        let relay = mailer
            .equate("A")
            .and_then(|command| command.strip_prefix("FILE "))
            .map(|path| format!("unix:{}", path.trim()));
        (findings, relay)
    }
}

impl<'a> Definition<'a> {
    fn equate(&self, name: &str) -> Option<&'a str> {
        self.equates.split(',').find_map(|equate| {
            let (known, value) = equate.split_once('=')?;
            (known.trim() == name).then(|| value.trim())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CF: &str = "Kmailertable hash -o /etc/mail/mailertable\nO InputMailFilters=zegel,opendkim\n\
        Xzegel, S=local:/run/zegel-milter/milter.sock, F=T, T=S:30s;R:30s;E:2m\nXopendkim, S=local:/run/o.sock, F=T\n\
        Mzegel,\t\tP=[IPC], F=mDFMuXz8,\n\t\tr=2000, T=DNS/RFC822/SMTP,\n\t\tA=FILE /run/zegel/relay.sock\n";

    const TABLE: &str = "# comment\nzegel.invalid\tzegel:relay\n";

    /// After this change of sendmail.cf and mailertable this is found and nothing else; nothing where that is empty.
    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let milter = Config { route: Route::Recipient, ..config() };
        let change = |text: &str| text.replace(from, to);
        let sendmail = Sendmail { cf: joined(&change(CF)), mailertable: change(TABLE) };
        let (findings, relay) = sendmail.examine(&milter);
        let found: Vec<String> =
            findings.iter().map(|finding| format!("{} {:?}", finding.what, finding.mend)).collect();
        match found.as_slice() {
            [] => assert_eq!((want, relay.as_deref()), ("", Some("unix:/run/zegel/relay.sock"))),
            [one] => assert!(!want.is_empty() && one.contains(want), "{from:?} to {to:?}: {one}"),
            many => panic!("{from:?} to {to:?}: {many:#?}"),
        }
    }

    fn config() -> Config {
        Config::parse("socket = \"unix:/run/zegel-milter/milter.sock\"").unwrap()
    }

    #[test]
    fn a_sound_sendmail_is_found_sound_and_what_is_changed_is_found() {
        check("", "", "");
        check("S=local:", "S=unix:", "");
        check(
            "/run/zegel-milter/milter.sock",
            "/run/other.sock",
            "INPUT_MAIL_FILTER(`zegel', `S=local:/run/zegel-milter/milter.sock, F=T",
        );
        check("=zegel,opendkim", "=opendkim", "nothing is selected");
        check("=zegel,opendkim", "=opendkim, zegel", "opendkim stands before");
        check("milter.sock, F=T", "milter.sock, F=R", "refused for good");
        check("milter.sock, F=T", "milter.sock", "in the clear");
        check("zegel.invalid", "zegel.example", "zegel.invalid\\tzegel:relay");
        check("Kmailertable", "#", "FEATURE(`mailertable')dnl");
        check("Mzegel", "Mother", "MAILER_DEFINITIONS");
        check("r=2000, ", "", "takes 100 recipients");
    }

    #[test]
    fn a_route_by_header_is_no_route_here() {
        let sendmail = Sendmail { cf: joined(CF), mailertable: TABLE.to_owned() };
        let (findings, _) = sendmail.examine(&config());
        assert!(findings.iter().any(|finding| finding.what.starts_with("route = \"header\"")));
    }

    #[test]
    fn what_the_doctor_writes_is_what_is_shipped() {
        let shipped = include_str!("../../../../packaging/sendmail/zegel.mc");
        assert!(shipped.contains(&socket_line(&config())));
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mailer = MAILER.split_once('\n').unwrap().1;
        assert!(squeezed(shipped).contains(&squeezed(mailer)), "{mailer}");
    }
}
