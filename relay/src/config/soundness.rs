//! What a configuration is worth as a whole: what cannot work, and what works but should be otherwise.

use std::str::FromStr;

use zegel_core::address::Domain;
use zegel_core::transport::Floor;

use super::{Config, Dnssec, Ldap, Mode, Sms};

impl Config {
    /// What no single field can know to be wrong, each with what to do about it.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found: Vec<String> =
            self.zeros().map(|key| format!("{key}: 0 cannot work; set more")).collect();
        if self.retry().first > self.retry().max {
            found.push("retry.first is longer than retry.max; make it shorter".into());
        }
        if self.dns.dnssec == Dnssec::Trust {
            found.extend(self.dns.servers.iter().filter(|server| !server.ip().is_loopback()).map(
                |server| {
                    format!(
                        "dns.servers: the word of {server} about signatures can be forged on its way here; with dns.dnssec = \
                         \"trust\" name servers of this machine alone, or set \"validate\""
                    )
                },
            ));
        }
        if self.portal.link_days == 0 {
            found.push("portal.link-days: 0 days leave no time to read; set at least 1".into());
        }
        found.extend(self.taken_bounce_domain());
        found.extend(self.gateway.contradictions(self.portal.listen));
        found.extend(self.way_contradictions());
        found.extend(self.directory.ldap.iter().flat_map(Ldap::contradictions));
        found.extend(self.sms.iter().flat_map(Sms::contradictions));
        found
    }

    /// Numbers that must not be 0: with some, mail would be taken and never sent; with others, tried without a pause.
    fn zeros(&self) -> impl Iterator<Item = &'static str> {
        let (limits, retry) = (&self.limits, self.retry());
        let numbers = [
            ("limits.message-size-max", limits.message_size_max == 0),
            ("limits.recipients-max", limits.recipients_max == 0),
            ("limits.lmtp-connections-max", limits.lmtp_connections_max == 0),
            ("limits.smtp-connections-max", limits.smtp_connections_max == 0),
            (
                "limits.smtp-connections-per-address-max",
                limits.smtp_connections_per_address_max == 0,
            ),
            ("limits.deliveries-max", limits.deliveries_max == 0),
            ("limits.portal-connections-max", limits.portal_connections_max == 0),
            ("retry.first", retry.first.is_zero()),
            ("retry.max", retry.max.is_zero()),
            ("retry.lifetime", retry.lifetime.is_zero()),
        ];
        numbers.into_iter().filter_map(|(key, zero)| zero.then_some(key))
    }

    /// What works but should be otherwise.
    pub fn advice(&self) -> Vec<String> {
        let found = [
            self.foreign_portal(),
            self.nameless_visitors(),
            self.open_socket(),
            self.lost_switches(),
            self.lost_bounces(),
        ];
        found.into_iter().flatten().chain(self.gateway.advice()).collect()
    }

    /// DANE needs signatures: a policy that counts on what is not there sends everything to the portal.
    fn lost_switches(&self) -> Option<String> {
        let out_of_reach = match self.policy.transport {
            Some(Floor::Impossible) => true,
            Some(Floor::Dane) => self.dns.dnssec == Dnssec::Off,
            Some(Floor::Tls | Floor::Pkix) | None => false,
        };
        out_of_reach.then(|| {
            "policy.transport: no connection ever meets it, so that all goes to the portal; set \"tls\", \"pkix\", or with \
             dns.dnssec other than \"off\" also \"dane\""
                .to_owned()
        })
    }

    /// All its mail but what comes back to us is refused: people may not have their addresses there.
    fn taken_bounce_domain(&self) -> Option<String> {
        let (domain, from) = (self.bounce_domain.as_ref()?, self.organisation.from.domain());
        let inbox = self.inbound.iter().find(|inbound| inbound.domain == *domain);
        (domain == from || inbox.is_some()).then(|| {
            format!(
                "bounce-domain: {domain} has mailboxes, whose mail would be refused; set a domain of its own, such as \
                 bounce.{from}"
            )
        })
    }

    fn lost_bounces(&self) -> Option<String> {
        let from = self.organisation.from.domain();
        let Some(domain) = &self.bounce_domain else {
            return Some(format!(
                "bounce-domain: absent, so that no sender hears of a notification that comes back; set bounce.{from}, whose \
                 mail must come to the relay"
            ));
        };
        (!domain.is_within(from)).then(|| {
            format!(
                "bounce-domain: {domain} is not under {from}, so that SPF says nothing of the address that notifications come \
                 from (DMARC); set bounce.{from}"
            )
        })
    }

    fn foreign_portal(&self) -> Option<String> {
        let portal = self.portal.public_origin.host();
        let portal = portal.split(':').next().unwrap_or(portal);
        let own = self.organisation.from.domain();
        if Domain::from_str(portal).is_ok_and(|portal| portal.is_within(own)) {
            return None;
        }
        Some(format!(
            "portal.public-origin: {portal} is not under {own}, the domain that notifications come from; readers and spam \
             filters distrust such links"
        ))
    }

    fn open_socket(&self) -> Option<String> {
        let Mode(mode) = self.lmtp.mode;
        (mode & 0o007 != 0).then(|| {
            format!(
                "lmtp.mode: with {mode:04o} every user of this machine may submit as any author; leave others out, and name \
                 the mail server's group"
            )
        })
    }

    /// Behind a proxy that is not believed all visitors have the proxy's address, and share its limits.
    fn nameless_visitors(&self) -> Option<String> {
        let behind_proxy = self.portal.tls.is_none();
        (behind_proxy && self.portal.trusted_proxies.is_empty()).then(|| {
            "portal.trusted-proxies: empty, so that all visitors who come by the proxy count as one, who may ask for few \
             codes; name the proxy, and have it set X-Forwarded-For and X-Forwarded-Proto"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::LEAST;
    use super::*;

    #[test]
    fn a_schedule_that_cannot_be_kept_is_found() {
        let hasty = format!("{LEAST}\n[retry]\nfirst = \"2h\"\nmax = \"1h\"");
        let found = Config::parse(&hasty).unwrap().contradictions();
        assert!(found.iter().any(|problem| problem.starts_with("retry.first")), "{found:?}");
    }

    #[test]
    fn a_number_that_would_stop_everything_is_found() {
        for (table, key) in [
            ("limits", "message-size-max = 0"),
            ("limits", "recipients-max = 0"),
            ("limits", "lmtp-connections-max = 0"),
            ("limits", "smtp-connections-max = 0"),
            ("limits", "smtp-connections-per-address-max = 0"),
            ("limits", "deliveries-max = 0"),
            ("limits", "portal-connections-max = 0"),
            ("retry", "first = \"0s\""),
            ("retry", "first = \"0s\"\nmax = \"0s\""),
            ("retry", "lifetime = \"0d\""),
        ] {
            let found = Config::parse(&format!("{LEAST}\n[{table}]\n{key}")).unwrap();
            let found = found.contradictions();
            let name = format!("{table}.{}: 0 ", key.split(' ').next().unwrap());
            assert!(found.iter().any(|problem| problem.starts_with(&name)), "{key}: {found:?}");
        }
    }

    #[test]
    fn a_name_server_is_only_trusted_on_this_machine() {
        let found = |server: &str| {
            let lines = format!("{LEAST}[dns]\ndnssec = \"trust\"\nservers = [\"{server}\"]");
            Config::parse(&lines).unwrap().contradictions()
        };
        assert_eq!(found("127.0.0.53:53"), Vec::<String>::new());
        assert_eq!(found("[::1]:53"), Vec::<String>::new());
        assert!(found("192.0.2.1:53").iter().any(|problem| problem.starts_with("dns.servers: ")));
    }

    #[test]
    fn a_bounce_domain_is_of_its_own_and_below_ours() {
        let config = |domain: &str| {
            Config::parse(&format!("bounce-domain = \"{domain}\"\n{LEAST}")).unwrap()
        };
        let says = |found: Vec<String>| found.iter().any(|one| one.starts_with("bounce-domain: "));
        assert!(says(Config::parse(LEAST).unwrap().advice()));
        for (domain, contradicts, advised) in [
            ("bounce.example.org", false, false),
            ("example.org", true, false),
            ("bounce.example.net", false, true),
        ] {
            let config = config(domain);
            assert_eq!(says(config.contradictions()), contradicts, "{domain}");
            assert_eq!(says(config.advice()), advised, "{domain}");
        }
    }

    #[test]
    fn what_works_but_is_unwise_is_advised_against() {
        let advised = |key: &str, lines: &str| {
            let advice = Config::parse(&format!("{LEAST}{lines}")).unwrap().advice();
            advice.iter().any(|advice| advice.starts_with(key))
        };
        let proxies = "portal.trusted-proxies: ";
        assert!(advised(proxies, ""));
        assert!(!advised(proxies, "trusted-proxies = [\"127.0.0.1\"]"));
        assert!(!advised(proxies, "tls = { certificate = \"c.pem\", private-key = \"k.pem\" }"));
        assert!(advised("lmtp.mode: ", "[lmtp]\nmode = \"0666\""));
        assert!(!advised("lmtp.mode: ", "[lmtp]\nmode = \"0660\""));
        assert!(!advised("policy.", "[policy]\nemail = false"));
        let dane = "[policy]\ntransport = \"dane\"\n";
        assert!(!advised("policy.transport: ", dane));
        assert!(advised("policy.transport: ", &format!("{dane}[dns]\ndnssec = \"off\"")));
        assert!(!advised("policy.", "[policy]\ntransport = \"pkix\""));
    }
}
