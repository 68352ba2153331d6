//! Filters that Postfix hands mail to, and that hand it back: the milter stands on one side of them. The route is set at the
//! end of the message, after every other FILTER and `content_filter`, and the last one counts.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::Postfixed;
use super::postconf::{Service, words};
use super::route::Route;
use super::tools::{Tools, source};
use crate::cli::doctor::finding::{Finding, Mend};
use crate::route::{HEADER, TO_RELAY};

/// By what an smtpd hands mail to a filter, and what then becomes of the milter's work.
const FILTERS: [(&str, &str); 2] = [
    ("content_filter", "the route comes after it, so that selected mail skips that filter"),
    ("smtpd_proxy_filter", "no milter sees a whole message before such a filter"),
];

/// Tables of cleanup(8) that may hold a FILTER.
const CHECKS: [&str; 4] =
    ["header_checks", "mime_header_checks", "nested_header_checks", "body_checks"];

/// Lists of smtpd(8) that may name access(5) tables.
const RESTRICTIONS: [&str; 8] = [
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
    "smtpd_etrn_restrictions",
];

/// A header by which a submitter says what the relay is to do.
pub(super) const WISH: &str = "zivver-direct-delivery: tls";

/// What takes a header away, or the message with it.
pub(super) const TAKES: [&str; 5] = ["IGNORE", "STRIP", "REPLACE", "DISCARD", "REJECT"];

impl Postfixed<'_> {
    pub(super) fn is_filtered(&self, service: &Service) -> bool {
        FILTERS.iter().any(|(parameter, _)| !self.postfix.of(service, parameter).is_empty())
    }

    /// The smtpd to which filters hand mail back, if it asks the milter.
    pub(super) fn behind_filters(&self) -> Option<&Service> {
        self.asking().find(|service| !self.is_filtered(service) && is_local(service))
    }

    pub(super) fn filters(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for service in self.asking() {
            for (parameter, what) in FILTERS {
                let value = self.postfix.of(service, parameter);
                if value.is_empty() {
                    continue;
                }
                let what = format!("{}: {parameter} = {value}: {what}", service.label());
                let mend = self.to_behind(service);
                findings.push(if parameter == "content_filter" {
                    Finding::doubtful(what, mend)
                } else {
                    Finding::wrong(what, mend)
                });
            }
        }
        findings.extend(self.filtered_pickup());
        findings.extend(self.trusted_filter());
        findings
    }

    /// Gives the milter to the smtpd behind the filter instead.
    fn to_behind(&self, service: &Service) -> Mend {
        let behind =
            self.postfix.run("smtpd").find(|behind| !self.is_filtered(behind) && is_local(behind));
        let Some(behind) = behind else {
            return Mend::advice(
                "Give smtpd_milters to the smtpd to which the filter hands mail back, and to no other.",
            );
        };
        let list = |service| self.without_ours(self.postfix.of(service, "smtpd_milters"));
        let now = self.before(&list(behind));
        Mend::Run(format!(
            "{}\n{}",
            self.postfix.give(behind, &format!("smtpd_milters={now}")),
            self.postfix.give(service, &format!("smtpd_milters={}", list(service))),
        ))
    }

    /// The same for mail of sendmail(1): a filter hands it back by SMTP, where it is asked about.
    fn filtered_pickup(&self) -> Option<Finding> {
        let pickup = self.postfix.run("pickup").find(|service| self.is_filtered(service))?;
        let list = self.postfix.get("non_smtpd_milters");
        let others = self.without_ours(list);
        self.behind_filters().filter(|_| others != self.ours_first(list))?;
        Some(Finding::doubtful(
            format!(
                "{}: content_filter: mail of sendmail(1) is asked about before the filter and behind it, and what is selected skips it",
                pickup.label()
            ),
            Mend::main_cf(format!("non_smtpd_milters = {others}").trim_end()),
        ))
    }

    /// What a filter hands back comes from the loopback, wherever it came from before.
    fn trusted_filter(&self) -> Option<Finding> {
        let behind = self.behind_filters()?;
        let filtered = self.postfix.run("smtpd").any(|service| self.is_filtered(service));
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let trusted = self.milter.control_headers.networks.iter().any(|net| net.contains(here));
        (filtered && trusted).then(|| {
            Finding::doubtful(
                format!("{} takes mail back from a filter, and everybody's zivver- headers count there, since it comes from the loopback", behind.label()),
                Mend::milter_toml("[control-headers]\nnetworks = []"),
            )
        })
    }

    /// What stands in tables.
    pub(super) fn tables(&self, tools: &Tools, route: &Route) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (parameter, table) in self.header_tables() {
            let header = format!("{HEADER}: {TO_RELAY}");
            let says = |header: &str| tools.look_up(&table, header).ok().flatten();
            if says(&header).is_some_and(|action| Route::Action(action) == *route) {
                findings.push(Finding::wrong(
                    format!("{parameter} has the route: whoever writes {header} into a message sends it to the relay"),
                    self.without_table(&parameter, &table),
                ));
                continue;
            }
            if says(WISH).is_some_and(|action| starts_with(&action, &TAKES)) {
                findings.push(Finding::wrong(
                    format!("{parameter}: {table} takes {WISH:?} from messages before the milter and the relay see it"),
                    Mend::advice(format!("Take the entry that matches it out of {table}.")),
                ));
            }
            findings.extend(filter_in(tools, &parameter, &table));
        }
        for (parameter, table) in self.access_tables() {
            findings.extend(filter_in(tools, &parameter, &table));
        }
        findings
    }

    /// The tables that headers and bodies are looked up in, each with the parameter that names it.
    fn header_tables(&self) -> Vec<(String, String)> {
        let places = self.postfix.run("cleanup").flat_map(|service| {
            CHECKS.map(|parameter| (parameter, words(self.postfix.of(service, parameter))))
        });
        once(places)
    }

    /// Likewise the tables by which clients, senders and recipients are let in, where the milter is asked.
    fn access_tables(&self) -> Vec<(String, String)> {
        let mut parameters = words(self.postfix.get("smtpd_restriction_classes"));
        parameters.extend(RESTRICTIONS);
        let services: Vec<&Service> = self.asking().collect();
        let places = services.iter().flat_map(|service| {
            parameters.iter().map(|parameter| {
                (*parameter, access_maps(&words(self.postfix.of(service, parameter))))
            })
        });
        once(places)
    }

    fn without_table(&self, parameter: &str, table: &str) -> Mend {
        let tables = words(self.postfix.get(parameter)).into_iter();
        let others: Vec<&str> = tables.filter(|known| *known != table).collect();
        Mend::main_cf(format!("{parameter} = {}", others.join(", ")).trim_end())
    }
}

/// What stands behind each `check_…_access`.
fn access_maps<'a>(restrictions: &[&'a str]) -> Vec<&'a str> {
    let behind = restrictions.iter().skip(1).copied();
    let pairs = restrictions.iter().zip(behind);
    let named = pairs.filter(|(check, table)| {
        check.starts_with("check_") && check.ends_with("_access") && table.contains(':')
    });
    named.map(|(_, table)| table).collect()
}

/// Each table with the first parameter that names it.
fn once<'a>(places: impl Iterator<Item = (&'a str, Vec<&'a str>)>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    places
        .flat_map(|(parameter, tables)| tables.into_iter().map(move |table| (parameter, table)))
        .filter(|(_, table)| seen.insert(*table))
        .map(|(parameter, table)| (parameter.to_owned(), table.to_owned()))
        .collect()
}

/// The first FILTER of a table; nothing is known of a table that cannot be listed.
fn filter_in(tools: &Tools, parameter: &str, table: &str) -> Option<Finding> {
    let Ok(lines) = tools.list(table) else {
        return Some(Finding::unseen(
            format!(
                "{parameter}: {table} cannot be listed: a FILTER in it would have selected mail skip that filter"
            ),
            Mend::advice("Look for FILTER in it; what postmap -q tells about one key is no list."),
        ));
    };
    let line = lines.into_iter().find(|line| is_filter(line))?;
    Some(Finding::doubtful(
        format!(
            "{parameter}: {table} has a FILTER: the route comes after it, so that selected mail skips that filter"
        ),
        Mend::Without { file: source(table), line },
    ))
}

/// `FILTER transport:nexthop`, whatever stands before it.
fn is_filter(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).any(|pair| {
        matches!(pair, [verb, to] if verb.rsplit('=').next().is_some_and(|verb| verb.eq_ignore_ascii_case("FILTER")) && to.contains(':'))
    })
}

pub(super) fn starts_with(action: &str, verbs: &[&str]) -> bool {
    let verb = action.split_whitespace().next().unwrap_or_default();
    verbs.iter().any(|known| known.eq_ignore_ascii_case(verb))
}

/// Only this machine reaches it.
fn is_local(service: &Service) -> bool {
    let host = service.name.rsplit_once(':').map_or("", |(host, _)| host);
    service.kind == "unix"
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}
