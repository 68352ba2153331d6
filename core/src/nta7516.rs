//! NTA 7516, the Dutch norm for e-mail with personal health information: whether the sender's and the recipient's domain
//! both say that they follow it, and to which hosts mail between them goes. All that is known of the norm's record stands
//! here, so that its successor (NEN 7516 with NTA 7531) can take this module's place.
//!
//! The record is a TXT record at the mail domain itself:
//!
//! ```text
//! v=NTA7516-1;startdate=YYYY-MM;enddate=YYYY-MM;provider=NAME;ntamx=PREFERENCE HOST;ntamx=…
//! ```
//!
//! `v` comes first and is compared as it stands. The other fields come in any order, their names in any case, with white
//! space around them; those with unknown names are passed over. `startdate` and `enddate` are demanded and stand once, as
//! `provider` does when it is there. The first counts from the start of its month, the last to the end of its, UTC. There may
//! be any number of `ntamx`; without any, the domain's MX hosts take the mail.
//!
//! Nothing of it counts unless the answer is DNSSEC-secure, and a look-up that failed is neither a yes nor a no.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::address::Domain;
use crate::moment::Moment;

/// What begins every version of the record.
const ANY_VERSION: &str = "v=NTA7516";

/// The version that is read here.
const VERSION: &str = "v=NTA7516-1";

/// The form of the drafts, which never was valid.
const DRAFT: &str = "v=NTA7516";

/// What the DNS says to the question for a domain's TXT records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The strings of each record joined.
    Texts {
        texts: Vec<Vec<u8>>,
        secure: bool,
    },
    Nothing,
    Unknown,
}

/// Whether mail goes by NTA 7516.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Over DANE only, to these hosts, each with its preference; to the domain's MX hosts when there are none.
    Yes(Vec<(u16, Domain)>),
    No(Unqualified),
    /// A look-up failed that could have made it a yes.
    Unknown,
}

/// Why mail does not go by NTA 7516.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unqualified {
    /// The administrator has not put the sender's domain among those that take part.
    NotSetUp,
    /// The administrator has taken the recipient's domain out.
    Excluded,
    Sender(Fault),
    Recipient(Fault),
}

/// What is wrong with a domain's record.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    NoRecord,
    /// Nobody has signed it (DNSSEC), so that anybody may have written it.
    Insecure,
    Several,
    /// The form of the drafts, which never was valid.
    Draft,
    OtherVersion,
    Malformed,
    NotYet,
    Over,
}

/// A record that can be read.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    start: Month,
    end: Month,
    hosts: Vec<(u16, Domain)>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Month {
    year: i32,
    /// 1 to 12.
    month: u8,
}

/// Whether both domains follow the norm now. A clear "no" of one makes it a no, whatever cannot be looked up of the other.
pub fn qualifies(sender: &Published, recipient: &Published, now: Moment) -> Verdict {
    let (sender, recipient) = (sender.hosts(now), recipient.hosts(now));
    match (sender, recipient) {
        (Some(Err(fault)), _) => Verdict::No(Unqualified::Sender(fault)),
        (_, Some(Err(fault))) => Verdict::No(Unqualified::Recipient(fault)),
        (Some(Ok(_)), Some(Ok(hosts))) => Verdict::Yes(hosts),
        (None, _) | (_, None) => Verdict::Unknown,
    }
}

impl Published {
    /// The hosts of a record that counts now, or what is wrong with it; `None` when it is unknown.
    fn hosts(&self, now: Moment) -> Option<Result<Vec<(u16, Domain)>, Fault>> {
        match self {
            Self::Unknown => None,
            Self::Nothing => Some(Err(Fault::NoRecord)),
            Self::Texts { texts, secure } => Some(hosts(texts, *secure, now)),
        }
    }
}

fn hosts(texts: &[Vec<u8>], secure: bool, now: Moment) -> Result<Vec<(u16, Domain)>, Fault> {
    let mut records = texts.iter().filter(|text| text.starts_with(ANY_VERSION.as_bytes()));
    let record = records.next().ok_or(Fault::NoRecord)?;
    if !secure {
        return Err(Fault::Insecure);
    }
    if records.next().is_some() {
        return Err(Fault::Several);
    }
    let record = Record::read(str::from_utf8(record).map_err(|_| Fault::Malformed)?)?;
    let month = Month::of(now);
    if month < record.start {
        Err(Fault::NotYet)
    } else if month > record.end {
        Err(Fault::Over)
    } else {
        Ok(record.hosts)
    }
}

impl Record {
    fn read(text: &str) -> Result<Self, Fault> {
        let mut fields = text.split(';').map(str::trim).filter(|field| !field.is_empty());
        match fields.next() {
            Some(VERSION) => {}
            Some(DRAFT) => return Err(Fault::Draft),
            _ => return Err(Fault::OtherVersion),
        }
        let (mut start, mut end, mut provider, mut hosts) = (None, None, None, Vec::new());
        for field in fields {
            // Where a colon stands for the `=`, an `ntamx` would be passed over, and the mail go elsewhere.
            let (name, value) = field.split_once('=').ok_or(Fault::Malformed)?;
            match name.to_ascii_lowercase().as_str() {
                "startdate" => once(&mut start, Month::read(value)?)?,
                "enddate" => once(&mut end, Month::read(value)?)?,
                "provider" => once(&mut provider, value)?,
                "ntamx" => hosts.push(exchange(value)?),
                _ => {}
            }
        }
        let (start, end) = start.zip(end).ok_or(Fault::Malformed)?;
        if start > end { Err(Fault::Malformed) } else { Ok(Self { start, end, hosts }) }
    }
}

fn once<T>(field: &mut Option<T>, value: T) -> Result<(), Fault> {
    if field.replace(value).is_some() { Err(Fault::Malformed) } else { Ok(()) }
}

/// `PREFERENCE HOST`. A host that is none, such as an address or the root, spoils the record: mail must not go elsewhere than
/// the domain wants.
fn exchange(value: &str) -> Result<(u16, Domain), Fault> {
    let (preference, host) = value.split_once([' ', '\t']).ok_or(Fault::Malformed)?;
    let host = host.trim_start();
    let host = host.strip_suffix('.').unwrap_or(host).parse().map_err(|_| Fault::Malformed)?;
    Ok((number(preference)?, host))
}

impl Month {
    fn of(now: Moment) -> Self {
        let date = OffsetDateTime::from_unix_timestamp(now.0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self { year: date.year(), month: date.month().into() }
    }

    /// `YYYY-MM`.
    fn read(text: &str) -> Result<Self, Fault> {
        let (year, month) = text.split_once('-').ok_or(Fault::Malformed)?;
        if (year.len(), month.len()) != (4, 2) {
            return Err(Fault::Malformed);
        }
        let found = Self { year: i32::from(number::<u16>(year)?), month: number(month)? };
        if (1..=12).contains(&found.month) { Ok(found) } else { Err(Fault::Malformed) }
    }
}

/// Digits alone: no sign.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, Fault> {
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Fault::Malformed);
    }
    text.parse().map_err(|_| Fault::Malformed)
}

impl fmt::Display for Unqualified {
    /// One clause of plain English: "the sender's domain has no NTA 7516 record".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSetUp => f.write_str("NTA 7516 is not set up for the sender's domain"),
            Self::Excluded => f.write_str("the administrator has excluded the recipient's domain"),
            Self::Sender(fault) => write!(f, "the sender's domain {fault}"),
            Self::Recipient(fault) => write!(f, "the recipient's domain {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    /// Words that follow "the domain".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRecord => "has no NTA 7516 record",
            Self::Insecure => "has an NTA 7516 record that is not signed (DNSSEC)",
            Self::Several => "has more than one NTA 7516 record",
            Self::Draft => "has an NTA 7516 record in the obsolete form of the drafts",
            Self::OtherVersion => "has an NTA 7516 record of a version that is not known here",
            Self::Malformed => "has an NTA 7516 record that cannot be read",
            Self::NotYet => "has an NTA 7516 record whose period has not begun",
            Self::Over => "has an NTA 7516 record whose period is over",
        })
    }
}
