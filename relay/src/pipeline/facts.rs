//! Answers the ladder's questions for one recipient, one at a time and only when asked.

use zegel_core::address::Address;
use zegel_core::contact::Kind;
use zegel_core::decision::{self, Answer, Decision, Facts, Policy, Question, Reach, Verdict, Wish};
use zegel_core::phone::Countries;
use zegel_core::transport::{Floor, Miss};

use super::Pipeline;
use crate::lifecycle;
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
        let reach = self.outbound.reach(recipient.domain());
        let policy = self.policy().await?;
        climb(&wish, &policy, missed, reach, ask).await
    }

    /// The policy in force. Switched on or not, text messages need somebody who sends them.
    pub(super) async fn policy(&self) -> Result<Policy, StoreError> {
        if let Some(policy) = self.policy.get(&()) {
            return Ok(policy);
        }
        let mut policy = self.store.policy(&self.settings.policy).await?;
        policy.sms &= self.texting.is_some();
        self.policy.insert((), policy.clone());
        Ok(policy)
    }

    /// What is known of the recipient. A server counts as good enough until a connection that was to carry the mail has
    /// shown otherwise: the floor is checked there and nowhere else.
    async fn answer(
        &self,
        question: Question,
        stored: &Stored,
        recipient: &Address,
    ) -> Result<Answer, StoreError> {
        match question {
            Question::Server(_) => Ok(Answer::Yes),
            Question::Nta7516 => {
                let sender = stored.submission.from.domain();
                let verdict = self.outbound.nta7516(sender, recipient.domain(), lifecycle::now());
                Ok(verdict.await.into())
            }
            Question::SharedNumber => self.has_on_file(stored, recipient, Kind::Number).await,
            Question::SharedCode => self.has_on_file(stored, recipient, Kind::AccessCode).await,
            // Accounts of recipients are not kept by this relay.
            Question::Account => Ok(Answer::No),
        }
    }

    async fn has_on_file(
        &self,
        stored: &Stored,
        recipient: &Address,
        kind: Kind,
    ) -> Result<Answer, StoreError> {
        let none = Countries::default();
        let countries = self.texting.as_ref().map_or(&none, |texting| &texting.countries);
        self.store.has_on_file(stored.submission.from.domain(), recipient, kind, countries).await
    }
}

async fn climb<F>(
    wish: &Wish,
    policy: &Policy,
    missed: &[(Floor, Miss)],
    reach: Reach,
    ask: impl Fn(Question) -> F,
) -> Result<Decision, StoreError>
where
    F: Future<Output = Result<Answer, StoreError>>,
{
    let mut facts = Facts::missed(missed).reaching(reach);
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
        let decision =
            climb(wish, &Policy::default(), missed, Reach::default(), ask).await.unwrap();
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
