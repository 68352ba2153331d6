//! Where our notifications and codes come back to: addresses that we sign and know again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use zegel_core::address::{Address, Domain};
use zegel_core::moment::Moment;
use zegel_core::return_path::{MAC_CHARACTERS, ReturnPath};
use zegel_core::secret::same;

use crate::id::DeliveryId;
use crate::vault::{Keyring, Purpose, crockford};

/// How long a mail can come back: servers try for five days (RFC 5321, section 4.5.4.1), and so does the one behind them.
const LIFE: Duration = Duration::from_hours(10 * 24);

/// Mails for one delivery that are read in an hour: one notification, the codes of a day, and their delays, are fewer.
const READ_MAX: u32 = 20;
const READ_WITHIN: Duration = Duration::from_hours(1);

/// Deliveries whose mails are counted. Only who knows a signed address has a place here.
const COUNTED_MAX: u64 = 10_000;

/// The return paths of a domain of ours. Cheap to clone.
#[derive(Clone)]
pub struct Bounces {
    domain: Domain,
    keyring: Keyring,
    read: Cache<DeliveryId, u32>,
    unknown: Arc<AtomicU64>,
}

impl Bounces {
    pub fn new(domain: Domain, keyring: Keyring) -> Self {
        let read = Cache::builder().max_capacity(COUNTED_MAX).time_to_live(READ_WITHIN).build();
        Self { domain, keyring, read, unknown: Arc::default() }
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The address that a mail about this delivery comes back to; `None` if the domain leaves it no room.
    pub fn return_path(&self, delivery: DeliveryId, now: Moment) -> Option<Address> {
        let path = ReturnPath::new(delivery.to_string(), now.plus(LIFE));
        let mac = self.keyring.mac(Purpose::ReturnPath, &self.parts(&path.signed()));
        let local = path.local(crockford(&mac, MAC_CHARACTERS).reveal());
        format!("{local}@{}", self.domain).parse().ok()
    }

    /// The delivery that came back, if we wrote this address and its time is not over.
    pub fn recognise(&self, address: &Address, now: Moment) -> Option<DeliveryId> {
        if *address.domain() != self.domain {
            return None;
        }
        let (path, shown) = ReturnPath::read(address.local())?;
        let signed = path.signed();
        let genuine = self.keyring.macs(Purpose::ReturnPath, &self.parts(&signed));
        let genuine = genuine
            .iter()
            .any(|mac| same(crockford(mac, MAC_CHARACTERS).reveal().as_bytes(), shown.as_bytes()));
        (genuine && !path.is_over(now)).then(|| path.delivery.parse().ok()).flatten()
    }

    /// Whether one more mail about this delivery is to be read.
    pub fn may_read(&self, delivery: DeliveryId) -> bool {
        let read = self.read.get(&delivery).unwrap_or(0);
        self.read.insert(delivery, read.saturating_add(1));
        read < READ_MAX
    }

    /// Counts a mail that was not understood, and says how many it are since the start.
    pub fn count_unknown(&self) -> u64 {
        self.unknown.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn parts<'a>(&'a self, signed: &'a str) -> [&'a [u8]; 2] {
        [signed.as_bytes(), self.domain.as_str().as_bytes()]
    }
}

impl PartialEq for Bounces {
    /// Of one domain: a process has one key file.
    fn eq(&self, other: &Self) -> bool {
        self.domain == other.domain
    }
}

impl Eq for Bounces {}

impl fmt::Debug for Bounces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounces").field("domain", &self.domain).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000);

    fn bounces(domain: &str) -> Bounces {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&directory.path().join("relay.key")).unwrap();
        Bounces::new(domain.parse().unwrap(), keyring)
    }

    #[test]
    fn what_we_wrote_is_known_again_for_ten_days_whatever_its_case() {
        let (bounces, delivery) = (bounces("bounce.example.org"), DeliveryId::generate());
        let path = bounces.return_path(delivery, NOW).unwrap();
        assert_eq!(bounces.recognise(&path, NOW), Some(delivery));
        let shouted: Address = path.to_string().to_uppercase().parse().unwrap();
        assert_eq!(bounces.recognise(&shouted, NOW.plus(LIFE)), Some(delivery));
        assert_eq!(bounces.recognise(&path, NOW.plus(LIFE + Duration::from_hours(1))), None);
    }

    #[test]
    fn what_others_wrote_is_not() {
        let (bounces, other) = (bounces("bounce.example.org"), bounces("bounce.example.org"));
        let path = bounces.return_path(DeliveryId::generate(), NOW).unwrap();
        assert_eq!(other.recognise(&path, NOW), None, "another key");
        let elsewhere =
            Bounces { domain: "bounce.example.net".parse().unwrap(), ..bounces.clone() };
        let moved: Address = format!("{}@bounce.example.net", path.local()).parse().unwrap();
        assert_eq!(elsewhere.recognise(&moved, NOW), None, "another domain");
        let theirs = bounces.return_path(DeliveryId::generate(), NOW).unwrap();
        let mac = path.local().rsplit_once('-').unwrap().1;
        let swapped = format!("{}-{mac}", theirs.local().rsplit_once('-').unwrap().0);
        for local in [swapped.as_str(), "jan", "postmaster"] {
            let address: Address = format!("{local}@bounce.example.org").parse().unwrap();
            assert_eq!(bounces.recognise(&address, NOW), None, "{local}");
        }
    }

    #[test]
    fn so_many_mails_about_a_delivery_are_read_and_no_more() {
        let (bounces, delivery) = (bounces("bounce.example.org"), DeliveryId::generate());
        let read = (0..READ_MAX + 5).filter(|_| bounces.may_read(delivery)).count();
        assert_eq!(read, READ_MAX as usize);
        assert!(bounces.may_read(DeliveryId::generate()));
    }
}
