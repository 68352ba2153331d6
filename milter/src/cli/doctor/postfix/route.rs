//! The way from Postfix to the relay: the table, the transport, its limits, its socket.

use std::path::Path;

use nix::unistd::User;
use zegel_core::route::DOMAIN;

use super::filters::{TAKES, WISH, starts_with};
use super::postconf::{Postfix, Service};
use super::reports;
use super::tools::Tools;
use crate::cli::doctor::finding::{Finding, Mend};
use crate::cli::doctor::reach::{self, Who, Whose};
use crate::route::Route as Kind;

/// What `milter_header_checks` says about the header that the milter adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    None,
    Broken(String),
    Action(String),
}

const TABLE: &str = "milter_header_checks = regexp:/etc/zegel/postfix-route";
const ENTRY: &str = "/^X-Zegel-Route: *relay\\//    FILTER zegel:unix:/run/zegel/relay.sock";

/// A transport to the relay in master.cf, behind its name.
const SERVICE: &str = "     unix  -       -       n       -       -       lmtp";

/// Findings, and where the relay is to be reached.
pub(super) fn examine(
    postfix: &Postfix,
    kind: Kind,
    route: &Route,
    tools: &Tools,
) -> (Vec<Finding>, Option<String>) {
    let way = match kind {
        Kind::Header => by_header(postfix, route),
        Kind::Recipient => by_recipient(postfix, route),
    };
    let (transport, next_hop) = match way {
        Ok(way) => way,
        Err(finding) => return (vec![finding], None),
    };
    let mut findings = Vec::new();
    for cleanup in
        postfix.run("cleanup").filter(|service| service.own.contains_key("milter_header_checks"))
    {
        findings.push(Finding::wrong(
            format!(
                "{} has milter_header_checks of its own: what comes in by it may not be rerouted",
                cleanup.label()
            ),
            Mend::Run(postfix.take(cleanup, "milter_header_checks")),
        ));
    }
    let Some(service) =
        postfix.services.iter().find(|service| service.name == transport && service.kind == "unix")
    else {
        findings.push(Finding::wrong(
            format!("the route leads to the transport {transport:?}, which master.cf does not have: selected mail stays in the queue"),
            Mend::master_cf(format!("{transport}{SERVICE}")),
        ));
        return (findings, None);
    };
    findings.extend(limits(postfix, transport));
    findings.extend(headers_lost(postfix, service, tools));
    findings.extend(reached(postfix, service, next_hop));
    let at = match next_hop.strip_prefix("unix:") {
        Some(path) => {
            format!("unix:{}", Path::new(postfix.get("queue_directory")).join(path).display())
        }
        None => next_hop.to_owned(),
    };
    (findings, Some(at))
}

/// Transport and next hop of the FILTER that the header brings.
fn by_header<'a>(postfix: &Postfix, route: &'a Route) -> Result<(&'a str, &'a str), Finding> {
    let action = match route {
        Route::Action(action) => action,
        Route::Broken(why) => {
            return Err(Finding::wrong(
                format!(
                    "milter_header_checks cannot be looked up, so no mail is taken at all: {why}"
                ),
                Mend::main_cf(TABLE),
            ));
        }
        Route::None if postfix.get("milter_header_checks").is_empty() => {
            return Err(Finding::wrong(
                "milter_header_checks is not set: selected mail goes out as ordinary mail",
                Mend::main_cf(TABLE),
            ));
        }
        Route::None => return Err(no_entry("has no entry for the route")),
    };
    let filter = action
        .split_once(char::is_whitespace)
        .filter(|(verb, _)| verb.eq_ignore_ascii_case("FILTER"));
    filter
        .and_then(|(_, to)| to.trim().split_once(':'))
        .ok_or_else(|| no_entry("has an entry for the route that is no FILTER"))
}

/// Transport and next hop of the pseudo-domain.
fn by_recipient<'a>(postfix: &Postfix, route: &'a Route) -> Result<(&'a str, &'a str), Finding> {
    let wrong = |what: String| Finding::wrong(what, reports::transports(postfix, true));
    match route {
        Route::Action(to) => to
            .split_once(':')
            .ok_or_else(|| wrong(format!("transport_maps has no transport for {DOMAIN}"))),
        Route::None => Err(wrong(format!(
            "transport_maps has no way for {DOMAIN}: selected mail comes back to its sender"
        ))),
        Route::Broken(why) => Err(wrong(format!(
            "transport_maps cannot be looked up, so no mail goes anywhere: {why}"
        ))),
    }
}

fn no_entry(what: &str) -> Finding {
    Finding::wrong(
        format!(
            "the table of milter_header_checks {what}: selected mail goes out as ordinary mail"
        ),
        Mend::line("/etc/zegel/postfix-route", ENTRY),
    )
}

/// Fewer recipients at once than a message may have split a conversation: at once in a transaction, or in the queue
/// manager's memory.
fn limits(postfix: &Postfix, transport: &str) -> Vec<Finding> {
    let taken = |service| postfix.of(service, "smtpd_recipient_limit").parse().unwrap_or(1000);
    let taken: u32 = postfix.run("smtpd").map(taken).max().unwrap_or(1000);
    let names = [
        (format!("{transport}_destination_recipient_limit"), "default_destination_recipient_limit"),
        (format!("{transport}_recipient_limit"), "default_recipient_limit"),
    ];
    let limit = |(name, default): (String, &str)| {
        let own = Some(postfix.get(&name)).filter(|value| !value.is_empty());
        let value = own.unwrap_or_else(|| postfix.get(default));
        // Postfix takes 0 for "no limit".
        let enough = value.parse().is_ok_and(|limit: u32| limit == 0 || limit >= taken);
        (!enough).then(|| {
            Finding::wrong(
                format!("{name} is {value}, and smtpd_recipient_limit is {taken}: a message with more recipients is split, and its conversation with it"),
                Mend::main_cf(format!("{name} = {}", taken.max(2000))),
            )
        })
    };
    names.into_iter().filter_map(limit).collect()
}

/// A delivery agent may change headers on the way out too.
fn headers_lost(postfix: &Postfix, service: &Service, tools: &Tools) -> Option<Finding> {
    let name = format!("{}_header_checks", service.program);
    let tables = postfix.of(service, &name);
    // One that cannot be looked up keeps mail in the queue, and changes nothing.
    let action = tools.look_up_in(tables, WISH).ok().flatten()?;
    starts_with(&action, &TAKES).then(|| {
        Finding::wrong(
            format!("{name} = {tables}: it takes {WISH:?} from messages on their way to the relay"),
            Mend::Run(postfix.give(service, &format!("{name}="))),
        )
    })
}

fn reached(postfix: &Postfix, service: &Service, next_hop: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(path) = next_hop.strip_prefix("unix:") else { return findings };
    if service.program != "lmtp" {
        findings.push(Finding::wrong(
            format!(
                "the transport {:?} runs {}, and only lmtp reaches a unix socket",
                service.name, service.program
            ),
            Mend::master_cf(format!("{}{SERVICE}", service.name)),
        ));
    }
    if service.chroot && path.starts_with('/') {
        findings.push(Finding::wrong(
            format!(
                "the transport {:?} is chrooted, and the relay's socket {path} is outside",
                service.name
            ),
            Mend::master_cf(format!("{}{SERVICE}", service.name)),
        ));
    }
    let owner = postfix.get("mail_owner");
    if let Ok(Some(user)) = User::from_name(owner) {
        let who = Who { user: user.uid.as_raw(), group: user.gid.as_raw() };
        let whole = Path::new(postfix.get("queue_directory")).join(path);
        findings.extend(reach::examine(&whole, Whose::Relay, who, owner));
    }
    findings
}
