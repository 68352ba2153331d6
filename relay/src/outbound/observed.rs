//! What one new connection says of the policy of the recipient's domain (RFC 8460).

use zegel_core::address::Domain;
use zegel_core::tls_report::{self, Failure, Policy};
use zegel_core::transport::Seen;

use super::client::{Kind, Peer, Setback};

/// The policy that it was opened under, and what was missing; `None` when it did not come to speak of TLS.
pub(super) fn observed(
    domain: &Domain,
    peer: Peer<'_>,
    opened: Result<&Seen, &Setback>,
) -> Option<(Policy, Option<Failure>)> {
    let (seen, miss) = match opened {
        Ok(seen) => (seen, None),
        Err(Setback { kind: Kind::Short { miss, .. } | Kind::Missed(miss), seen }) => {
            (&**seen, Some(*miss))
        }
        Err(_) => return None,
    };
    let host = peer.host;
    let policy = Policy::of(domain, &host.demand, host.policy.as_deref());
    let failure = tls_report::result(host.policy.as_deref(), &host.name, seen, miss).err();
    let failure = failure.map(|what| Failure {
        result_type: what.to_owned(),
        receiving_mx_hostname: host.name.to_string(),
        receiving_ip: Some(peer.address.ip().to_string()),
    });
    Some((policy, failure))
}
