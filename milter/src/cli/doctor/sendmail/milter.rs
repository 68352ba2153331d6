//! Who asks the milter, whether it can be reached, and what happens without it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::cf::{Definition, equate};
use super::{Sendmail, mc};
use crate::cli::doctor::finding::{Finding, Mend};
use crate::config::{Config, Socket};

pub(super) fn socket_line(milter: &Config) -> String {
    let at = match &milter.socket {
        Socket::Unix(path) => format!("local:{}", path.display()),
        Socket::Inet(address) => format!("inet:{}@{}", address.port(), address.ip()),
    };
    format!("INPUT_MAIL_FILTER(`zegel', `S={at}, F=T, T=S:30s;R:30s;E:2m')dnl")
}

impl Sendmail {
    pub(super) fn milter(&self, milter: &Config) -> Vec<Finding> {
        let filters = names(self.cf.option("InputMailFilters").unwrap_or_default());
        let defined = self.cf.definitions('X').find(|found| is_ours(milter, found));
        let asked = |ours: &Definition<'_>| {
            filters.contains(&ours.name) || self.daemons().any(|(_, own)| own.contains(&ours.name))
        };
        let Some(ours) = defined.filter(asked) else {
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
            Some("4") => findings.push(Finding::doubtful(
                "F=4: with the milter away, Sendmail hangs up with 421",
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
                mc(format!(
                    "define(`confINPUT_MAIL_FILTERS', `{}')dnl    (below every INPUT_MAIL_FILTER)",
                    ours_first(&filters, ours.name)
                )),
            ));
        }
        findings.extend(self.deaf_daemons(ours.name));
        findings
    }

    /// A daemon may have a list of milters of its own (`InputMailFilters=` of `DaemonPortOptions`), which goes before the one of
    /// all.
    fn daemons(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.cf.options("DaemonPortOptions").filter_map(|options| {
            // Sendmail goes by the first letter.
            let own = equate(options, |name| name.starts_with(['I', 'i']))?;
            Some((options, names(own)))
        })
    }

    fn deaf_daemons(&self, ours: &str) -> Vec<Finding> {
        let deaf = self.daemons().filter(|(_, own)| !own.contains(&ours));
        deaf.map(|(options, _)| {
            let all = options.split(',').map(str::trim);
            let others: Vec<&str> = all.filter(|part| !part.starts_with(['I', 'i'])).collect();
            Finding::wrong(
                format!("the daemon with {options} has InputMailFilters of its own without {ours}: what comes in there is not selected"),
                mc(format!("DAEMON_OPTIONS(`{}')dnl", others.join(", "))),
            )
        })
        .collect()
    }
}

/// Sendmail takes a socket for unsafe where others than its owner may change the way to it.
pub(super) fn unsafe_directory(socket: &Path) -> Option<Finding> {
    let open = |directory: &Path| {
        let mode = fs::metadata(directory).ok()?.mode() & 0o7777;
        (mode & 0o022 != 0 && mode & 0o1000 == 0).then(|| (directory.display().to_string(), mode))
    };
    let (directory, mode) = socket.ancestors().skip(1).find_map(open)?;
    Some(Finding::wrong(
        format!(
            "Sendmail does not use {}, since others may write to {directory} (mode {mode:04o})",
            socket.display()
        ),
        Mend::Run(format!("chmod go-w {directory}")),
    ))
}

/// The milters of a list; within `DaemonPortOptions`, they are not parted by commas.
fn names(list: &str) -> Vec<&str> {
    list.split([',', ';', ' ']).filter(|name| !name.is_empty()).collect()
}

fn ours_first(filters: &[&str], ours: &str) -> String {
    let others = filters.iter().copied().filter(|name| *name != ours);
    std::iter::once(ours).chain(others).collect::<Vec<_>>().join(",")
}

fn is_ours(milter: &Config, definition: &Definition<'_>) -> bool {
    let at = definition.equate("S").unwrap_or_default();
    match &milter.socket {
        Socket::Unix(path) => {
            let known = at.strip_prefix("local:").or_else(|| at.strip_prefix("unix:"));
            known == path.to_str()
        }
        Socket::Inet(address) => {
            let port = at.split_once(':').and_then(|(_, at)| at.split_once('@'));
            port.is_some_and(|(port, _)| port.parse() == Ok(address.port()))
        }
    }
}
