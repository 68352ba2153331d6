//! Text messages: rows that wait in the store, tried until a provider takes them or they are too late.

use std::time::Duration;

use tracing::{error, info, warn};
use zegel_core::moment::Moment;
use zegel_core::phone::{Countries, Number};

use super::{Pipeline, backoff};
use crate::lifecycle;
use crate::sms::{Outcome, Sender, Text};
use crate::store::{QueuedText, TextOutcome};

/// Somebody waits in front of a page, and a code lives ten minutes: a provider that is away for a moment must not cost
/// more than that moment, and one that is away for long is asked about ten times.
const RETRY_FIRST: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_mins(1);

/// Who sends text messages, and where to.
#[derive(Debug)]
pub struct Texting {
    pub sender: Sender,
    pub countries: Countries,
}

impl Pipeline {
    /// Sends a claimed text message once. When the store fails, the claim runs out and it is sent again.
    pub(super) async fn send_text(&self, text: QueuedText) {
        let id = text.id;
        let outcome = self.try_text(&text).await;
        match &outcome {
            TextOutcome::Sent { provider } => {
                info!(text = %id, provider, "text message {id}: taken by {provider}");
            }
            TextOutcome::Later { why, .. } => {
                warn!(text = %id, tries = text.tries + 1, "text message {id}: deferred: {why}");
            }
            TextOutcome::Dropped { why } => warn!(text = %id, "text message {id}: given up: {why}"),
        }
        if let Err(error) = self.store.settle_text(&text, outcome, lifecycle::now()).await {
            error!(text = %id, "text message {id} stays where it is: {error}");
        }
    }

    async fn try_text(&self, text: &QueuedText) -> TextOutcome {
        let dropped = |why: &str| TextOutcome::Dropped { why: why.to_owned() };
        if text.expires <= lifecycle::now() {
            return dropped("it could not be sent in time");
        }
        let Some(texting) = &self.texting else {
            return dropped("nobody is configured to send text messages");
        };
        // The countries may have been changed since the message came in.
        let number = Number::parse(text.number.reveal()).ok();
        let Some(number) = number.filter(|number| texting.countries.allow(number.country())) else {
            return dropped("text messages are not sent to the number's country");
        };
        let sent = Text { id: text.id, number, words: text.words.clone() };
        judge(text, texting.sender.send(&sent).await, lifecycle::now())
    }
}

fn judge(text: &QueuedText, outcome: Outcome, now: Moment) -> TextOutcome {
    match outcome {
        Outcome::Sent(provider) => TextOutcome::Sent { provider },
        Outcome::Later(why) => {
            let due = backoff(text.tries, RETRY_FIRST, RETRY_MAX, now);
            TextOutcome::Later { due: due.min(text.expires), why }
        }
        Outcome::Refused(why) => TextOutcome::Dropped { why },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use tokio::net::TcpListener;
    use zegel_core::secret::Secret;

    use super::*;
    use crate::config::Config;
    use crate::dns::Resolver;
    use crate::id::DeliveryId;
    use crate::outbound::Outbound;
    use crate::pipeline::Settings;
    use crate::store::NewText;
    use crate::store::fixture::Fixture;

    const NUMBER: &str = "+31612345678";
    const WORDS: &str = "canary 123456";
    const LIFE: Duration = Duration::from_mins(10);

    /// A pipeline with a provider that answers with `status`.
    struct World {
        fixture: Fixture,
        pipeline: Pipeline,
        status: Arc<AtomicU16>,
        delivery: DeliveryId,
    }

    async fn world(countries: &str) -> World {
        let status = Arc::new(AtomicU16::new(503));
        let answers = Arc::clone(&status);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = async move || StatusCode::from_u16(answers.load(Ordering::Relaxed)).unwrap();
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });

        let fixture = Fixture::new().await;
        let root = rcgen::generate_simple_self_signed(["root.example".to_owned()]).unwrap();
        let roots = fixture.path().join("roots.pem");
        std::fs::write(&roots, root.cert.pem()).unwrap();
        let config = format!(
            "hostname = \"relay.example.org\"\n\
             organisation = {{ name = \"Example\", from = \"secure@example.org\", language = \"en\" }}\n\
             portal = {{ public-origin = \"https://portal.example.org\" }}\n\
             outbound = {{ roots = \"{}\" }}\n\
             [sms]\ncountries = [{countries}]\n[[sms.providers]]\nname = \"main\"\nservice.http = {{ \
             url = \"http://{address}/\", body.form = {{ to = \"{{number}}\", text = \"{{text}}\" }} }}",
            roots.display()
        );
        let file = fixture.path().join("relay.toml");
        std::fs::write(&file, config).unwrap();
        let config = Config::read(&file).unwrap();
        let resolver = Resolver::new(&config.dns).unwrap();
        let outbound = Outbound::new("relay.example.org", resolver, &config.outbound).unwrap();
        let settings = Settings::new(&config, None);
        let pipeline = Pipeline::new(
            fixture.store.clone(),
            Arc::new(outbound),
            settings,
            crate::signing::Signing::new(fixture.store.clone()),
        );
        let pipeline = pipeline.with_texting(config.sms.as_ref().map(|sms| Texting {
            sender: Sender::new(sms).unwrap(),
            countries: sms.countries.clone(),
        }));
        let delivery = fixture.delivery().await.id;
        World { fixture, pipeline, status, delivery }
    }

    impl World {
        async fn post(&self, expires: Moment) {
            let (number, words) = (Secret::new(NUMBER), Secret::new(WORDS));
            let text = NewText { delivery: self.delivery, number, words, expires };
            self.fixture.store.post_text(text, lifecycle::now()).await.unwrap();
        }

        /// Sends what is due after this time, and says what then stands last in the delivery's history.
        async fn send(&self, after: Duration) -> String {
            let now = lifecycle::now().plus(after);
            let texts = self.fixture.store.claim_texts(now, LIFE, 9).await.unwrap();
            for text in texts {
                self.pipeline.send_text(text).await;
            }
            let history = self.fixture.store.history(self.delivery).await.unwrap();
            for secret in ["612345678", WORDS, "123456"] {
                assert!(!self.fixture.contains(secret.as_bytes()), "{secret} in the clear");
            }
            history.last().unwrap().note.clone()
        }

        fn says(&self, status: u16) {
            self.status.store(status, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn while_the_provider_is_down_a_text_message_waits_and_then_goes_out_once() {
        let world = world("\"NL\"").await;
        world.post(lifecycle::now().plus(LIFE)).await;
        let waits = "the text message waits: main: answered 503";
        assert_eq!(world.send(Duration::ZERO).await, waits);
        assert_eq!(world.send(RETRY_FIRST).await, waits);
        world.says(200);
        let taken = "the text message was taken by main";
        assert_eq!(world.send(RETRY_FIRST * 3).await, taken);
        world.says(500);
        assert_eq!(world.send(RETRY_MAX * 9).await, taken);
        let count = world.fixture.store.count_texts(world.delivery).await.unwrap();
        assert_eq!((count.all, count.waiting, count.tries), (1, 0, 3));
    }

    #[tokio::test]
    async fn what_is_refused_too_late_or_not_to_go_there_is_dropped() {
        let world = world("\"NL\"").await;
        world.post(lifecycle::now()).await;
        let dropped = |why| format!("the text message was dropped: {why}");
        assert_eq!(world.send(Duration::ZERO).await, dropped("it could not be sent in time"));
        world.says(400);
        world.post(lifecycle::now().plus(LIFE)).await;
        assert_eq!(world.send(Duration::ZERO).await, dropped("main: refused with 400"));

        let elsewhere = self::world("\"BE\"").await;
        elsewhere.post(lifecycle::now().plus(LIFE)).await;
        let why = dropped("text messages are not sent to the number's country");
        assert_eq!(elsewhere.send(Duration::ZERO).await, why);
        let nobody = World { pipeline: elsewhere.pipeline.clone().with_texting(None), ..elsewhere };
        nobody.post(lifecycle::now().plus(LIFE)).await;
        let why = dropped("nobody is configured to send text messages");
        assert_eq!(nobody.send(Duration::ZERO).await, why);
    }

    #[test]
    fn waits_are_short_and_end_with_the_code() {
        let text = |tries, expires| QueuedText {
            id: crate::id::TextId::generate(),
            delivery: DeliveryId::generate(),
            number: Secret::new(NUMBER),
            words: Secret::new(WORDS),
            expires: Moment(expires),
            tries,
            lease: 1,
        };
        for (tries, expires, due) in
            [(0, 600, 10), (1, 600, 20), (2, 600, 40), (3, 600, 60), (50, 600, 60), (3, 30, 30)]
        {
            let found = judge(&text(tries, expires), Outcome::Later(String::new()), Moment(0));
            assert_eq!(found, TextOutcome::Later { due: Moment(due), why: String::new() });
        }
    }
}
