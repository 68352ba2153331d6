//! Settings that take from the milter what it needs, or give a message recipients or a way that nobody meant.

use super::Postfixed;
use super::postconf::{Postfix, words};
use crate::cli::doctor::finding::{Finding, Mend};

/// What adds copies, and the milter never sees them.
const COPIES: [&str; 3] = ["always_bcc", "sender_bcc_maps", "recipient_bcc_maps"];

/// With this version came the parameter's further values, and this parameter.
const NORMALIZES: &str = "smtpd_forbid_bare_newline_reject_code";

impl Postfixed<'_> {
    pub(super) fn settings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.protocol());
        findings.extend(self.given_login());
        findings.extend(self.exempt_clients());
        findings.extend(self.tls_required());
        findings.extend(bare_newlines(self.postfix));
        findings.extend(self.switched_off());
        findings.extend(self.copies());
        findings.extend(self.instances());
        findings
    }

    fn protocol(&self) -> Option<Finding> {
        let version = self.postfix.get("milter_protocol");
        (version != "6").then(|| {
            Finding::wrong(
                format!("milter_protocol = {version}: the milter needs version 6"),
                Mend::main_cf("milter_protocol = 6"),
            )
        })
    }

    /// A default for the login makes every client one that logged in. The milter names the macros that it needs itself, so that
    /// the lists of macros in main.cf do not matter.
    fn given_login(&self) -> Option<Finding> {
        let defaults = self.postfix.get("milter_macro_defaults");
        let is_login = |word: &&str| word.trim_start_matches(['{', ' ']).starts_with("auth_authen");
        let all = words(defaults);
        let others: Vec<&str> = all.iter().copied().filter(|word| !is_login(word)).collect();
        (others.len() < all.len()).then(|| {
            Finding::wrong(
                format!("milter_macro_defaults = {defaults}: every client counts as one that logged in, and its zivver- headers with it"),
                Mend::main_cf(format!("milter_macro_defaults = {}", others.join(", ")).trim_end()),
            )
        })
    }

    fn exempt_clients(&self) -> Option<Finding> {
        let maps = self.postfix.get("smtpd_milter_maps");
        (!maps.is_empty()).then(|| {
            Finding::doubtful(
                format!("smtpd_milter_maps = {maps}: the milter is not asked about clients that it maps to anything else"),
                Mend::main_cf("smtpd_milter_maps ="),
            )
        })
    }

    /// Postfix 3.10 and later.
    fn tls_required(&self) -> Option<Finding> {
        (self.postfix.get("tls_required_enable") == "yes").then(|| {
            Finding::doubtful(
                "tls_required_enable = yes: a sender's TLS-Required: No takes TLS off the way to the relay, should the milter miss it",
                Mend::main_cf("tls_required_enable = no"),
            )
        })
    }

    fn switched_off(&self) -> Vec<Finding> {
        let name = "receive_override_options";
        let mut findings = Vec::new();
        let pickups = self.postfix.run("pickup");
        for service in self.asking().chain(pickups) {
            let options = words(self.postfix.of(service, name));
            if options.contains(&"no_milters") {
                let others: Vec<&str> =
                    options.into_iter().filter(|option| *option != "no_milters").collect();
                findings.push(Finding::wrong(
                    format!(
                        "{}: {name} has no_milters: what comes in there is not selected",
                        service.label()
                    ),
                    self.postfix.mend(service, name, &others.join(",")),
                ));
            }
        }
        findings
    }

    /// They are added after the milter was asked, where addresses are mapped at the door at which it is asked.
    fn copies(&self) -> Vec<Finding> {
        let mapped = self.asking().any(|service| {
            !words(self.postfix.of(service, "receive_override_options"))
                .contains(&"no_address_mappings")
        });
        let set = COPIES.into_iter().filter(|name| mapped && !self.postfix.get(name).is_empty());
        set.map(|name| {
            Finding::doubtful(
                format!("{name} = {}: its copies become recipients, and the relay takes them for Bcc recipients", self.postfix.get(name)),
                Mend::main_cf(format!("{name} =")),
            )
        })
        .collect()
    }

    fn instances(&self) -> Vec<Finding> {
        if self.postfix.get("multi_instance_enable") != "yes" {
            return Vec::new();
        }
        let others = words(self.postfix.get("multi_instance_directories")).into_iter();
        others
            .map(|directory| {
                Finding::unseen(
                    format!("this is one Postfix of several: that of {directory} is another"),
                    Mend::Run(format!("zegel-milter doctor --postfix-config {directory}")),
                )
            })
            .collect()
    }
}

/// SMTP smuggling: what ends a message for one server and not for the next can hide a message in another, control headers and
/// all.
fn bare_newlines(postfix: &Postfix) -> Vec<Finding> {
    let name = "smtpd_forbid_bare_newline";
    if !postfix.knows(name) {
        return vec![Finding::doubtful(
            format!(
                "Postfix {}.{} lets a bare newline end a message",
                postfix.version.0, postfix.version.1
            ),
            Mend::advice(
                "Update to a version that has smtpd_forbid_bare_newline (3.5.23, 3.6.13, 3.7.9, 3.8.4, 3.9).",
            ),
        )];
    }
    let value = if postfix.knows(NORMALIZES) { "normalize" } else { "yes" };
    let exempt = "smtpd_forbid_bare_newline_exclusions";
    let mut findings = Vec::new();
    for service in postfix.run("smtpd") {
        let now = postfix.of(service, name);
        if !matches!(now, "normalize" | "note" | "reject" | "yes") {
            findings.push(Finding::doubtful(
                format!("{name} = {now}: a bare newline can end a message, and one message can hide in another"),
                postfix.mend(service, name, value),
            ));
        }
        let exempted = postfix.of(service, exempt);
        if !exempted.is_empty() {
            findings.push(Finding::doubtful(
                format!("{exempt} = {exempted}: these clients may still do it"),
                postfix.mend(service, exempt, ""),
            ));
        }
    }
    findings
}
