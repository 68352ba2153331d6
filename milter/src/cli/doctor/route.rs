//! The way from Postfix to the relay: the table, the transport, its limits, its socket.

use std::path::Path;

use nix::unistd::User;
use zegel_core::route::DOMAIN;

use super::finding::{Finding, Mend};
use super::postconf::{Postfix, Service};
use super::postfix::unreachable;
use super::reach::{Who, reach};
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

/// Findings, and where the relay is to be reached.
pub(super) fn examine(
    postfix: &Postfix,
    kind: Kind,
    route: &Route,
) -> (Vec<Finding>, Option<String>) {
    let way = match kind {
        Kind::Header => by_header(postfix, route),
        Kind::Recipient => by_recipient(route),
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
            format!("{}/{} has milter_header_checks of its own: what comes in by it may not be rerouted", cleanup.name, cleanup.kind),
            Mend::master_cf("(without -o milter_header_checks)"),
        ));
    }
    let Some(service) =
        postfix.services.iter().find(|service| service.name == transport && service.kind == "unix")
    else {
        findings.push(Finding::wrong(
            format!("the route leads to the transport {transport:?}, which master.cf does not have: selected mail stays in the queue"),
            Mend::master_cf(format!("{transport}     unix  -       -       n       -       -       lmtp")),
        ));
        return (findings, None);
    };
    findings.extend(limits(postfix, transport));
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
fn by_recipient(route: &Route) -> Result<(&str, &str), Finding> {
    let wrong = |what: String| {
        let line = format!("{DOMAIN}    zegel:unix:/run/zegel/relay.sock");
        Finding::wrong(
            what,
            Mend::Line { file: "a table of transport_maps (then postmap it)", line },
        )
    };
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
        Mend::Line { file: "/etc/zegel/postfix-route", line: ENTRY.to_owned() },
    )
}

/// A transaction less than a message's recipients splits a conversation.
fn limits(postfix: &Postfix, transport: &str) -> Option<Finding> {
    let name = format!("{transport}_destination_recipient_limit");
    let value = Some(postfix.get(&name)).filter(|value| !value.is_empty());
    let value = value.unwrap_or_else(|| postfix.get("default_destination_recipient_limit"));
    let taken: u32 = postfix.get("smtpd_recipient_limit").parse().unwrap_or(1000);
    let limit: u32 = value.parse().unwrap_or_default();
    // Postfix takes 0 for "no limit".
    (limit != 0 && limit < taken || value.parse::<u32>().is_err()).then(|| {
        Finding::wrong(
            format!("{name} is {value}, and smtpd_recipient_limit is {taken}: a message with more recipients is split, and its conversation with it"),
            Mend::main_cf(format!("{name} = {}", taken.max(2000))),
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
            Mend::master_cf(format!(
                "{}     unix  -       -       n       -       -       lmtp",
                service.name
            )),
        ));
    }
    if service.chroot && path.starts_with('/') {
        findings.push(Finding::wrong(
            format!(
                "the transport {:?} is chrooted, and the relay's socket {path} is outside",
                service.name
            ),
            Mend::master_cf(format!(
                "{}     unix  -       -       n       -       -       lmtp",
                service.name
            )),
        ));
    }
    let owner = postfix.get("mail_owner");
    if let Ok(Some(user)) = User::from_name(owner) {
        let who = Who { user: user.uid.as_raw(), group: user.gid.as_raw() };
        let whole = Path::new(postfix.get("queue_directory")).join(path);
        findings.extend(reach(&whole, who).err().map(|obstacle| unreachable(&obstacle, owner)));
    }
    findings
}
