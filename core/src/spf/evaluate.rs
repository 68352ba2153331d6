//! `check_host()` (RFC 7208, sections 4 to 6).

use std::net::IpAddr;

use ipnet::IpNet;

use super::answers::{Answer, Answers, Question, Text};
use super::macros::{Letter, MacroString, Place};
use super::name::Name;
use super::record::{Mechanism, Qualifier, Record, Widths, terms_of};
use super::{Claim, Evidence, Explanation, Fault, Match, Outcome, Step, Term, Why};

/// RFC 7208, section 4.6.4: terms that ask the DNS.
const TERMS_MAX: usize = 10;

/// RFC 7208, section 4.6.4: terms for which the DNS has nothing.
const VOIDS_MAX: usize = 2;

/// RFC 7208, section 4.6.4: names of mail servers, or of one address, whose addresses are looked up.
const HOSTS_MAX: usize = 10;

/// Questions of a whole evaluation: the first policy; each term, with the addresses of its hosts; the explanation, and
/// the names of the client in it.
pub const QUESTIONS_MAX: usize = 1 + TERMS_MAX * (1 + HOSTS_MAX) + 1 + (1 + HOSTS_MAX);

/// Why the evaluation cannot go on.
enum Stop {
    Ask(Question),
    Settled(Outcome),
}

/// What one domain's record says.
enum Verdict {
    NoRecord,
    Neutral,
    SoftFail,
    Pass(Vec<Match>),
    /// With the domain whose record said so, and where its explanation is.
    Fail(Option<(Name, MacroString)>),
}

struct Run<'a> {
    claim: &'a Claim<'a>,
    answers: &'a Answers,
    terms: usize,
    voids: usize,
    /// The DNS had nothing for the term in hand.
    void: bool,
}

/// Evaluates as far as the answers reach.
pub(super) fn run(claim: &Claim<'_>, answers: &Answers) -> Step {
    // RFC 7208, section 4.3: a malformed domain has no policy.
    let Some(domain) = Name::exact(claim.domain) else { return Step::Settled(Outcome::None) };
    let mut run = Run { claim, answers, terms: 0, voids: 0, void: false };
    match run.outcome(&domain) {
        Ok(outcome) | Err(Stop::Settled(outcome)) => Step::Settled(outcome),
        Err(Stop::Ask(question)) => Step::Ask(question),
    }
}

impl Run<'_> {
    fn outcome(&mut self, domain: &Name) -> Result<Outcome, Stop> {
        Ok(match self.host(domain)? {
            Verdict::NoRecord => Outcome::None,
            Verdict::Neutral => Outcome::Neutral,
            Verdict::SoftFail => Outcome::SoftFail,
            Verdict::Pass(matched) => {
                Outcome::Pass(Evidence { domain: domain.as_str().to_owned(), matched })
            }
            Verdict::Fail(None) => Outcome::Fail(None),
            Verdict::Fail(Some((said_by, place))) => {
                Outcome::Fail(self.explanation(&said_by, &place)?)
            }
        })
    }

    fn host(&mut self, domain: &Name) -> Result<Verdict, Stop> {
        let Some(record) = self.record(domain)? else { return Ok(Verdict::NoRecord) };
        for directive in record.directives {
            let Some(matched) = self.matched(&directive.mechanism, domain)? else { continue };
            return Ok(match directive.qualifier {
                Qualifier::Pass => Verdict::Pass(matched),
                Qualifier::Fail => {
                    Verdict::Fail(record.explanation.map(|place| (domain.clone(), place)))
                }
                Qualifier::SoftFail => Verdict::SoftFail,
                Qualifier::Neutral => Verdict::Neutral,
            });
        }
        match record.redirect {
            Some(target) => self.redirected(domain, &target),
            None => Ok(Verdict::Neutral),
        }
    }

    /// RFC 7208, sections 4.4 to 4.6: the one SPF record of a domain, if it has any.
    fn record(&self, domain: &Name) -> Result<Option<Record>, Stop> {
        let texts = match self.answers.txt_of(domain.as_str()).map_err(Stop::Ask)? {
            Answer::Found(texts) => texts,
            Answer::Nothing => return Ok(None),
            Answer::Unknown => return Err(Stop::Settled(Outcome::TempError)),
        };
        let mut records = texts.iter().filter_map(|text| Some((text, terms_of(text)?)));
        let Some((text, terms)) = records.next() else { return Ok(None) };
        if records.next().is_some() {
            return Err(broken(domain, Fault::ManyRecords));
        }
        if text.octets().len() > Text::OCTETS_MAX {
            return Err(broken(domain, Fault::TooLong));
        }
        Record::read(terms).map(Some).map_err(|_| broken(domain, Fault::Syntax))
    }

    /// RFC 7208, section 6.1. The explanation is the target's own; ours does not count.
    fn redirected(&mut self, domain: &Name, target: &MacroString) -> Result<Verdict, Stop> {
        self.count_term(domain)?;
        let Some(name) = self.name(domain, Some(target))? else {
            return Err(broken(domain, Fault::NoTarget));
        };
        Ok(match self.host(&name)? {
            Verdict::NoRecord => return Err(broken(domain, Fault::NoTarget)),
            Verdict::Pass(inner) => {
                Verdict::Pass(self.chain(domain, Term::Redirect, Some(target), inner))
            }
            other => other,
        })
    }

    /// RFC 7208, section 5. What matched, outermost first, or nothing.
    fn matched(
        &mut self,
        mechanism: &Mechanism,
        domain: &Name,
    ) -> Result<Option<Vec<Match>>, Stop> {
        let (term, target) = match mechanism {
            Mechanism::All => (Some(Term::All), None),
            Mechanism::Ip4(network) => (self.holding(IpNet::V4(*network)).map(Term::Ip), None),
            Mechanism::Ip6(network) => (self.holding(IpNet::V6(*network)).map(Term::Ip), None),
            Mechanism::Include(target) => return self.included(domain, target),
            Mechanism::A(target, widths) => {
                let found = self.asked(domain, |run| run.a(domain, target.as_ref(), *widths))?;
                (found.map(Term::A), target.as_ref())
            }
            Mechanism::Mx(target, widths) => {
                let found = self.asked(domain, |run| run.mx(domain, target.as_ref(), *widths))?;
                (found.map(Term::Mx), target.as_ref())
            }
            Mechanism::Ptr(target) => {
                let found = self.asked(domain, |run| run.ptr(domain, target.as_ref()))?;
                (found.map(|()| Term::Ptr), target.as_ref())
            }
            Mechanism::Exists(target) => {
                let found = self.asked(domain, |run| run.exists(domain, target))?;
                let of_address = [Letter::Address, Letter::ValidatedName]
                    .into_iter()
                    .any(|letter| target.uses(letter));
                (found.map(|()| Term::Exists { of_address }), Some(target))
            }
        };
        Ok(term.map(|term| self.chain(domain, term, target, Vec::new())))
    }

    /// RFC 7208, section 5.2: only a pass of the other domain matches.
    fn included(
        &mut self,
        domain: &Name,
        target: &MacroString,
    ) -> Result<Option<Vec<Match>>, Stop> {
        self.count_term(domain)?;
        let Some(name) = self.name(domain, Some(target))? else {
            return Err(broken(domain, Fault::NoTarget));
        };
        match self.host(&name)? {
            Verdict::Pass(inner) => {
                Ok(Some(self.chain(domain, Term::Include, Some(target), inner)))
            }
            Verdict::Fail(_) | Verdict::SoftFail | Verdict::Neutral => Ok(None),
            Verdict::NoRecord => Err(broken(domain, Fault::NoTarget)),
        }
    }

    /// Evaluates a term that asks the DNS for more than a policy, within the limits of RFC 7208, section 4.6.4: one is
    /// void if it does not match and the DNS had nothing for a name of it.
    fn asked<T>(
        &mut self,
        domain: &Name,
        term: impl FnOnce(&mut Self) -> Result<Option<T>, Stop>,
    ) -> Result<Option<T>, Stop> {
        self.count_term(domain)?;
        self.void = false;
        let found = term(self)?;
        if found.is_none() && self.void {
            self.voids += 1;
        }
        if self.voids > VOIDS_MAX {
            return Err(broken(domain, Fault::ManyVoids));
        }
        Ok(found)
    }

    fn a(
        &mut self,
        domain: &Name,
        target: Option<&MacroString>,
        widths: Widths,
    ) -> Result<Option<IpNet>, Stop> {
        let Some(name) = self.name(domain, target)? else { return Ok(None) };
        let addresses = known(self.addresses(&name)?)?;
        Ok(self.network_of(&addresses, widths))
    }

    fn mx(
        &mut self,
        domain: &Name,
        target: Option<&MacroString>,
        widths: Widths,
    ) -> Result<Option<IpNet>, Stop> {
        let Some(name) = self.name(domain, target)? else { return Ok(None) };
        let answer = self.answers.mx_of(name.as_str()).map_err(Stop::Ask)?.clone();
        let hosts = known(self.noted(answer))?;
        if hosts.len() > HOSTS_MAX {
            return Err(broken(domain, Fault::ManyHosts));
        }
        // The null MX (RFC 7505) is no name.
        for host in hosts.iter().filter_map(|host| Name::exact(host)) {
            let addresses = known(self.addresses(&host)?)?;
            if let Some(network) = self.network_of(&addresses, widths) {
                return Ok(Some(network));
            }
        }
        Ok(None)
    }

    /// RFC 7208, section 5.5. Here alone a look-up that failed counts as no: whoever has the address is no witness.
    fn ptr(&mut self, domain: &Name, target: Option<&MacroString>) -> Result<Option<()>, Stop> {
        let Some(target) = self.name(domain, target)? else { return Ok(None) };
        let within = self.own_names()?.into_iter().filter(|name| name.is_within(&target)).collect();
        Ok(self.first_valid(within)?.map(|_| ()))
    }

    /// RFC 7208, section 5.7: an IPv4 address, whatever the client has.
    fn exists(&mut self, domain: &Name, target: &MacroString) -> Result<Option<()>, Stop> {
        let Some(name) = self.name(domain, Some(target))? else { return Ok(None) };
        let answer = self.answers.a_of(name.as_str()).map_err(Stop::Ask)?.clone();
        let addresses = known(self.noted(answer))?;
        Ok((!addresses.is_empty()).then_some(()))
    }

    /// The addresses of a host, of the client's kind.
    fn addresses(&mut self, host: &Name) -> Result<Answer<IpAddr>, Stop> {
        let name = host.as_str();
        let answer = match self.claim.ip {
            IpAddr::V4(_) => of_kind(self.answers.a_of(name).map_err(Stop::Ask)?),
            IpAddr::V6(_) => of_kind(self.answers.aaaa_of(name).map_err(Stop::Ask)?),
        };
        Ok(self.noted(answer))
    }

    /// Remembers whether the DNS had nothing.
    fn noted<T>(&mut self, answer: Answer<T>) -> Answer<T> {
        self.void |= matches!(answer, Answer::Nothing);
        answer
    }

    /// The names that the client's address says it has; they prove nothing yet.
    fn own_names(&mut self) -> Result<Vec<Name>, Stop> {
        let answer = self.answers.ptr_of(self.claim.ip).map_err(Stop::Ask)?.clone();
        Ok(match self.noted(answer) {
            Answer::Found(names) => {
                names.iter().take(HOSTS_MAX).filter_map(|name| Name::exact(name)).collect()
            }
            Answer::Nothing | Answer::Unknown => Vec::new(),
        })
    }

    /// The first of these names that has the client's address.
    fn first_valid(&mut self, names: Vec<Name>) -> Result<Option<Name>, Stop> {
        for name in names {
            let answer = self.addresses(&name)?;
            if matches!(answer, Answer::Found(addresses) if addresses.contains(&self.claim.ip)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The value of `%{p}` (RFC 7208, section 7.3): the domain itself, or else a name below it, or else any.
    fn validated_name(&mut self, domain: &Name) -> Result<String, Stop> {
        let mut names = self.own_names()?;
        names.sort_by_key(|name| (name != domain, !name.is_within(domain)));
        let found = self.first_valid(names)?;
        Ok(found.map_or_else(|| "unknown".to_owned(), |name| name.to_string()))
    }

    /// The name that a term is about. `None` if the DNS can have no such name: then the term does not match (RFC 7208,
    /// section 4.8, leaves it open). What is not ASCII cannot be in a name (RFC 8616, section 4).
    fn name(&mut self, domain: &Name, target: Option<&MacroString>) -> Result<Option<Name>, Stop> {
        let Some(target) = target else { return Ok(Some(domain.clone())) };
        if target.uses(Letter::ValidatedName) {
            // RFC 7208, section 4.6.4: the look-ups for it are within the limit.
            self.count_term(domain)?;
        }
        let text = self.expand(domain, target)?;
        Ok(text.and_then(|text| Name::new(&text)))
    }

    fn expand(&mut self, domain: &Name, text: &MacroString) -> Result<Option<String>, Stop> {
        // Once is enough for thousands of `%{p}` in a row, which is all that they could be for.
        let mut validated = None;
        text.expand(|letter| match (letter, &validated) {
            (Letter::ValidatedName, Some(name)) => Ok(String::clone(name)),
            (Letter::ValidatedName, None) => {
                Ok(validated.insert(self.validated_name(domain)?).clone())
            }
            _ => self.value(domain, letter),
        })
    }

    fn value(&mut self, domain: &Name, letter: Letter) -> Result<String, Stop> {
        let Claim { ip, helo, local, domain: sender_domain, receiver, now } = *self.claim;
        Ok(match letter {
            Letter::Sender => format!("{local}@{sender_domain}"),
            Letter::LocalPart => local.to_owned(),
            Letter::SenderDomain => sender_domain.to_owned(),
            Letter::Domain => domain.to_string(),
            Letter::Address => dotted(ip),
            Letter::ValidatedName => self.validated_name(domain)?,
            Letter::Version => if ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            Letter::Helo => helo.to_owned(),
            Letter::ReadableAddress => ip.to_string(),
            Letter::Receiver if receiver.is_empty() => "unknown".to_owned(),
            Letter::Receiver => receiver.to_owned(),
            Letter::Timestamp => now.0.to_string(),
        })
    }

    /// RFC 7208, section 6.2: whatever goes wrong, there is no explanation, and a fail stays a fail.
    fn explanation(
        &mut self,
        domain: &Name,
        place: &MacroString,
    ) -> Result<Option<Explanation>, Stop> {
        let Some(name) = self.expand(domain, place)?.and_then(|text| Name::new(&text)) else {
            return Ok(None);
        };
        let Answer::Found(texts) = self.answers.txt_of(name.as_str()).map_err(Stop::Ask)? else {
            return Ok(None);
        };
        let [text] = texts.as_slice() else { return Ok(None) };
        let read = str::from_utf8(text.octets())
            .ok()
            .filter(|text| text.len() <= Text::OCTETS_MAX)
            .and_then(|text| MacroString::read(text, Place::Explanation).ok());
        let Some(read) = read else { return Ok(None) };
        Ok(self.expand(domain, &read)?.and_then(|said| Explanation::new(&said)))
    }

    fn count_term(&mut self, domain: &Name) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > TERMS_MAX { Err(broken(domain, Fault::ManyTerms)) } else { Ok(()) }
    }

    /// The network if the client is in it. IPv4 and IPv6 never meet.
    fn holding(&self, network: IpNet) -> Option<IpNet> {
        network.contains(&self.claim.ip).then(|| network.trunc())
    }

    fn network_of(&self, addresses: &[IpAddr], widths: Widths) -> Option<IpNet> {
        let width = if self.claim.ip.is_ipv4() { widths.ipv4 } else { widths.ipv6 };
        addresses.iter().find_map(|address| self.holding(IpNet::new(*address, width).ok()?))
    }

    fn chain(
        &self,
        domain: &Name,
        term: Term,
        target: Option<&MacroString>,
        inner: Vec<Match>,
    ) -> Vec<Match> {
        let chosen_by_client =
            target.is_some_and(|target| self.is_chosen_by_client(domain, target));
        let mut chain = vec![Match { domain: domain.to_string(), term, chosen_by_client }];
        chain.extend(inner);
        chain
    }

    /// Whether two clients that say different things of themselves may end up in zones of different owners: the last
    /// two labels then differ.
    fn is_chosen_by_client(&self, domain: &Name, target: &MacroString) -> bool {
        let zone = |client: &str| {
            let expanded = target.expand(|letter| match letter {
                Letter::Domain => Ok::<_, Stop>(domain.to_string()),
                Letter::SenderDomain => Ok(self.claim.domain.to_owned()),
                _ => Ok(client.to_owned()),
            });
            let name = expanded.ok().flatten().unwrap_or_default().to_ascii_lowercase();
            let labels: Vec<&str> = name.trim_end_matches('.').rsplit('.').take(2).collect();
            labels.join(".")
        };
        zone("a") != zone("b")
    }
}

fn broken(domain: &Name, fault: Fault) -> Stop {
    Stop::Settled(Outcome::PermError(Why { domain: domain.to_string(), fault }))
}

/// The records, none if there are none; RFC 7208, section 5: a look-up that failed ends the evaluation.
fn known<T>(answer: Answer<T>) -> Result<Vec<T>, Stop> {
    match answer {
        Answer::Found(records) => Ok(records),
        Answer::Nothing => Ok(Vec::new()),
        Answer::Unknown => Err(Stop::Settled(Outcome::TempError)),
    }
}

fn of_kind<T: Copy + Into<IpAddr>>(answer: &Answer<T>) -> Answer<IpAddr> {
    match answer {
        Answer::Found(addresses) => {
            Answer::Found(addresses.iter().map(|address| (*address).into()).collect())
        }
        Answer::Nothing => Answer::Nothing,
        Answer::Unknown => Answer::Unknown,
    }
}

/// The value of `%{i}` (RFC 7208, section 7.3): an IPv6 address by its nibbles.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let nibbles: Vec<String> = ip
                .octets()
                .into_iter()
                .flat_map(|octet| [octet >> 4, octet & 15])
                .map(|nibble| format!("{nibble:X}"))
                .collect();
            nibbles.join(".")
        }
    }
}
