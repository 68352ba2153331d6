//! The way back, where recipients carry the route: what Postfix itself reports about a selected message is written to an address
//! of ours, and reaches the sender by `zegel-milter report` or not at all.

use zegel_core::route::{DOMAIN, REPORTS};

use super::own::RECEIVED;
use super::postconf::{Postfix, Service, words};
use super::route::Route;
use super::tools::{Tools, source};
use super::{Finding, Mend, Postfixed};
use crate::route::Route as Kind;

/// What the program needs of a line of master.cf, behind the service's name; as it stands in packaging/postfix/master.cf.
const SERVICE: &str = "unix - n n - - pipe \
    user=zegel-milter argv=/usr/bin/zegel-milter report -- ${recipient}";

const LOST: &str = "Postfix's own reports about selected mail do not reach its sender";

/// The line of main.cf that sends these pseudo-domains their way, before all that is there.
pub(super) fn transports(postfix: &Postfix, relay: bool) -> Mend {
    let relay =
        if relay { format!("{DOMAIN}=zegel:unix:/run/zegel/relay.sock, ") } else { String::new() };
    let line = format!(
        "transport_maps = inline:{{{relay}{REPORTS}=zegelreport:}} {}",
        postfix.get("transport_maps")
    );
    Mend::main_cf(line.trim_end())
}

impl Postfixed<'_> {
    pub(super) fn reports(&self, tools: &Tools, relay: &Route) -> Vec<Finding> {
        if self.milter.route != Kind::Recipient {
            return Vec::new();
        }
        let mut findings = Vec::new();
        findings.extend(self.way_of_reports(tools, relay));
        findings.extend(self.filtered_reports());
        findings.extend(self.open_to_all(tools));
        findings
    }

    fn way_of_reports(&self, tools: &Tools, relay: &Route) -> Option<Finding> {
        let lost = |what| {
            let mend = transports(self.postfix, !matches!(relay, Route::Action(_)));
            Some(Finding::wrong(format!("transport_maps {what}: {LOST}"), mend))
        };
        let to = match tools.look_up_in(self.postfix.get("transport_maps"), REPORTS) {
            Ok(Some(to)) => to,
            Ok(None) => return lost(format!("has no way for {REPORTS}")),
            Err(why) => return lost(format!("cannot be looked up for {REPORTS}: {why}")),
        };
        let name = to.split(':').next().unwrap_or_default();
        let mut services = self.postfix.services.iter();
        let service = services.find(|service| service.name == name && service.kind == "unix");
        let what = match service {
            None => "which master.cf does not have",
            Some(service) if service.chroot => "which is chrooted",
            Some(service) if !is_program(service) => "which is not zegel-milter report",
            Some(_) => return None,
        };
        Some(Finding::wrong(
            format!("{REPORTS} has the transport {name:?}, {what}: {LOST}"),
            Mend::Run(self.postfix.define(name, SERVICE)),
        ))
    }

    /// The milter refuses addresses of ours, whoever writes to them.
    fn filtered_reports(&self) -> Option<Finding> {
        let name = "internal_mail_filter_classes";
        let classes = words(self.postfix.get(name));
        let others: Vec<&str> =
            classes.iter().copied().filter(|class| *class != "bounce").collect();
        (others.len() < classes.len()).then(|| {
            Finding::wrong(
                format!("{name} has bounce, and the milter refuses reports that are still to be made readable: {LOST}"),
                Mend::main_cf(format!("{name} = {}", others.join(" ")).trim_end()),
            )
        })
    }

    /// Where the milter is not asked, Postfix refuses what is for none of its domains, and takes what is for one.
    fn open_to_all(&self, tools: &Tools) -> Vec<Finding> {
        let mut findings = Vec::new();
        for parameter in RECEIVED {
            for entry in words(self.postfix.get(parameter)) {
                let mut domains = [DOMAIN, REPORTS].into_iter();
                findings.extend(domains.find_map(|it| self.lets_in(parameter, entry, it, tools)));
            }
        }
        findings
    }

    /// One entry of such a list, if it makes this domain one of Postfix's.
    fn lets_in(
        &self,
        parameter: &str,
        entry: &str,
        domain: &str,
        tools: &Tools,
    ) -> Option<Finding> {
        let mend = if entry.contains(':') {
            // One that cannot be looked up lets nobody in.
            let line = tools.look_up(entry, domain).ok().flatten()?;
            Mend::Without { file: source(entry), line: format!("{domain}    {line}") }
        } else if entry == domain {
            let others = words(self.postfix.get(parameter)).into_iter();
            let others = others.filter(|other| *other != entry).collect::<Vec<_>>().join(" ");
            Mend::main_cf(format!("{parameter} = {others}").trim_end())
        } else {
            return None;
        };
        Some(Finding::doubtful(
            format!(
                "{parameter} has {domain}: where an smtpd does not ask the milter, everybody may write to it"
            ),
            mend,
        ))
    }
}

fn is_program(service: &Service) -> bool {
    let mut arguments = service.arguments.split_whitespace();
    service.program == "pipe" && arguments.any(|argument| argument == "report")
}
