//! Reports on TLS (RFC 8460): what a connection to a mail server says of the policy that its domain publishes, where the domain
//! wants to hear of it, and the report of one day. Numbers, hosts and policies stand in it; never a mail or an address.

use std::fmt;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use mail_builder::MessageBuilder;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::address::{Address, Domain};
use crate::dane::Demand;
use crate::moment::Moment;
use crate::mta_sts;
use crate::notice::Organisation;
use crate::notice::letter::{into_bytes, message_id, multipart, readable};
use crate::text::HeaderText;
use crate::transport::{Certificate, Miss, Seen};

/// Places that a domain can have reports sent to: more than one is rare.
pub const PLACES_MAX: usize = 5;

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// A day, UTC, counted from 1970.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

/// Where a domain wants its reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Mail(Address),
    /// An address of the form `https:`.
    Web(String),
}

/// The policy that a connection was made under (RFC 8460, section 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Policy {
    pub policy_type: PolicyType,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_string: Vec<String>,
    pub policy_domain: Domain,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mx_host: Vec<String>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyType {
    Tlsa,
    Sts,
    NoPolicyFound,
}

/// Connections that went alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    pub policy: Policy,
    /// What went wrong, in the words of RFC 8460, section 4.3, and at which host; `None` when nothing did.
    pub failure: Option<Failure>,
    pub count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    pub result_type: String,
    pub receiving_mx_hostname: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiving_ip: Option<String>,
}

/// The report to one domain on one day (RFC 8460, section 4.4).
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report<'a> {
    organization_name: &'a str,
    date_range: DateRange,
    contact_info: String,
    #[serde(rename = "report-id")]
    id: &'a str,
    policies: Vec<Part>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct DateRange {
    start_datetime: String,
    end_datetime: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Part {
    policy: Policy,
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failure_details: Vec<Detail>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Detail {
    #[serde(flatten)]
    failure: Failure,
    failed_session_count: u64,
}

/// The mail with a report (RFC 8460, section 5.3).
#[derive(Debug)]
pub struct Mail<'a> {
    pub organisation: &'a Organisation,
    pub to: &'a Address,
    /// The domain that the report is on.
    pub domain: &'a Domain,
    pub report_id: &'a str,
    pub day: Day,
    /// The report, compressed.
    pub content: &'a [u8],
    pub now: Moment,
}

/// Where a domain wants its reports, by the TXT records at `_smtp._tls.DOMAIN`; nowhere, when there is not exactly one record
/// that can be read (RFC 8460, section 3). Places that nothing can be sent to are passed over.
pub fn places(texts: &[Vec<u8>]) -> Vec<Place> {
    let is_record = |text: &&Vec<u8>| {
        let rest = text.strip_prefix(b"v=TLSRPTv1");
        rest.is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b';'))
    };
    let mut records = texts.iter().filter(is_record);
    let (Some(record), None) = (records.next(), records.next()) else { return Vec::new() };
    let Ok(text) = str::from_utf8(record) else { return Vec::new() };
    let values = text.split(';').skip(1).filter_map(|field| field.trim().strip_prefix("rua="));
    let places = values.take(1).flat_map(|value| value.split(','));
    places.filter_map(|place| Place::read(place.trim())).take(PLACES_MAX).collect()
}

impl Place {
    /// Reads what it shows itself as, which is a URI.
    pub fn read(uri: &str) -> Option<Self> {
        // A comma, an exclamation mark or a semicolon would be written by its number (RFC 8460, section 3); such places are
        // passed over, as nobody has them.
        if let Some(address) = uri.strip_prefix("mailto:") {
            return address.parse().ok().map(Self::Mail);
        }
        let rest = uri.strip_prefix("https://")?;
        let is_uri = !rest.is_empty() && rest.bytes().all(|octet| octet.is_ascii_graphic());
        is_uri.then(|| Self::Web(uri.to_owned()))
    }
}

impl Policy {
    /// What counts for a connection to one host: usable TLSA records, or the policy (MTA-STS).
    pub fn of(domain: &Domain, demand: &Demand, policy: Option<&mta_sts::Policy>) -> Self {
        let policy_domain = domain.clone();
        let (policy_type, policy_string, mx_host) = match (demand, policy) {
            (Demand::Match { pins, .. }, _) => {
                (PolicyType::Tlsa, pins.iter().map(ToString::to_string).collect(), Vec::new())
            }
            (Demand::Nothing | Demand::Encryption, Some(policy)) => {
                let hosts = policy.hosts.iter().map(ToString::to_string).collect();
                (PolicyType::Sts, policy.lines(), hosts)
            }
            (Demand::Encryption, None) => (PolicyType::Tlsa, Vec::new(), Vec::new()),
            (Demand::Nothing, None) => (PolicyType::NoPolicyFound, Vec::new(), Vec::new()),
        };
        Self { policy_type, policy_string, policy_domain, mx_host }
    }
}

/// What a connection says of its policy: nothing wrong, or what. `miss` is what it was given up for.
pub fn result(
    policy: Option<&mta_sts::Policy>,
    host: &Domain,
    seen: &Seen,
    miss: Option<Miss>,
) -> Result<(), &'static str> {
    if let Some(Miss::HandshakeFailed) = miss {
        return Err("validation-failure");
    }
    if seen.tls.is_none() {
        return Err("starttls-not-supported");
    }
    match (policy, seen.certificate) {
        (Some(policy), _) if !policy.names(host) => Err("validation-failure"),
        (Some(_), Certificate::Valid | Certificate::DaneValid) => Ok(()),
        (Some(_), fault) => Err(fault.failure()),
        // Without a policy (MTA-STS), a certificate only matters where it was demanded.
        (None, fault) => match miss {
            Some(Miss::Certificate(_)) => Err(fault.failure()),
            _ => Ok(()),
        },
    }
}

impl Certificate {
    fn failure(self) -> &'static str {
        match self {
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateHostMismatch => "certificate-host-mismatch",
            Self::CertificateNotTrusted => "certificate-not-trusted",
            Self::TlsaInvalid => "tlsa-invalid",
            Self::None
            | Self::Valid
            | Self::DaneValid
            | Self::CertificateNotYetValid
            | Self::ValidationFailure
            | Self::NotPinned => "validation-failure",
        }
    }
}

impl Day {
    pub fn of(now: Moment) -> Self {
        Self(now.0.div_euclid(SECONDS_OF_DAY))
    }

    /// Its first and its last second.
    fn bounds(self) -> (i64, i64) {
        let start = self.0.saturating_mul(SECONDS_OF_DAY);
        (start, start.saturating_add(SECONDS_OF_DAY - 1))
    }
}

impl<'a> Report<'a> {
    pub fn new(
        organisation: &'a Organisation,
        contact: &Address,
        report_id: &'a str,
        day: Day,
        sessions: &[Sessions],
    ) -> Self {
        let (start, end) = day.bounds();
        let mut policies: Vec<Part> = Vec::new();
        for Sessions { policy, failure, count } in sessions {
            let place = policies.iter().position(|part| part.policy == *policy);
            let place = place.unwrap_or_else(|| {
                let (summary, failure_details) = (Summary::default(), Vec::new());
                policies.push(Part { policy: policy.clone(), summary, failure_details });
                policies.len() - 1
            });
            if let Some(part) = policies.get_mut(place) {
                part.add(failure.as_ref(), *count);
            }
        }
        Self {
            organization_name: &organisation.name,
            date_range: DateRange { start_datetime: date(start), end_datetime: date(end) },
            contact_info: contact.to_string(),
            id: report_id,
            policies,
        }
    }
}

impl Part {
    fn add(&mut self, failure: Option<&Failure>, count: u64) {
        let Some(failure) = failure else {
            self.summary.total_successful_session_count += count;
            return;
        };
        self.summary.total_failure_session_count += count;
        self.failure_details.push(Detail { failure: failure.clone(), failed_session_count: count });
    }
}

impl Mail<'_> {
    pub fn compose(&self) -> Vec<u8> {
        let Self { organisation, to, domain, report_id, day, content, now } = self;
        let submitter = organisation.from.domain();
        let subject =
            format!("Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>");
        let words = format!(
            "This is the report of {} (RFC 8460) on TLS connections to the mail servers of {domain}.\r\n",
            organisation.name
        );
        let (start, end) = day.bounds();
        let file = format!("{submitter}!{domain}!{start}!{end}!{report_id}.json.gz");
        let report = MimePart::new("application/tlsrpt+gzip", content.to_vec()).attachment(file);
        let kind = multipart("multipart/report", report_id).attribute("report-type", "tlsrpt");
        let name = HeaderText::display_name(&organisation.name).to_string();
        let builder = MessageBuilder::new()
            .from((name, organisation.from.to_string()))
            .to(to.to_string())
            // Programs read it as it stands, so no encoded words.
            .header("Subject", Raw::new(HeaderText::new(&subject).to_string()))
            .date(Date::new(now.0))
            .message_id(message_id(report_id))
            .header("TLS-Report-Domain", Text::new(domain.to_string()))
            .header("TLS-Report-Submitter", Text::new(submitter.to_string()))
            .header("TLS-Required", Text::new("No"))
            .header("Auto-Submitted", Text::new("auto-generated"));
        into_bytes(builder.body(MimePart::new(kind, vec![readable("text/plain", &words), report])))
    }
}

/// The JSON of a report as it travels.
pub fn compress(json: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Into memory nothing fails.
    let _ = encoder.write_all(json);
    encoder.finish().unwrap_or_default()
}

fn date(seconds: i64) -> String {
    let moment = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::seconds(seconds));
    moment.format(&Rfc3339).unwrap_or_default()
}

impl fmt::Display for Place {
    /// A URI.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(address) => write!(f, "mailto:{address}"),
            Self::Web(uri) => f.write_str(uri),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_places(texts: &[&str], expected: &[&str]) {
        let octets: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let found: Vec<_> = places(&octets).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{texts:?}");
    }

    #[test]
    fn a_domain_names_the_places_for_its_reports() {
        check_places(&["v=TLSRPTv1; rua=mailto:tls@a.nl"], &["mailto:tls@a.nl"]);
        check_places(
            &["v=spf1 -all", "v=TLSRPTv1;rua=https://a.nl/v1 , mailto:tls@a.nl; x=y;"],
            &["https://a.nl/v1", "mailto:tls@a.nl"],
        );
        for none in [
            "v=TLSRPTv1",
            "v=TLSRPTv1; rua=",
            "v=TLSRPTv1; rua=http://a.nl/",
            "v=TLSRPTv1; rua=mailto:tls",
            "v=TLSRPTv1; rua=https://a.nl/a b",
            "v=TLSRPTv2; rua=mailto:tls@a.nl",
            " v=TLSRPTv1; rua=mailto:tls@a.nl",
        ] {
            check_places(&[none], &[]);
        }
        check_places(&["v=TLSRPTv1; rua=mailto:a@a.nl", "v=TLSRPTv1; rua=mailto:b@a.nl"], &[]);
        let many = format!("v=TLSRPTv1; rua={}", "mailto:a@a.nl,".repeat(9));
        check_places(&[&many], &["mailto:a@a.nl"; PLACES_MAX]);
    }

    #[test]
    fn days_are_those_of_utc() {
        for (moment, day) in [(0, 0), (86_399, 0), (86_400, 1), (-1, -1)] {
            assert_eq!(Day::of(Moment(moment)), Day(day), "{moment}");
        }
        let (start, end) = Day(20_000).bounds();
        assert_eq!(
            (date(start).as_str(), date(end).as_str()),
            ("2024-10-04T00:00:00Z", "2024-10-04T23:59:59Z")
        );
    }
}
