//! Answers the ladder's questions for one recipient, one at a time and only when asked.

use zegel_core::decision::{self, Answer, Decision, Facts, Policy, Question, Verdict, Wish};
use zegel_core::transport::{Floor, Miss};

/// Climbs the ladder. `missed` holds the floors that a delivering connection was seen to miss.
pub(super) fn settle(wish: &Wish, policy: &Policy, missed: &[(Floor, Miss)]) -> Decision {
    let mut facts = Facts::missed(missed);
    loop {
        match decision::decide(wish, policy, &facts) {
            Verdict::Settled(decision) => return decision,
            Verdict::Ask(question) => facts = facts.with(question, answer(question)),
        }
    }
}

/// What is known without touching the network. A server counts as good enough until a connection that was to carry the
/// mail has shown otherwise: the floor is checked there and nowhere else.
fn answer(question: Question) -> Answer {
    match question {
        Question::Server(_) => Answer::Yes,
        // Accounts of recipients, NTA 7516 and factors on file are not kept by this relay.
        Question::Account | Question::Nta7516 | Question::SharedNumber | Question::SharedCode => {
            Answer::No
        }
    }
}

#[cfg(test)]
mod tests {
    use zegel_core::decision::{Method, Outcome};

    use super::*;

    #[track_caller]
    fn check(wish: &Wish, missed: &[(Floor, Miss)], outcome: Outcome) {
        assert_eq!(
            settle(wish, &Policy::default(), missed).outcome,
            outcome,
            "{wish:?} {missed:?}"
        );
    }

    #[test]
    fn direct_delivery_is_tried_once_and_then_given_up() {
        let wish = Wish { direct: Some(Floor::Pkix), email_fallback: true, ..Wish::default() };
        check(&wish, &[], Outcome::By(Method::DirectDelivery(Floor::Pkix)));
        check(&wish, &[(Floor::Pkix, Miss::StarttlsNotSupported)], Outcome::By(Method::Email));
    }

    #[test]
    fn a_missed_floor_forbids_a_mailed_code() {
        let wish = Wish { direct: Some(Floor::Pkix), ..Wish::default() };
        check(&wish, &[(Floor::Pkix, Miss::StarttlsNotSupported)], Outcome::NoneLeft);
    }

    #[test]
    fn without_wishes_a_code_is_mailed() {
        check(&Wish::default(), &[], Outcome::By(Method::Email));
    }
}
