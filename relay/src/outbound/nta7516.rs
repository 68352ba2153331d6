//! NTA 7516: asks for the records of both domains. What they say is read in `zegel_core::nta7516`; what follows from it, that
//! mail goes over DANE only and to which hosts, is a [`Way`](super::Way) and a floor like any other. Its successor takes the
//! place of these two files.

use std::time::Duration;

use tokio::time::timeout;
use zegel_core::address::Domain;
use zegel_core::moment::Moment;
use zegel_core::nta7516::{Published, Unqualified, Verdict, qualifies};

use crate::config;
use crate::dns::{Answer, Found, Resolver};

/// For both look-ups together: three times what the resolver takes for one question.
const LOOKUPS_TIME_MAX: Duration = Duration::from_mins(1);

/// Who takes part, and whom to ask.
#[derive(Debug)]
pub(super) struct Nta7516 {
    resolver: Resolver,
    /// `None`: it is not set up.
    settings: Option<config::Nta7516>,
}

impl Nta7516 {
    pub(super) fn new(resolver: Resolver, settings: Option<&config::Nta7516>) -> Self {
        Self { resolver, settings: settings.cloned() }
    }

    /// Whether mail from one domain to the other goes by NTA 7516 now.
    pub(super) async fn ask(&self, sender: &Domain, recipient: &Domain, now: Moment) -> Verdict {
        let Some(settings) = self.settings.as_ref().filter(|it| it.domains.contains(sender)) else {
            return Verdict::No(Unqualified::NotSetUp);
        };
        if settings.exclude.iter().any(|excluded| recipient.is_within(excluded)) {
            return Verdict::No(Unqualified::Excluded);
        }
        let look_ups = async { tokio::join!(self.published(sender), self.published(recipient)) };
        match timeout(LOOKUPS_TIME_MAX, look_ups).await {
            Ok((sender, recipient)) => qualifies(&sender, &recipient, now),
            Err(_) => Verdict::Unknown,
        }
    }

    /// What stands on top of a message that goes this way.
    pub(super) fn header(&self) -> String {
        let header = self.settings.as_ref().and_then(|settings| settings.header.as_ref());
        header.map(config::HeaderLine::line).unwrap_or_default()
    }

    /// The record stands at the mail domain itself.
    async fn published(&self, domain: &Domain) -> Published {
        match self.resolver.txt(domain.as_str()).await {
            Answer::Found(Found { records, secure, .. }) => {
                Published::Texts { texts: records, secure }
            }
            Answer::Nothing(_) => Published::Nothing,
            Answer::Unknown(_) => Published::Unknown,
        }
    }
}
