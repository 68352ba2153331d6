mod reach;

use super::*;

const ON: Policy = Policy {
    account: true,
    nta7516: true,
    direct: true,
    transport: Some(Floor::Tls),
    sms: true,
    access_code: true,
    email: true,
    email_by_sender: false,
    hold: Hold::Recipient,
};

/// What the shell would find out about one recipient.
#[derive(Clone, Debug)]
struct World {
    account: Answer,
    nta7516: Answer,
    server: Server,
    number: Answer,
    code: Answer,
}

/// A recipient of whom nothing is known, on a server without TLS.
const NOBODY: World = World {
    account: Answer::No,
    nta7516: Answer::No,
    server: Server::Plain,
    number: Answer::No,
    code: Answer::No,
};

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Server {
    /// It cannot be looked up.
    Unknown,
    Plain,
    /// The strongest floor that it meets.
    Meets(Floor),
}

impl Server {
    fn meets(self, floor: Floor) -> bool {
        matches!(self, Self::Meets(met) if met >= floor)
    }
}

const MISS: Miss = Miss::HandshakeFailed;

impl World {
    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Account => self.account.clone(),
            Question::Nta7516 => self.nta7516.clone(),
            Question::Server(_) if self.server == Server::Unknown => Answer::Unknown,
            Question::Server(floor) if self.server.meets(floor) => Answer::Yes,
            Question::Server(_) => Answer::Missed(MISS),
            Question::SharedNumber => self.number.clone(),
            Question::SharedCode => self.code.clone(),
        }
    }

    /// Every answer at once.
    fn facts(&self) -> Facts {
        let floors = [Floor::Dane, Floor::Tls, Floor::Pkix].map(Question::Server);
        [Question::SharedCode, Question::Nta7516, Question::SharedNumber, Question::Account]
            .into_iter()
            .chain(floors)
            .fold(Facts::none(), |facts, question| facts.with(question, self.answer(question)))
    }
}

/// Climbs as the shell does. Returns the decision and what was asked.
#[track_caller]
fn climb(wish: &Wish, policy: &Policy, world: &World) -> (Decision, Vec<Question>) {
    climb_to(wish, policy, world, Reach::default())
}

/// The same for a domain of which the administrator says this.
#[track_caller]
fn climb_to(
    wish: &Wish,
    policy: &Policy,
    world: &World,
    reach: Reach,
) -> (Decision, Vec<Question>) {
    let mut asked = Vec::new();
    let mut facts = Facts::none().reaching(reach);
    loop {
        match decide(wish, policy, &facts) {
            Verdict::Settled(decision) => return (decision, asked),
            Verdict::Ask(question) => {
                assert!(
                    !asked.contains(&question),
                    "{question:?} twice: {wish:?} {policy:?} {world:?}"
                );
                asked.push(question);
                facts = facts.with(question, world.answer(question));
            }
        }
    }
}

#[track_caller]
fn check(wish: &Wish, policy: &Policy, world: &World, outcome: Outcome) {
    assert_eq!(climb(wish, policy, world).0.outcome, outcome, "{wish:?} {policy:?} {world:?}");
}

fn asking(floor: Floor) -> Wish {
    Wish { direct: Some(floor), ..Wish::default() }
}

fn bringing(right: Right) -> Wish {
    Wish { right: Some(right), ..Wish::default() }
}

#[test]
fn an_account_comes_before_everything() {
    let world = World {
        account: Answer::Yes,
        nta7516: Answer::Yes,
        server: Server::Meets(Floor::Dane),
        ..NOBODY
    };
    for wish in [Wish::default(), asking(Floor::Pkix), bringing(Right::Sms)] {
        check(&wish, &ON, &world, Outcome::By(Method::Account));
        assert_eq!(climb(&wish, &ON, &world).1, [Question::Account]);
    }
}

#[test]
fn nta7516_comes_second() {
    let world = World { nta7516: Answer::Yes, server: Server::Meets(Floor::Dane), ..NOBODY };
    check(&asking(Floor::Pkix), &ON, &world, Outcome::By(Method::Nta7516));
    check(&bringing(Right::Sms), &ON, &world, Outcome::By(Method::Nta7516));
}

#[test]
fn a_server_that_missed_dane_no_longer_qualifies_for_nta7516() {
    let facts = Facts::missed(&[(Floor::Dane, MISS)]).with(Question::Account, Answer::No);
    let world = World { nta7516: Answer::Yes, ..NOBODY };
    assert_eq!(world.answer(Question::Nta7516), Answer::Yes);
    let Verdict::Ask(next) = decide(&Wish::default(), &ON, &facts) else { panic!("settled") };
    assert_eq!(next, Question::Server(Floor::Tls), "the next rung that asks is transport security");
}

#[test]
fn direct_delivery_comes_before_a_custom_access_right_when_asked() {
    let wish = Wish { right: Some(Right::Sms), ..asking(Floor::Pkix) };
    let world = World { server: Server::Meets(Floor::Pkix), ..NOBODY };
    check(&wish, &ON, &world, Outcome::By(Method::DirectDelivery(Floor::Pkix)));
    check(&wish, &ON, &NOBODY, Outcome::By(Method::Sms));
}

#[test]
fn the_direct_delivery_rung_is_not_there_unless_asked() {
    let (decision, _) = climb(&Wish::default(), &ON, &NOBODY);
    assert!(
        decision.passed_over.iter().all(|(rung, _)| *rung != Rung::DirectDelivery),
        "{decision:?}"
    );
}

#[test]
fn a_custom_access_right_comes_before_transport_security() {
    let world = World { server: Server::Meets(Floor::Dane), number: Answer::Yes, ..NOBODY };
    check(&bringing(Right::Sms), &ON, &world, Outcome::By(Method::Sms));
    check(&bringing(Right::AccessCode), &ON, &world, Outcome::By(Method::AccessCode));
}

#[test]
fn transport_security_comes_before_what_is_on_file() {
    let world = World { server: Server::Meets(Floor::Tls), number: Answer::Yes, ..NOBODY };
    check(&Wish::default(), &ON, &world, Outcome::By(Method::TransportSecurity(Floor::Tls)));
    check(&Wish::default(), &Policy::default(), &world, Outcome::By(Method::Sms));
}

#[test]
fn a_shared_number_comes_before_a_shared_code() {
    let world = World { number: Answer::Yes, code: Answer::Yes, ..NOBODY };
    check(&Wish::default(), &ON, &world, Outcome::By(Method::Sms));
}

#[test]
fn a_shared_code_comes_before_email() {
    check(
        &Wish::default(),
        &ON,
        &World { code: Answer::Yes, ..NOBODY },
        Outcome::By(Method::AccessCode),
    );
}

#[test]
fn email_is_what_is_left() {
    check(&Wish::default(), &ON, &NOBODY, Outcome::By(Method::Email));
}

#[test]
fn missed_direct_delivery_never_mails_a_code_over_the_weaker_path() {
    for floor in [Floor::Tls, Floor::Pkix, Floor::Dane, Floor::Impossible] {
        check(&asking(floor), &ON, &NOBODY, Outcome::NoneLeft);
        let fallback = Wish { email_fallback: true, ..asking(floor) };
        check(&fallback, &ON, &NOBODY, Outcome::By(Method::Email));
    }
}

#[test]
fn the_minimum_binds_the_code_mail_even_when_direct_delivery_is_switched_off() {
    let off = Policy { direct: false, transport: None, ..ON };
    let strong = World { server: Server::Meets(Floor::Pkix), ..NOBODY };
    check(&asking(Floor::Pkix), &off, &strong, Outcome::By(Method::Email));
    check(&asking(Floor::Pkix), &off, &NOBODY, Outcome::NoneLeft);
    check(
        &asking(Floor::Pkix),
        &off,
        &World { server: Server::Unknown, ..NOBODY },
        Outcome::Unknown(Rung::Email),
    );
}

#[test]
fn the_stricter_of_both_minimums_counts_for_transport_security() {
    let weak = World { server: Server::Meets(Floor::Tls), ..NOBODY };
    check(&asking(Floor::Pkix), &ON, &weak, Outcome::NoneLeft);
    let strict = Policy { direct: false, transport: Some(Floor::Dane), ..ON };
    let world = World { server: Server::Meets(Floor::Dane), ..NOBODY };
    check(
        &asking(Floor::Pkix),
        &strict,
        &world,
        Outcome::By(Method::TransportSecurity(Floor::Dane)),
    );
}

#[test]
fn forbidden_email_asks_the_sender() {
    let policy = Policy { email: false, ..ON };
    check(&Wish::default(), &policy, &NOBODY, Outcome::NeedsSender);
    check(&asking(Floor::Pkix), &policy, &NOBODY, Outcome::NeedsSender);
}

#[test]
fn the_sender_may_allow_email_where_the_organisation_lets_them_and_never_below_the_floor() {
    let allowing = |wish| Wish { email_allowed: true, ..wish };
    let forbidden = Policy { email: false, ..ON };
    let by_sender = Policy { email_by_sender: true, ..forbidden.clone() };
    check(&Wish::default(), &by_sender, &NOBODY, Outcome::NeedsSender);
    check(&allowing(Wish::default()), &by_sender, &NOBODY, Outcome::By(Method::Email));
    check(&allowing(Wish::default()), &forbidden, &NOBODY, Outcome::NeedsSender);
    check(&allowing(asking(Floor::Pkix)), &by_sender, &NOBODY, Outcome::NoneLeft);
    check(
        &allowing(bringing(Right::Sms)),
        &Policy { sms: false, ..by_sender },
        &NOBODY,
        Outcome::NeedsSender,
    );
}

#[test]
fn an_access_right_that_is_switched_off_never_falls_through_to_something_weaker() {
    let rich = World {
        server: Server::Meets(Floor::Dane),
        number: Answer::Yes,
        code: Answer::Yes,
        ..NOBODY
    };
    check(&bringing(Right::Sms), &Policy { sms: false, ..ON }, &rich, Outcome::NeedsSender);
    let no_codes = Policy { access_code: false, ..ON };
    check(&bringing(Right::AccessCode), &no_codes, &rich, Outcome::By(Method::Sms));
    let unlisted = World { number: Answer::No, ..rich };
    check(&bringing(Right::AccessCode), &no_codes, &unlisted, Outcome::NeedsSender);
}

#[test]
fn a_failed_look_up_holds_only_where_the_ladder_reaches_it() {
    let world = World {
        account: Answer::Unknown,
        nta7516: Answer::Unknown,
        server: Server::Unknown,
        ..NOBODY
    };
    check(&Wish::default(), &ON, &world, Outcome::Unknown(Rung::Account));
    let world = World { account: Answer::No, ..world };
    check(&Wish::default(), &ON, &world, Outcome::Unknown(Rung::Nta7516));
    let world = World { nta7516: Answer::No, ..world };
    check(&asking(Floor::Tls), &ON, &world, Outcome::Unknown(Rung::DirectDelivery));
    check(&Wish::default(), &ON, &world, Outcome::Unknown(Rung::TransportSecurity));
    check(&bringing(Right::Sms), &ON, &world, Outcome::By(Method::Sms));
    check(&Wish::default(), &Policy::default(), &world, Outcome::By(Method::Email));
}

#[test]
fn the_code_mail_has_a_floor_unless_it_is_waived() {
    assert_eq!(asking(Floor::Pkix).code_floor(), Some(Floor::Pkix));
    assert_eq!(Wish { email_fallback: true, ..asking(Floor::Pkix) }.code_floor(), None);
    assert_eq!(Wish::default().code_floor(), None);
}

fn wishes() -> Vec<Wish> {
    let mut wishes = Vec::new();
    for direct in
        [None, Some(Floor::Tls), Some(Floor::Pkix), Some(Floor::Dane), Some(Floor::Impossible)]
    {
        for right in [None, Some(Right::Sms), Some(Right::AccessCode)] {
            for email_fallback in [false, true] {
                wishes.push(Wish { direct, right, email_fallback, email_allowed: false });
            }
        }
    }
    wishes
}

/// A switch with what is found when it is on. Off, the answer is one that would hold if it were looked at.
const SWITCHES: [(bool, Answer); 4] =
    [(false, Answer::Yes), (true, Answer::Yes), (true, Answer::No), (true, Answer::Unknown)];

/// The rungs that look at the recipient and the server, in every combination.
fn lower_rungs() -> Vec<(Policy, World)> {
    let servers = [
        Server::Unknown,
        Server::Plain,
        Server::Meets(Floor::Tls),
        Server::Meets(Floor::Pkix),
        Server::Meets(Floor::Dane),
    ];
    let mut cases = Vec::new();
    for transport in [None, Some(Floor::Tls), Some(Floor::Pkix), Some(Floor::Dane)] {
        for server in servers {
            for (direct, email) in [(false, false), (false, true), (true, false), (true, true)] {
                for ((sms, number), (access_code, code)) in SWITCHES
                    .iter()
                    .flat_map(|a| SWITCHES.iter().map(move |b| (a.clone(), b.clone())))
                {
                    let policy = Policy { direct, transport, sms, access_code, email, ..ON };
                    cases.push((policy, World { server, number, code, ..NOBODY }));
                }
            }
        }
    }
    cases
}

/// The two upper rungs. Who qualifies for NTA 7516 has a server that meets DANE, or one that cannot be looked up.
fn upper_rungs(policy: &Policy, world: &World) -> Vec<(Policy, World)> {
    let dane = matches!(world.server, Server::Unknown | Server::Meets(Floor::Dane));
    let mut cases = Vec::new();
    for (account, has_account) in SWITCHES {
        for (nta7516, qualifies) in SWITCHES {
            // Behind an account that settles it, the next rung is of no account.
            let settled = account && has_account != Answer::No && qualifies != Answer::Yes;
            if settled || (nta7516 && qualifies == Answer::Yes && !dane) {
                continue;
            }
            let world = World { account: has_account.clone(), nta7516: qualifies, ..world.clone() };
            cases.push((Policy { account, nta7516, ..policy.clone() }, world));
        }
    }
    cases
}

/// Checks one climb for all that must hold of every climb.
#[track_caller]
fn check_climb(wish: &Wish, policy: &Policy, world: &World) {
    let (decision, asked) = climb(wish, policy, world);
    let case = || format!("{wish:?} {policy:?} {world:?} {decision:?}");

    let eager = decide(wish, policy, &world.facts());
    assert_eq!(
        eager,
        Verdict::Settled(decision.clone()),
        "all facts at once, other decision: {}",
        case()
    );

    let mut facts = Facts::none();
    for question in asked {
        let answer = world.answer(question);
        let unknown = decide(wish, policy, &facts.clone().with(question, Answer::Unknown));
        let needed = answer == Answer::Unknown || unknown != Verdict::Settled(decision.clone());
        assert!(needed, "{question:?} was not needed: {}", case());
        facts = facts.with(question, answer);
    }

    let allowed = match decision.outcome {
        Outcome::By(Method::Account) => policy.account,
        Outcome::By(Method::Inbox(_)) => false,
        Outcome::By(Method::Nta7516) => policy.nta7516,
        Outcome::By(Method::DirectDelivery(floor)) => policy.direct && wish.direct == Some(floor),
        Outcome::By(Method::TransportSecurity(floor)) => {
            wish.right.is_none()
                && policy.transport.is_some_and(|level| floor >= level)
                && Some(floor) >= wish.direct
        }
        Outcome::By(Method::Sms) => policy.sms,
        Outcome::By(Method::AccessCode) => policy.access_code && wish.right != Some(Right::Sms),
        Outcome::By(Method::Email) => {
            let above = wish.code_floor().is_none_or(|floor| world.server.meets(floor));
            policy.email && wish.right.is_none() && above
        }
        Outcome::NeedsSender => !policy.email || wish.right.is_some(),
        Outcome::NoneLeft => policy.email && wish.code_floor().is_some(),
        Outcome::Unknown(_) => true,
    };
    let proof = wish.right != Some(Right::AccessCode)
        || decision.outcome != Outcome::By(Method::AccessCode);
    assert!(allowed && (proof || policy.access_code), "{}", case());
}

#[test]
fn every_climb_settles_and_asks_what_it_needs_and_only_once() {
    let wishes = wishes();
    for (policy, world) in lower_rungs() {
        for (policy, world) in upper_rungs(&policy, &world) {
            for wish in &wishes {
                check_climb(wish, &policy, &world);
            }
        }
    }
}
