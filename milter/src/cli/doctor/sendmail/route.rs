//! The way to the relay: the pseudo-domain has a mailer, the mailer leads to the relay, and takes a message's recipients
//! together.

use zegel_core::route::{DOMAIN, REPORTS};

use super::cf::Definition;
use super::{Built, Sendmail, mc};
use crate::cli::doctor::finding::{Finding, Mend};

/// As it stands in packaging/sendmail/zegel.mc.
pub(super) const MAILER: &str = "MAILER_DEFINITIONS\n\
    Mzegel, P=[IPC], F=mDFMuXz8, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, E=\\r\\n, L=990,\n\
    \tr=2000, T=DNS/RFC822/SMTP, A=FILE /run/zegel/relay.sock";

/// Likewise.
pub(super) const REPORT_MAILER: &str = "MAILER_DEFINITIONS\n\
    Mzegelreport, P=/usr/bin/zegel-milter, F=lnsuDFM8, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, \
    U=zegel-milter:zegel-milter,\n\tT=DNS/RFC822/X-Unix, A=zegel-milter report -- $u";

/// Recipients that a message may have where Sendmail has no limit: as Postfix by default.
const RECIPIENTS: u32 = 1000;

impl Sendmail {
    pub(super) fn route(&self) -> (Vec<Finding>, Option<String>) {
        let mut findings = self.table();
        let Some(name) = self.mailer_of(DOMAIN) else {
            findings.push(Finding::wrong(
                format!(
                    "mailertable has no way for {DOMAIN}: selected mail comes back to its sender"
                ),
                self.entry(format!("{DOMAIN}\tzegel:relay")),
            ));
            return (findings, None);
        };
        let Some(mailer) = self.cf.definitions('M').find(|mailer| mailer.name == name) else {
            findings.push(Finding::wrong(
                format!(
                    "mailertable leads to the mailer {name:?}, which sendmail.cf does not have"
                ),
                mc(MAILER),
            ));
            return (findings, None);
        };
        findings.extend(self.together(&mailer));
        findings.extend(flags(&mailer));
        let relay = mailer
            .equate("A")
            .and_then(|command| command.strip_prefix("FILE "))
            .map(|path| format!("unix:{}", path.trim()));
        (findings, relay)
    }

    /// Sendmail's own reports come by the milter's program.
    pub(super) fn reports(&self) -> Option<Finding> {
        let what = "Sendmail's own reports about selected mail do not reach its sender";
        let Some(name) = self.mailer_of(REPORTS) else {
            return Some(Finding::wrong(
                format!("mailertable has no way for {REPORTS}: {what}"),
                self.entry(format!("{REPORTS}\tzegelreport:report")),
            ));
        };
        let is_there = self.cf.definitions('M').any(|mailer| mailer.name == name);
        (!is_there).then(|| {
            Finding::wrong(
                format!("sendmail.cf does not have the mailer {name:?}: {what}"),
                mc(REPORT_MAILER),
            )
        })
    }

    /// The mailer that the mailertable sends a domain to.
    fn mailer_of(&self, domain: &str) -> Option<&str> {
        let entry = |line: &&str| line.split_whitespace().next() == Some(domain);
        let to = self.mailertable.lines().find(entry)?.split_whitespace().nth(1)?;
        to.split(':').next()
    }

    fn entry(&self, line: String) -> Mend {
        Mend::line(format!("{0} (then: makemap {1} {0} < {0})", self.file, self.kind), line)
    }

    /// Sendmail reads the database, and not the text that an administrator reads.
    fn table(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let makemap = Mend::Run(format!("makemap {1} {0} < {0}", self.file, self.kind));
        if self.cf.map("mailertable").is_none() {
            findings.push(Finding::wrong(
                "sendmail.cf does not read mailertable",
                mc("FEATURE(`mailertable')dnl"),
            ));
        } else if self.built == Built::Never {
            findings.push(Finding::wrong(
                format!(
                    "there is no database of {}: Sendmail knows none of its entries",
                    self.file
                ),
                makemap,
            ));
        } else if self.built == Built::Before {
            findings.push(Finding::wrong(
                format!("the database of {} is older than the text: Sendmail does not know what was changed", self.file),
                makemap,
            ));
        }
        findings
    }

    fn together(&self, mailer: &Definition<'_>) -> Option<Finding> {
        let limit = |value: Option<&str>, otherwise| {
            value.and_then(|value| value.parse().ok()).unwrap_or(otherwise)
        };
        let together: u32 = limit(mailer.equate("r"), 100);
        // Sendmail takes 0 for "no limit".
        let taken = match limit(self.cf.option("MaxRecipientsPerMessage"), 0) {
            0 => RECIPIENTS,
            taken => taken,
        };
        (together < taken).then(|| {
            let what = format!("the mailer {:?} takes {together} recipients at once: a message with more is split, and its conversation with it", mailer.name);
            Finding::wrong(what, mc(MAILER.replace("r=2000", &format!("r={}", taken.max(2000)))))
        })
    }
}

/// Mailer flags (Sendmail Operations Guide, section 5.4).
fn flags(mailer: &Definition<'_>) -> Vec<Finding> {
    let flags = mailer.equate("F").unwrap_or_default();
    let mut findings = Vec::new();
    let lacking = [
        (
            'm',
            "takes one recipient at a time: every message is split, and its conversation with it",
        ),
        ('z', "does not speak LMTP, which is all that the relay's socket understands"),
    ];
    for (flag, what) in lacking.into_iter().filter(|(flag, _)| !flags.contains(*flag)) {
        findings.push(Finding::wrong(
            format!("the mailer {:?} has no {flag} among its flags: it {what}", mailer.name),
            mc(MAILER),
        ));
    }
    if flags.contains('l') {
        findings.push(Finding::doubtful(
            format!("the mailer {:?} has l among its flags: Sendmail reports as delivered what the relay has still to deliver", mailer.name),
            mc(MAILER),
        ));
    }
    findings
}
