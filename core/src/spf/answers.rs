//! What the evaluation asks the DNS, and what is known so far.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One question for the DNS. Names are absolute: lower case, no final dot, labels apart by dots and otherwise to be
/// taken octet for octet (a label may hold a space, a slash or a backslash). An alias is followed by who answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    Txt(String),
    A(String),
    Aaaa(String),
    Mx(String),
    /// The names that the address has in `in-addr.arpa` or `ip6.arpa`.
    Ptr(IpAddr),
}

/// Three answers: a look-up that failed is never "no".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Records, in the order in which the DNS gave them.
    Found(Vec<T>),
    /// No such name, or none of these records at it: a void look-up (RFC 7208, section 4.6.4).
    Nothing,
    /// SERVFAIL, a time-out, no server.
    Unknown,
}

/// One TXT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Vec<u8>);

/// What is known so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    txt: BTreeMap<String, Answer<Text>>,
    a: BTreeMap<String, Answer<Ipv4Addr>>,
    aaaa: BTreeMap<String, Answer<Ipv6Addr>>,
    mx: BTreeMap<String, Answer<String>>,
    ptr: BTreeMap<IpAddr, Answer<String>>,
}

impl<T> Answer<T> {
    /// A list without anything in it is what the DNS calls no data.
    fn normal(self) -> Self {
        match self {
            Self::Found(records) if records.is_empty() => Self::Nothing,
            other => other,
        }
    }
}

impl Text {
    /// Octets of one record that are looked at. RFC 7208, section 3.4, wants a whole answer to fit into 512; a record
    /// that is longer than this is no policy that anybody wrote.
    pub const OCTETS_MAX: usize = 8192;

    /// The strings of a record, glued together without a separator (RFC 7208, section 3.3).
    pub fn of_strings<S: AsRef<[u8]>>(strings: impl IntoIterator<Item = S>) -> Self {
        let mut octets = Vec::new();
        for string in strings {
            octets.extend_from_slice(string.as_ref());
            if octets.len() > Self::OCTETS_MAX {
                // One octet too many is kept, or the record would read as a shorter one.
                octets.truncate(Self::OCTETS_MAX + 1);
                break;
            }
        }
        Self(octets)
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl Answers {
    pub fn txt(&mut self, name: &str, answer: Answer<Text>) {
        self.txt.insert(key(name), answer.normal());
    }

    pub fn a(&mut self, name: &str, answer: Answer<Ipv4Addr>) {
        self.a.insert(key(name), answer.normal());
    }

    pub fn aaaa(&mut self, name: &str, answer: Answer<Ipv6Addr>) {
        self.aaaa.insert(key(name), answer.normal());
    }

    /// The hosts, best first.
    pub fn mx(&mut self, name: &str, answer: Answer<String>) {
        self.mx.insert(key(name), answer.normal());
    }

    pub fn ptr(&mut self, address: IpAddr, answer: Answer<String>) {
        self.ptr.insert(address.to_canonical(), answer.normal());
    }

    pub(super) fn txt_of(&self, name: &str) -> Result<&Answer<Text>, Question> {
        self.txt.get(name).ok_or_else(|| Question::Txt(name.to_owned()))
    }

    pub(super) fn mx_of(&self, name: &str) -> Result<&Answer<String>, Question> {
        self.mx.get(name).ok_or_else(|| Question::Mx(name.to_owned()))
    }

    pub(super) fn ptr_of(&self, address: IpAddr) -> Result<&Answer<String>, Question> {
        self.ptr.get(&address).ok_or(Question::Ptr(address))
    }

    pub(super) fn a_of(&self, name: &str) -> Result<&Answer<Ipv4Addr>, Question> {
        self.a.get(name).ok_or_else(|| Question::A(name.to_owned()))
    }

    pub(super) fn aaaa_of(&self, name: &str) -> Result<&Answer<Ipv6Addr>, Question> {
        self.aaaa.get(name).ok_or_else(|| Question::Aaaa(name.to_owned()))
    }
}

fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strings_of_a_record_are_one_text_and_a_text_without_end_is_cut() {
        assert_eq!(
            Text::of_strings(["v=spf1 ip4:", "192.0.2.5 -all"]).octets(),
            b"v=spf1 ip4:192.0.2.5 -all"
        );
        assert_eq!(Text::of_strings::<&str>([]).octets(), b"");
        let long = Text::of_strings(std::iter::repeat_n([b'a'; 255], 300));
        assert_eq!(long.octets().len(), Text::OCTETS_MAX + 1);
    }

    #[test]
    fn an_answer_is_found_by_its_name_in_any_case_and_an_empty_one_is_nothing() {
        let mut answers = Answers::default();
        answers.a("Mail.Example.ORG.", Answer::Found(Vec::new()));
        assert_eq!(answers.a_of("mail.example.org"), Ok(&Answer::Nothing));
        assert_eq!(answers.a_of("example.org"), Err(Question::A("example.org".to_owned())));
    }
}
