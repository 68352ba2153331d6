//! What must be so in Postfix for selected mail to reach the relay, and nothing else to happen to it.

mod absent;
mod filters;
mod own;
mod postconf;
mod reports;
mod route;
mod settings;
mod tools;

use std::path::Path;

use nix::unistd::User;
use zegel_core::route::DOMAIN;

use self::postconf::{Listed, Postfix, Service, milters};
use self::route::Route;
pub(super) use self::tools::Tools;
use super::Examined;
use super::finding::{Finding, Mend};
use super::reach::{self, Who, Whose};
use crate::config::{Config, Socket};
use crate::route::{self as header, Route as Kind};

/// What is looked at together.
struct Postfixed<'a> {
    postfix: &'a Postfix,
    milter: &'a Config,
    /// The milter's socket as main.cf should name it.
    wanted: String,
}

/// Names and ports by which milters that sign with DKIM are known: opendkim, dkimpy, rspamd.
const SIGNERS: [&str; 4] = ["dkim", "rspamd", ":8891", ":11332"];

/// Services at which users submit mail (RFC 6409, RFC 8314); other smtpds may do without the milter.
const SUBMISSION: [&str; 5] = ["submission", "submissions", "smtps", "465", "587"];

pub(super) fn examine(tools: &Tools, milter: &Config) -> Result<Examined, String> {
    let postfix = tools.read()?;
    let examined = Postfixed::new(&postfix, milter);
    let mut findings = examined.judge();
    findings.extend(examined.reaches());
    findings.extend(examined.own_mail(tools));
    let answer = match milter.route {
        Kind::Header => {
            let header = format!("{}: {}", header::HEADER, header::TO_RELAY);
            tools.look_up_in(postfix.get("milter_header_checks"), &header)
        }
        Kind::Recipient => tools.look_up_in(postfix.get("transport_maps"), DOMAIN),
    };
    let answer = match answer {
        Ok(Some(action)) => Route::Action(action),
        Ok(None) => Route::None,
        Err(why) => Route::Broken(why),
    };
    findings.extend(examined.tables(tools, &answer));
    let (on_the_way, relay) = route::examine(&postfix, milter.route, &answer, tools);
    findings.extend(on_the_way);
    findings.extend(examined.reports(tools, &answer));
    if let Route::Action(action) = &answer {
        findings.extend(examined.everything_routed(action, tools));
    }
    let instance = Some(postfix.get("multi_instance_name")).filter(|name| !name.is_empty());
    Ok(Examined { findings, relay, instance: instance.unwrap_or("-").to_owned() })
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

impl<'a> Postfixed<'a> {
    fn new(postfix: &'a Postfix, milter: &'a Config) -> Self {
        let queue = Path::new(postfix.get("queue_directory"));
        let wanted = as_postfix_names_it(&milter.socket, queue);
        Self { postfix, milter, wanted }
    }

    /// What the parameters alone say.
    fn judge(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        findings.extend(self.callers());
        findings.extend(self.other_door());
        findings.extend(self.without_milter());
        findings.extend(self.signer_order());
        findings.extend(self.settings());
        findings.extend(self.filters());
        findings
    }

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

    /// Our milter in the list of a service.
    fn ours(&self, service: &Service, parameter: &str) -> Option<Listed> {
        milters(self.postfix.of(service, parameter)).into_iter().find(|listed| self.is_ours(listed))
    }

    /// The smtpds that ask the milter.
    fn asking(&self) -> impl Iterator<Item = &Service> {
        self.postfix.run("smtpd").filter(|service| self.ours(service, "smtpd_milters").is_some())
    }

    /// The milters of a list with ours before them.
    fn before(&self, list: &str) -> String {
        if list.is_empty() { self.wanted.clone() } else { format!("{} {list}", self.wanted) }
    }

    /// Some smtpd must ask the milter, and all must at which users submit.
    fn callers(&self) -> Vec<Finding> {
        let list = self.postfix.get("smtpd_milters");
        if self.asking().next().is_none() {
            return vec![Finding::wrong(
                "no smtpd asks the milter: nothing that comes in by SMTP is selected",
                Mend::main_cf(format!("smtpd_milters = {}", self.before(list))),
            )];
        }
        let passed_by = self.postfix.run("smtpd").filter(|service| {
            is_submission(service)
                && self.ours(service, "smtpd_milters").is_none()
                && !(self.is_filtered(service) && self.behind_filters().is_some())
        });
        passed_by
            .map(|service| {
                let list = self.before(self.postfix.of(service, "smtpd_milters"));
                Finding::wrong(
                    format!(
                        "{} does not ask the milter: what users submit there is not selected",
                        service.label()
                    ),
                    Mend::Run(self.postfix.give(service, &format!("smtpd_milters={list}"))),
                )
            })
            .collect()
    }

    /// Mail that comes in by pickup, unless a filter takes it from there to an smtpd that asks the milter.
    fn other_door(&self) -> Vec<Finding> {
        let list = self.postfix.get("non_smtpd_milters");
        let filtered = self.postfix.run("pickup").any(|service| self.is_filtered(service));
        if filtered && self.behind_filters().is_some() {
            return Vec::new();
        }
        if !milters(list).iter().any(|listed| self.is_ours(listed)) {
            return vec![Finding::wrong(
                "non_smtpd_milters lacks the milter: mail of sendmail(1) and cron is not selected",
                Mend::main_cf(format!("non_smtpd_milters = {}", self.before(list))),
            )];
        }
        let mut findings = Vec::new();
        for pickup in self.postfix.run("pickup") {
            let cleanup = self.postfix.of(pickup, "cleanup_service_name");
            let deaf = self.postfix.run("cleanup").filter(|service| {
                service.name == cleanup && self.ours(service, "non_smtpd_milters").is_none()
            });
            findings.extend(deaf.map(|service| Finding::wrong(
                format!("{} has non_smtpd_milters of its own without the milter: mail of sendmail(1) and cron is not selected", service.label()),
                Mend::Run(self.postfix.take(service, "non_smtpd_milters")),
            )));
        }
        findings
    }

    /// Every process that calls the milter must be able to open its socket.
    fn reaches(&self) -> Vec<Finding> {
        let Socket::Unix(path) = &self.milter.socket else { return Vec::new() };
        let mut findings = Vec::new();
        let chrooted =
            self.postfix.services.iter().any(|service| service.chroot && self.calls(service));
        if chrooted && !path.starts_with(self.queue()) {
            let inside = self.queue().join("zegel/milter.sock");
            findings.push(Finding::wrong(
                format!(
                    "a chrooted process of Postfix sees only {}, and the socket {} is outside",
                    self.queue().display(),
                    path.display()
                ),
                Mend::milter_toml(format!("socket = \"unix:{}\"", inside.display())),
            ));
        }
        let owner = self.postfix.get("mail_owner");
        let Ok(Some(user)) = User::from_name(owner) else {
            findings.push(Finding::wrong(
                format!("mail_owner = {owner}: there is no such user"),
                Mend::advice("Postfix itself does not run so."),
            ));
            return findings;
        };
        let who = Who { user: user.uid.as_raw(), group: user.gid.as_raw() };
        findings.extend(reach::examine(path, Whose::Milter, who, owner));
        findings
    }

    fn calls(&self, service: &Service) -> bool {
        match service.program.as_str() {
            "smtpd" => self.ours(service, "smtpd_milters").is_some(),
            "cleanup" => self.ours(service, "non_smtpd_milters").is_some(),
            _ => false,
        }
    }

    /// A signature that is made before the milter changes headers no longer fits what is rerouted.
    fn signer_order(&self) -> Vec<Finding> {
        let is_signer = |listed: &Listed| SIGNERS.iter().any(|name| listed.at.contains(name));
        let mut findings = Vec::new();
        for parameter in ["smtpd_milters", "non_smtpd_milters"] {
            let program = if parameter == "smtpd_milters" { "smtpd" } else { "cleanup" };
            for service in self.postfix.run(program) {
                let list = self.postfix.of(service, parameter);
                let all = milters(list);
                let ours = all.iter().position(|listed| self.is_ours(listed)).unwrap_or_default();
                let Some(signer) = all.iter().take(ours).find(|listed| is_signer(listed)) else {
                    continue;
                };
                findings.push(Finding::doubtful(
                    format!("{parameter}: {} stands before the milter: if it signs, it signs what is changed afterwards", signer.at),
                    self.postfix.mend(service, parameter, &self.ours_first(list)),
                ));
            }
        }
        findings
    }

    /// The same list, as it is written, with our milter at its head.
    fn ours_first(&self, list: &str) -> String {
        let is_ours = |word: &&str| milters(word).iter().any(|listed| self.is_ours(listed));
        let (ours, others): (Vec<&str>, Vec<&str>) =
            postconf::words(list).into_iter().partition(is_ours);
        [ours, others].concat().join(" ")
    }

    /// The same list without our milter.
    fn without_ours(&self, list: &str) -> String {
        let others = postconf::words(list).into_iter();
        let is_ours = |word: &&str| milters(word).iter().any(|listed| self.is_ours(listed));
        others.filter(|word| !is_ours(word)).collect::<Vec<_>>().join(" ")
    }
}

fn is_submission(service: &Service) -> bool {
    let port = service.name.rsplit(':').next().unwrap_or_default();
    service.kind == "inet" && SUBMISSION.contains(&port)
}

#[cfg(test)]
mod tests;
