//! What must be so in Postfix for selected mail to reach the relay, and nothing else to happen to it.

use std::path::{Path, PathBuf};

use nix::unistd::User;
use zegel_core::route::DOMAIN;

use super::finding::{Finding, Mend};
use super::postconf::{Listed, Postfix, Service, Tools, milters};
use super::reach::{Obstacle, Who, reach};
use super::route::Route;
use crate::config::{Config, Socket};
use crate::route::{self, Route as Kind};

/// What is looked at together.
pub(super) struct Postfixed<'a> {
    pub postfix: &'a Postfix,
    pub milter: &'a Config,
    /// The milter's socket as main.cf should name it.
    pub wanted: String,
}

/// Names and ports by which milters that sign with DKIM are known: opendkim, dkimpy, rspamd.
const SIGNERS: [&str; 4] = ["dkim", "rspamd", ":8891", ":11332"];

/// Postfix's daemons that call milters.
const CALLERS: [&str; 2] = ["smtpd", "cleanup"];

/// All findings, and where the relay is to be reached, if a route leads there.
pub(super) fn examine(
    tools: &Tools,
    milter: &Config,
) -> Result<(Vec<Finding>, Option<String>), String> {
    let postfix = tools.read()?;
    let wanted = as_postfix_names_it(&milter.socket, Path::new(postfix.get("queue_directory")));
    let examined = Postfixed { postfix: &postfix, milter, wanted };
    let mut findings = Vec::new();
    findings.extend(examined.callers());
    findings.extend(examined.other_door());
    findings.extend(examined.reaches());
    findings.extend(examined.without_milter());
    findings.extend(examined.signer_order());
    findings.extend(examined.settings());
    let answer = match milter.route {
        Kind::Header => {
            let header = format!("{}: {}", route::HEADER, route::TO_RELAY);
            look_up(tools, postfix.get("milter_header_checks"), &header)
        }
        Kind::Recipient => look_up(tools, postfix.get("transport_maps"), DOMAIN),
    };
    let (on_the_way, relay) = super::route::examine(&postfix, milter.route, &answer);
    findings.extend(on_the_way);
    Ok((findings, relay))
}

/// What the first of these tables that knows a key makes of it.
fn look_up(tools: &Tools, tables: &str, key: &str) -> Route {
    for table in tables.split([' ', ',']).filter(|table| !table.is_empty()) {
        match tools.look_up(table, key) {
            Ok(Some(action)) => return Route::Action(action),
            Ok(None) => (),
            Err(why) => return Route::Broken(why),
        }
    }
    Route::None
}

/// Relative to the queue directory where it can be: a chrooted process reaches nothing else.
fn as_postfix_names_it(socket: &Socket, queue: &Path) -> String {
    match socket {
        Socket::Unix(path) => match path.strip_prefix(queue) {
            Ok(relative) => format!("unix:{}", relative.display()),
            Err(_) => format!("unix:{}", path.display()),
        },
        Socket::Inet(address) => format!("inet:{}:{}", address.ip(), address.port()),
    }
}

impl Postfixed<'_> {
    fn queue(&self) -> &Path {
        Path::new(self.postfix.get("queue_directory"))
    }

    fn is_ours(&self, listed: &Listed) -> bool {
        match (&self.milter.socket, listed.at.split_once(':')) {
            (Socket::Unix(path), Some(("unix", at))) => self.queue().join(at) == *path,
            (Socket::Inet(address), Some(("inet", at))) => {
                at.replace(['[', ']'], "").replace("localhost", "127.0.0.1")
                    == format!("{}:{}", address.ip(), address.port())
            }
            _ => false,
        }
    }

    /// The list of a service that holds our milter.
    fn ours(&self, service: &Service, parameter: &str) -> Option<Listed> {
        milters(self.postfix.of(service, parameter)).into_iter().find(|listed| self.is_ours(listed))
    }

    fn before(&self, list: &str) -> String {
        if list.is_empty() { self.wanted.clone() } else { format!("{} {list}", self.wanted) }
    }

    /// Some smtpd must ask the milter. Which ones is the administrator's choice.
    fn callers(&self) -> Option<Finding> {
        let asked =
            self.postfix.run("smtpd").any(|service| self.ours(service, "smtpd_milters").is_some());
        let line = format!("smtpd_milters = {}", self.before(self.postfix.get("smtpd_milters")));
        (!asked).then(|| {
            Finding::wrong(
                "no smtpd asks the milter: nothing that comes in by SMTP is selected",
                Mend::main_cf(line),
            )
        })
    }

    fn other_door(&self) -> Option<Finding> {
        let list = self.postfix.get("non_smtpd_milters");
        let asked = milters(list).iter().any(|listed| self.is_ours(listed));
        (!asked).then(|| {
            Finding::wrong(
                "non_smtpd_milters lacks the milter: mail of sendmail(1) and cron is not selected",
                Mend::main_cf(format!("non_smtpd_milters = {}", self.before(list))),
            )
        })
    }

    /// Every process that calls the milter must be able to open its socket.
    fn reaches(&self) -> Vec<Finding> {
        let Socket::Unix(path) = &self.milter.socket else { return Vec::new() };
        let mut findings = Vec::new();
        let chrooted = self.postfix.services.iter().any(|service| {
            service.chroot && CALLERS.contains(&service.program.as_str()) && self.calls(service)
        });
        if chrooted && !path.starts_with(self.queue()) {
            let inside = self.queue().join("zegel/milter.sock");
            findings.push(Finding::wrong(
                format!(
                    "a chrooted process of Postfix sees only {}, and the socket {} is outside",
                    self.queue().display(),
                    path.display()
                ),
                Mend::Line {
                    file: "milter.toml",
                    line: format!("socket = \"unix:{}\"", inside.display()),
                },
            ));
        }
        let owner = self.postfix.get("mail_owner");
        let Ok(Some(user)) = User::from_name(owner) else {
            findings.push(Finding::wrong(
                format!("mail_owner = {owner}: there is no such user"),
                Mend::Advice("Postfix itself does not run so."),
            ));
            return findings;
        };
        let who = Who { user: user.uid.as_raw(), group: user.gid.as_raw() };
        findings.extend(reach(path, who).err().map(|obstacle| unreachable(&obstacle, owner)));
        findings
    }

    fn calls(&self, service: &Service) -> bool {
        match service.program.as_str() {
            "smtpd" => self.ours(service, "smtpd_milters").is_some(),
            _ => self.ours(service, "non_smtpd_milters").is_some(),
        }
    }

    /// What Postfix does when the milter is away.
    fn without_milter(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(judge_default(
            "milter_default_action",
            self.postfix.get("milter_default_action"),
            || Mend::main_cf("milter_default_action = tempfail"),
        ));
        for service in &self.postfix.services {
            let label = format!("{}/{}", service.name, service.kind);
            let own = service.own.get("milter_default_action").map(String::as_str);
            findings.extend(own.and_then(|action| {
                let line = format!("-o milter_default_action=tempfail    (of {label})");
                judge_default(&format!("milter_default_action of {label}"), action, || {
                    Mend::master_cf(line)
                })
            }));
        }
        for (program, parameter) in [("smtpd", "smtpd_milters"), ("cleanup", "non_smtpd_milters")] {
            let listed =
                self.postfix.run(program).filter_map(|service| self.ours(service, parameter));
            findings.extend(listed.filter_map(|listed| {
                let line = format!("{parameter} = {}", self.wanted);
                let name = format!("default_action in {parameter}");
                judge_default(&name, &listed.default_action?, || Mend::main_cf(line))
            }));
        }
        findings.dedup();
        findings
    }

    /// A signature that is made before the milter changes headers no longer fits what is rerouted.
    fn signer_order(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for parameter in ["smtpd_milters", "non_smtpd_milters"] {
            let list = milters(self.postfix.get(parameter));
            let Some(ours) = list.iter().position(|listed| self.is_ours(listed)) else { continue };
            let is_signer = |listed: &Listed| SIGNERS.iter().any(|name| listed.at.contains(name));
            if let Some(signer) = list.iter().take(ours).find(|listed| is_signer(listed)) {
                let others = list
                    .iter()
                    .filter(|listed| !self.is_ours(listed))
                    .map(|listed| listed.at.as_str());
                let order: Vec<&str> =
                    std::iter::once(self.wanted.as_str()).chain(others).collect();
                findings.push(Finding::doubtful(
                    format!("{parameter}: {} stands before the milter: if it signs, it signs what is changed afterwards", signer.at),
                    Mend::main_cf(format!("{parameter} = {}", order.join(" "))),
                ));
            }
        }
        findings
    }

    /// Settings that take from the milter what it needs, or change a message's way.
    fn settings(&self) -> Vec<Finding> {
        let postfix = self.postfix;
        let mut findings = Vec::new();
        if !matches!(postfix.get("milter_protocol"), "6") {
            findings.push(Finding::wrong(
                format!(
                    "milter_protocol = {}: the milter needs version 6",
                    postfix.get("milter_protocol")
                ),
                Mend::main_cf("milter_protocol = 6"),
            ));
        }
        if postfix.get("tls_required_enable") == "yes" {
            findings.push(Finding::doubtful(
                "tls_required_enable = yes: a sender's TLS-Required: No takes TLS off the way to the relay, should the milter miss it",
                Mend::main_cf("tls_required_enable = no"),
            ));
        }
        findings.extend(bare_newlines(postfix));
        for service in &postfix.services {
            let without = postfix.of(service, "receive_override_options").contains("no_milters");
            if without
                && service.program == "smtpd"
                && self.ours(service, "smtpd_milters").is_some()
            {
                findings.push(Finding::wrong(
                    format!("{}/{}: receive_override_options has no_milters: what comes in there is not selected", service.name, service.kind),
                    Mend::master_cf("-o receive_override_options=    (without no_milters)"),
                ));
            }
            if service.program == "smtpd"
                && !postfix.of(service, "smtpd_proxy_filter").is_empty()
                && self.ours(service, "smtpd_milters").is_some()
            {
                findings.push(Finding::wrong(
                    format!("{}/{}: smtpd_proxy_filter: no milter sees a whole message before such a filter", service.name, service.kind),
                    Mend::Advice("Give smtpd_milters to the smtpd behind the filter, and to no other."),
                ));
            }
        }
        for (parameter, what) in DIVERSIONS {
            let value = postfix.get(parameter);
            if !value.is_empty() {
                findings.push(Finding::doubtful(
                    format!("{parameter} = {value}: {what}"),
                    Mend::Advice(DIVERSION_ADVICE),
                ));
            }
        }
        findings
    }
}

/// What pulls a rerouted message off its way, or doubles it.
const DIVERSIONS: [(&str, &str); 6] = [
    ("content_filter", "the route comes after it, so that selected mail skips that filter"),
    ("always_bcc", "its copies become recipients, and the relay takes them for Bcc recipients"),
    (
        "sender_bcc_maps",
        "its copies become recipients, and the relay takes them for Bcc recipients",
    ),
    (
        "recipient_bcc_maps",
        "its copies become recipients, and the relay takes them for Bcc recipients",
    ),
    ("smtpd_milter_maps", "clients that it maps to DISABLE are not asked about"),
    (
        "smtp_header_checks",
        "an IGNORE of zivver- or X-Zegel- headers in it does not reach mail to the relay, which goes by LMTP",
    ),
];

const DIVERSION_ADVICE: &str =
    "Keep it where that is what you want; see packaging/postfix/main.cf.";

fn judge_default(name: &str, action: &str, mend: impl FnOnce() -> Mend) -> Option<Finding> {
    let what = match action {
        "tempfail" | "shutdown" => return None,
        "accept" => "with the milter away, selected mail goes out in the clear",
        "reject" => "with the milter away, mail is refused for good",
        "quarantine" => {
            "with the milter away, mail is put on hold until somebody releases it unselected"
        }
        _ => "with the milter away, nobody knows what happens",
    };
    Some(Finding::wrong(format!("{name} = {action}: {what}"), mend()))
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
            Mend::Advice(
                "Update to a version that has smtpd_forbid_bare_newline (3.5.23, 3.6.13, 3.7.9, 3.8.4, 3.9).",
            ),
        )];
    }
    let mut findings = Vec::new();
    if !matches!(postfix.get(name), "normalize" | "reject" | "yes") {
        findings.push(Finding::doubtful(
            format!("{name} = {}: a bare newline can end a message, and one message can hide in another", postfix.get(name)),
            Mend::main_cf(format!("{name} = normalize")),
        ));
    }
    let exempt = "smtpd_forbid_bare_newline_exclusions";
    if !postfix.get(exempt).is_empty() {
        findings.push(Finding::doubtful(
            format!("{exempt} = {}: these clients may still do it", postfix.get(exempt)),
            Mend::main_cf(format!("{exempt} =")),
        ));
    }
    findings
}

/// The line that lets a user in.
pub(super) fn unreachable(obstacle: &Obstacle, owner: &str) -> Finding {
    let group =
        |directory: &PathBuf| format!("chgrp {owner} {0} && chmod g+x {0}", directory.display());
    let mend = match obstacle {
        Obstacle::Absent(_) => {
            Mend::Run("systemctl enable --now zegel-milter zegel-relay".to_owned())
        }
        Obstacle::Directory(directory, _) => Mend::Run(group(directory)),
        Obstacle::Socket(..) => Mend::Line {
            file: "milter.toml (or relay.toml, for the relay's)",
            line: format!("socket-group = \"{owner}\"\nsocket-mode = \"0660\""),
        },
        Obstacle::NoSocket(path) => Mend::Run(format!("rm {}", path.display())),
        Obstacle::Unknown(..) => Mend::Advice("Run the doctor as root."),
    };
    Finding::wrong(
        format!("the user {owner}, as whom Postfix runs, cannot reach the socket: {obstacle}"),
        mend,
    )
}
