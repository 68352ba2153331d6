//! MTA-STS (RFC 8461): what a domain's policy makes of its hosts. [`Policies`](crate::policies::Policies) knows it.

use std::sync::Arc;

use tracing::info;
use zegel_core::address::Domain;
use zegel_core::dane::Demand;
use zegel_core::mta_sts::{Mode, Policy};
use zegel_core::transport::Authentic;

use super::mx::Host;

/// Applies a policy to a domain's hosts. What its TLSA records demand goes before it (RFC 8461, section 2); hosts that it does
/// not name get no mail, and an error says that none is left.
pub(super) fn apply(
    policy: Policy,
    hosts: Vec<Host>,
    domain: &Domain,
) -> Result<Vec<Host>, String> {
    let policy = Arc::new(policy);
    let enforced = policy.mode == Mode::Enforce;
    let mut left = Vec::new();
    for mut host in hosts {
        if needs_no_policy(&host) {
            left.push(host);
            continue;
        }
        let named = policy.names(&host.name);
        if enforced && !named {
            info!(%domain, host = %host.name, "{} is not named by the policy of {domain} (MTA-STS)", host.name);
            continue;
        }
        if enforced && host.authentic != Some(Authentic::Dnssec) {
            host.authentic = Some(Authentic::MtaSts);
        }
        host.policy = Some(Arc::clone(&policy));
        left.push(host);
    }
    if left.is_empty() {
        return Err(format!(
            "4.7.5 the policy of {domain} (MTA-STS) names none of its mail servers"
        ));
    }
    Ok(left)
}

/// Usable TLSA records say who the host is; and of one that nobody may connect to nobody needs to know.
pub(super) fn needs_no_policy(host: &Host) -> bool {
    matches!(host.demand, Demand::Match { .. }) || host.addresses.is_err()
}
