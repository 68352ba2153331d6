//! What the administrator says about domains: inboxes of the organisation's own, and domains that direct delivery is
//! preferred to.

use super::*;
use crate::nta7516::Fault;

const PREFERRED: Reach = Reach { inbox: None, preferred: true };

fn inbox(level: Floor) -> Reach {
    Reach { inbox: Some(level), preferred: false }
}

#[track_caller]
fn check_to(reach: Reach, wish: &Wish, policy: &Policy, server: Server, method: Method) {
    let world = World { server, ..NOBODY };
    let found = climb_to(wish, policy, &world, reach).0.outcome;
    assert_eq!(found, Outcome::By(method), "{reach:?} {wish:?} {policy:?} {server:?}");
}

#[test]
fn mail_to_the_organisations_own_goes_straight_into_their_inboxes_whatever_else_is_asked() {
    let dane = Server::Meets(Floor::Dane);
    for wish in [Wish::default(), bringing(Right::Sms), asking(Floor::Tls)] {
        let found = climb_to(&wish, &ON, &World { server: dane, ..NOBODY }, inbox(Floor::Pkix));
        assert_eq!(found.0.outcome, Outcome::By(Method::Inbox(Floor::Pkix)), "{wish:?}");
        assert_eq!(found.1, [Question::Server(Floor::Pkix)], "{wish:?}");
    }
}

#[test]
fn the_headers_minimum_binds_an_inbox_too() {
    let wish = asking(Floor::Pkix);
    let method = Method::Inbox(Floor::Pkix);
    check_to(inbox(Floor::Tls), &wish, &ON, Server::Meets(Floor::Pkix), method);
    let fallback = Wish { email_fallback: true, ..wish };
    check_to(inbox(Floor::Tls), &fallback, &ON, Server::Meets(Floor::Tls), Method::Email);
}

#[test]
fn an_inbox_that_misses_its_level_leaves_the_account_and_then_the_ladder() {
    let world = World { account: Answer::Yes, ..NOBODY };
    let found = climb_to(&Wish::default(), &ON, &world, inbox(Floor::Pkix));
    assert_eq!(found.0.outcome, Outcome::By(Method::Account));
    let (decision, _) = climb_to(&Wish::default(), &ON, &NOBODY, inbox(Floor::Pkix));
    assert_eq!(decision.outcome, Outcome::By(Method::Email));
    assert_eq!(decision.passed_over[0], (Rung::Account, Why::FloorMissed(MISS)));
}

#[test]
fn an_inbox_whose_server_cannot_be_looked_up_holds() {
    let world = World { server: Server::Unknown, ..NOBODY };
    let (decision, _) = climb_to(&Wish::default(), &ON, &world, inbox(Floor::Tls));
    assert_eq!(decision.outcome, Outcome::Unknown(Rung::Account));
}

#[test]
fn a_preferred_domain_gets_direct_delivery_at_the_organisations_level_and_certified_without_one() {
    let strong = Server::Meets(Floor::Dane);
    let policy = |transport| Policy { transport, ..ON };
    for (transport, level) in
        [(None, Floor::Pkix), (Some(Floor::Tls), Floor::Tls), (Some(Floor::Dane), Floor::Dane)]
    {
        let method = Method::TransportSecurity(level);
        check_to(PREFERRED, &Wish::default(), &policy(transport), strong, method);
    }
    check_to(PREFERRED, &Wish::default(), &policy(None), Server::Meets(Floor::Tls), Method::Email);
    let wish = Wish { direct: Some(Floor::Dane), ..Wish::default() };
    let off = Policy { direct: false, transport: None, ..ON };
    check_to(PREFERRED, &wish, &off, strong, Method::TransportSecurity(Floor::Dane));
}

#[test]
fn what_the_message_brings_goes_before_the_organisations_preference() {
    let strong = Server::Meets(Floor::Dane);
    check_to(PREFERRED, &bringing(Right::Sms), &Policy::default(), strong, Method::Sms);
    let off = Policy { sms: false, ..Policy::default() };
    let world = World { server: strong, ..NOBODY };
    let found = climb_to(&bringing(Right::Sms), &off, &world, PREFERRED).0.outcome;
    assert_eq!(found, Outcome::NeedsSender);
}

#[test]
fn the_trail_says_why_the_domains_do_not_qualify_for_nta7516() {
    let why = Unqualified::Recipient(Fault::Over);
    let world = World { nta7516: Answer::Unqualified(why), ..NOBODY };
    let (decision, _) = climb(&Wish::default(), &ON, &world);
    assert_eq!(decision.outcome, Outcome::By(Method::Email));
    assert!(decision.passed_over.contains(&(Rung::Nta7516, Why::Unqualified(why))), "{decision:?}");
    let words = Why::Unqualified(why).to_string();
    assert_eq!(words, "the recipient's domain has an NTA 7516 record whose period is over");
}

/// Every answer, server and reach leads to the same decision however the facts come, and asks nothing twice.
#[test]
fn a_climb_with_a_reach_settles_as_it_does_with_all_facts_at_once() {
    let servers =
        [Server::Unknown, Server::Plain, Server::Meets(Floor::Tls), Server::Meets(Floor::Dane)];
    let inboxes = [None, Some(Floor::Tls), Some(Floor::Pkix), Some(Floor::Dane)];
    for server in servers {
        for (inbox, preferred) in inboxes.into_iter().flat_map(|one| [(one, false), (one, true)]) {
            let reach = Reach { inbox, preferred };
            for (wish, account) in wishes().iter().flat_map(|wish| {
                [Answer::Yes, Answer::No, Answer::Unknown].map(|account| (wish, account))
            }) {
                let world = World { account, server, ..NOBODY };
                let (decision, _) = climb_to(wish, &Policy::default(), &world, reach);
                let eager = decide(wish, &Policy::default(), &world.facts().reaching(reach));
                let Verdict::Settled(eager) = eager else { panic!("{wish:?} {world:?} {reach:?}") };
                assert_eq!(eager.outcome, decision.outcome, "{wish:?} {world:?} {reach:?}");
                if let Outcome::By(method @ Method::Inbox(floor)) = decision.outcome {
                    assert!(
                        server.meets(floor) && Some(floor) >= wish.direct,
                        "{method:?} {world:?}"
                    );
                }
            }
        }
    }
}
