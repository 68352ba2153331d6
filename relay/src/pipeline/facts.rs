//! Answers the ladder's questions for one recipient, one at a time and only when asked.

use zegel_core::address::Address;
use zegel_core::decision::{self, Answer, Decision, Facts, Policy, Question, Verdict, Wish};
use zegel_core::transport::{Floor, Miss};

use super::Pipeline;
use crate::store::{StoreError, Stored};

impl Pipeline {
    /// Climbs the ladder for one recipient of a message. `missed` holds the floors that a delivering connection was seen
    /// to miss.
    pub(super) async fn settle(
        &self,
        stored: &Stored,
        recipient: &Address,
        missed: &[(Floor, Miss)],
    ) -> Result<Decision, StoreError> {
        let wish = stored.submission.wish(recipient);
        let ask = |question| self.answer(question, stored, recipient);
        climb(&wish, &self.settings.policy, missed, ask).await
    }

    /// What is known of the recipient. A server counts as good enough until a connection that was to carry the mail has
    /// shown otherwise: the floor is checked there and nowhere else.
    #[expect(clippy::unused_async, reason = "the store and the network are asked here")]
    async fn answer(
        &self,
        question: Question,
        _stored: &Stored,
        _recipient: &Address,
    ) -> Result<Answer, StoreError> {
        match question {
            Question::Server(_) => Ok(Answer::Yes),
            // Accounts of recipients, NTA 7516 and factors on file are not kept by this relay.
            Question::Account
            | Question::Nta7516
            | Question::SharedNumber
            | Question::SharedCode => Ok(Answer::No),
        }
    }
}

async fn climb<F>(
    wish: &Wish,
    policy: &Policy,
    missed: &[(Floor, Miss)],
    ask: impl Fn(Question) -> F,
) -> Result<Decision, StoreError>
where
    F: Future<Output = Result<Answer, StoreError>>,
{
    let mut facts = Facts::missed(missed);
    loop {
        match decision::decide(wish, policy, &facts) {
            Verdict::Settled(decision) => return Ok(decision),
            Verdict::Ask(question) => facts = facts.with(question, ask(question).await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use zegel_core::decision::{Method, Outcome};

    use super::*;

    /// With a server that shows what it must, and nothing else known of the recipient.
    async fn check(wish: &Wish, missed: &[(Floor, Miss)], outcome: Outcome) {
        let ask = async |question| match question {
            Question::Server(_) => Ok(Answer::Yes),
            _ => Ok(Answer::No),
        };
        let decision = climb(wish, &Policy::default(), missed, ask).await.unwrap();
        assert_eq!(decision.outcome, outcome, "{wish:?} {missed:?}");
    }

    #[tokio::test]
    async fn direct_delivery_is_tried_once_and_then_given_up() {
        let wish = Wish { direct: Some(Floor::Pkix), email_fallback: true, ..Wish::default() };
        check(&wish, &[], Outcome::By(Method::DirectDelivery(Floor::Pkix))).await;
        check(&wish, &[(Floor::Pkix, Miss::StarttlsNotSupported)], Outcome::By(Method::Email))
            .await;
    }

    #[tokio::test]
    async fn a_missed_floor_forbids_a_mailed_code() {
        let wish = Wish { direct: Some(Floor::Pkix), ..Wish::default() };
        check(&wish, &[(Floor::Pkix, Miss::StarttlsNotSupported)], Outcome::NoneLeft).await;
    }

    #[tokio::test]
    async fn without_wishes_a_code_is_mailed() {
        check(&Wish::default(), &[], Outcome::By(Method::Email)).await;
    }
}
