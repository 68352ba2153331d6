use std::io;
use std::sync::Mutex;
use std::time::Instant;

use tempfile::TempDir;
use zegel_core::submitter::{NotAllowed, Scope};

use super::*;
use crate::admission::{Admission, Asked, Client, Gate};
use crate::vault::Keyring;

const NOW: Moment = Moment(1_800_000_000);
const HERE: &str = "192.0.2.1";

struct World {
    store: Store,
    directory: TempDir,
    desk: Desk,
    issued: Issued,
}

impl World {
    /// A store with one credential.
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&directory.path().join("relay.key")).unwrap();
        let store = Store::open(&directory.path().join("store"), Arc::new(keyring)).await.unwrap();
        let issued = issue(&store, &"app".parse().unwrap(), &scopes(), NOW).await.unwrap();
        Self { store, directory, desk: Desk::new(), issued }
    }

    async fn judge(&self, login: &str, password: &str, from: &str, seconds: i64) -> Authenticated {
        let attempt = Attempt { login: login.into(), password: Secret::new(password) };
        let now = Moment(NOW.0 + seconds);
        self.desk.judge(&self.store, &attempt, from.parse().unwrap(), now).await.answer
    }

    async fn right(&self, from: &str, seconds: i64) -> Authenticated {
        self.judge(&self.issued.login, self.issued.password.reveal(), from, seconds).await
    }

    /// Uses quotas up as so many wrong passwords from somewhere would, without the work of comparing them.
    async fn guessed(&self, login: &str, from: &str, seconds: i64, times: usize) {
        let origin = Origin::of(from.parse().unwrap());
        for _ in 0..times {
            let quotas = guess::quotas(self.store.keyring(), login, &origin, false);
            self.store.count(quotas, Moment(NOW.0 + seconds)).await.unwrap().unwrap();
        }
    }

    async fn last_used(&self) -> Option<i64> {
        let last = self.store.credentials().await.unwrap().remove(0).last_used;
        last.map(|last| last.0 - NOW.0)
    }

    fn passed(&self) -> Authenticated {
        let login = self.issued.login.clone();
        Authenticated::As(Submitter::Credential { login, scopes: scopes() })
    }
}

fn scopes() -> Vec<Scope> {
    ["jan@a.example", "b.example"].map(|scope| scope.parse().unwrap()).to_vec()
}

#[tokio::test]
async fn right_pair_passes_as_its_credential_and_everything_else_is_just_wrong() {
    let world = World::new().await;
    let Issued { login, password } = &world.issued;
    let password = password.reveal();
    assert_eq!(world.right(HERE, 0).await, world.passed());
    for (login, password) in [
        (login.as_str(), "another"),
        (login, ""),
        (&login.to_uppercase(), password),
        (&format!("{login} "), password),
        ("nobody", password),
        ("", ""),
    ] {
        assert_eq!(world.judge(login, password, HERE, 0).await, Authenticated::Wrong, "{login:?}");
    }
}

#[tokio::test]
async fn revoked_credential_is_wrong_at_once_even_where_it_was_just_used() {
    let world = World::new().await;
    assert_eq!(world.right(HERE, 0).await, world.passed());
    world.store.revoke_credential(&world.issued.login, NOW).await.unwrap();
    assert_eq!(world.right(HERE, 1).await, Authenticated::Wrong);
    assert_eq!(world.right("192.0.2.2", 1).await, Authenticated::Wrong);
}

#[tokio::test]
async fn of_two_hundred_wrong_ones_at_once_ten_are_compared_whether_the_login_exists_or_not() {
    let world = World::new().await;
    for login in [&world.issued.login, "nobody"] {
        let tries = (0..200).map(|number| {
            let password = format!("guess {number}");
            let world = &world;
            async move { world.judge(login, &password, HERE, 0).await }
        });
        let answers = futures_util::future::join_all(tries).await;
        let count = |what| answers.iter().filter(|answer| **answer == what).count();
        let counts = (count(Authenticated::Wrong), count(Authenticated::TooMany));
        assert_eq!(counts, (10, 190), "{login}");
    }
}

#[tokio::test]
async fn two_hundred_connections_at_once_with_the_right_password_all_pass() {
    let world = World::new().await;
    let tries = (0..200).map(|_| world.right(HERE, 0));
    for answer in futures_util::future::join_all(tries).await {
        assert_eq!(answer, world.passed());
    }
    world.guessed(&world.issued.login, HERE, 0, 10).await;
}

#[derive(Copy, Clone)]
enum Expected {
    Passes,
    TooMany,
}

/// After so many wrong ones for a login from somewhere, the right one for `app` comes from `from`, so many seconds later.
async fn check(guesses: &[(&str, &str, usize)], from: &str, seconds: i64, expected: Expected) {
    let world = World::new().await;
    for (login, guesser, times) in guesses {
        let login = if *login == "app" { &world.issued.login } else { *login };
        world.guessed(login, guesser, 0, *times).await;
    }
    let expected = match expected {
        Expected::Passes => world.passed(),
        Expected::TooMany => Authenticated::TooMany,
    };
    assert_eq!(world.right(from, seconds).await, expected, "{guesses:?}, from {from} at {seconds}");
}

#[tokio::test]
async fn login_is_locked_out_of_a_network_after_ten_wrong_ones_for_an_hour() {
    use Expected::{Passes, TooMany};
    check(&[("app", HERE, 9)], HERE, 0, Passes).await;
    check(&[("app", HERE, 10)], HERE, 0, TooMany).await;
    check(&[("app", HERE, 10)], HERE, 3599, TooMany).await;
    check(&[("app", HERE, 10)], HERE, 3600, Passes).await;
    check(&[("app", HERE, 10)], "192.0.2.2", 0, Passes).await;
    check(&[("other", HERE, 10)], HERE, 0, Passes).await;
    check(&[("app", "2001:db8::1", 10)], "2001:db8::ffff:2", 0, TooMany).await;
    check(&[("app", "2001:db8::1", 10)], "2001:db8:0:1::1", 0, Passes).await;
}

#[tokio::test]
async fn network_is_locked_out_after_fifty_wrong_ones_and_a_wider_one_after_two_hundred_and_fifty()
{
    use Expected::{Passes, TooMany};
    let logins = ["a", "b", "c", "d", "e"];
    let guesses = logins.map(|login| (login, HERE, 10));
    check(&guesses[..4], HERE, 0, Passes).await;
    check(&guesses, HERE, 0, TooMany).await;
    check(&guesses, HERE, 3600, Passes).await;
    check(&guesses, "192.0.2.2", 0, Passes).await;

    let hosts: Vec<_> = (1..=25).map(|number| format!("192.0.2.1{number:02}")).collect();
    let around: Vec<_> = hosts
        .iter()
        .zip(logins.iter().cycle())
        .map(|(host, login)| (*login, host.as_str(), 10))
        .collect();
    check(&around[..24], HERE, 0, Passes).await;
    check(&around, HERE, 0, TooMany).await;
    check(&around, "192.0.3.1", 0, Passes).await;
}

#[tokio::test]
async fn login_is_locked_out_after_a_hundred_wrong_ones_a_day_but_not_of_where_it_is_used() {
    let world = World::new().await;
    let (login, elsewhere, known) = (&world.issued.login, "198.51.100.1", "203.0.113.1");
    assert_eq!(world.right(known, 0).await, world.passed());
    for network in 0..10 {
        world.guessed(login, &format!("192.0.{network}.1"), 1, 10).await;
    }
    let day = 24 * 3600;
    assert_eq!(world.right(elsewhere, 1).await, Authenticated::TooMany);
    assert_eq!(world.judge(login, "wrong", elsewhere, 1).await, Authenticated::TooMany);
    // Long forgotten by the memory of recent pairs.
    assert_eq!(world.right(known, day).await, world.passed());
    assert_eq!(world.right(elsewhere, day).await, Authenticated::TooMany);
    assert_eq!(world.right(elsewhere, day + 1).await, world.passed());
}

#[tokio::test]
async fn after_five_thousand_wrong_ones_an_hour_only_those_come_in_who_have_been_in_before() {
    let world = World::new().await;
    assert_eq!(world.right(HERE, 0).await, world.passed());
    // Every one for another login and from another neighbourhood.
    let guess = async |number: u32| {
        let from = format!("10.{}.{}.1", number / 250, number % 250);
        world.guessed(&number.to_string(), &from, 3600, 1).await;
    };
    futures_util::future::join_all((0..4999).map(guess)).await;
    assert_eq!(world.right("198.51.100.1", 3600).await, world.passed());
    guess(4999).await;
    assert_eq!(world.right("203.0.113.1", 3600).await, Authenticated::TooMany);
    assert_eq!(world.right(HERE, 3600).await, world.passed());
    assert_eq!(world.right("203.0.113.1", 7200).await, world.passed());
}

#[tokio::test]
async fn place_is_known_for_thirty_five_days_since_its_last_use() {
    let world = World::new().await;
    let days = |days: i64| days * 24 * 3600;
    assert_eq!(world.right(HERE, 0).await, world.passed());
    for (seconds, expected) in
        [(days(35) - 1, world.passed()), (days(70) - 1, Authenticated::TooMany)]
    {
        for network in 0..10 {
            world.guessed(&world.issued.login, &format!("198.51.{network}.1"), seconds, 10).await;
        }
        assert_eq!(world.right(HERE, seconds).await, expected, "{seconds}");
    }
}

#[tokio::test]
async fn restart_clears_no_count() {
    let mut world = World::new().await;
    world.guessed(&world.issued.login, HERE, 0, 10).await;
    world.store.close().await;
    let keyring = Keyring::load(&world.directory.path().join("relay.key")).unwrap();
    let directory = world.directory.path().join("store");
    world.store = Store::open(&directory, Arc::new(keyring)).await.unwrap();
    world.desk = Desk::new();
    assert_eq!(world.right(HERE, 0).await, Authenticated::TooMany);
}

#[tokio::test]
async fn wrong_answer_is_delayed_the_more_the_more_there_were_and_a_right_one_never() {
    let world = World::new().await;
    let judge = async |login: &str, password: &str| {
        let attempt = Attempt { login: login.into(), password: Secret::new(password) };
        world.desk.judge(&world.store, &attempt, HERE.parse().unwrap(), NOW).await.delay.as_millis()
    };
    let Issued { login, password } = &world.issued;
    assert_eq!(judge("nobody", "wrong").await, 500);
    assert_eq!(judge(login, "wrong").await, 1000);
    assert_eq!(judge(login, password.reveal()).await, 0);
    assert_eq!(judge("nobody", "wrong").await, 2000);
}

#[tokio::test]
async fn wrong_answer_comes_no_earlier_than_its_delay_and_a_right_one_need_not_wait() {
    let world = World::new().await;
    let gate = Gate::new(world.store.clone());
    let Issued { login, password } = &world.issued;
    let took = async |login: &str, password: &str| {
        let attempt = Attempt { login: login.into(), password: Secret::new(password) };
        let asked = Instant::now();
        gate.authenticate(&attempt, HERE.parse().unwrap()).await;
        asked.elapsed()
    };
    assert!(took(login, "wrong").await >= Duration::from_millis(500));
    assert!(took("nobody", "wrong").await >= Duration::from_secs(1));
    let _ = took(login, password.reveal()).await;
    let recognised = took(login, password.reveal()).await;
    assert!(recognised < Duration::from_millis(500), "{recognised:?}");
}

#[tokio::test]
async fn last_use_is_recorded_once_a_minute() {
    let world = World::new().await;
    assert_eq!(world.last_used().await, None);
    let _ = world.judge(&world.issued.login, "wrong", HERE, 0).await;
    assert_eq!(world.last_used().await, None);
    for (seconds, recorded) in [(0, 0), (59, 0), (60, 60), (90, 60), (700, 700)] {
        assert_eq!(world.right(HERE, seconds).await, world.passed());
        assert_eq!(world.last_used().await, Some(recorded), "{seconds}");
    }
}

#[tokio::test]
async fn what_cannot_be_found_out_is_not_wrong() {
    let world = World::new().await;
    world.store.close().await;
    assert_eq!(world.right(HERE, 0).await, Authenticated::Unavailable);
}

#[tokio::test]
async fn session_of_a_credential_that_was_revoked_sends_no_further_message() {
    let world = World::new().await;
    let gate = Gate::new(world.store.clone());
    let Issued { login, password } = &world.issued;
    let attempt = Attempt { login: login.clone(), password: password.clone() };
    let authenticated = gate.authenticate(&attempt, HERE.parse().unwrap()).await;
    assert_eq!(authenticated, world.passed());
    let Authenticated::As(submitter) = authenticated else { return };
    let mail = async || {
        let sender = Some("jan@a.example".parse().unwrap());
        gate.admit(Asked { client: Client::Known(submitter.clone()), sender, size: None }).await
    };
    assert_eq!(mail().await, Admission::As(submitter.clone()));
    world.store.revoke_credential(login, NOW).await.unwrap();
    // The yes from before counts a moment longer.
    let refused = loop {
        match mail().await {
            Admission::As(_) => tokio::task::yield_now().await,
            refused => break refused,
        }
    };
    assert_eq!(refused, Admission::NotAllowed(NotAllowed::Revoked));
    world.store.close().await;
    assert_eq!(mail().await, Admission::Unavailable);
}

/// Takes what is logged.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn log_tells_whose_login_is_guessed_at_and_no_word_that_may_be_a_password() {
    let (world, log) = (World::new().await, Log::default());
    let writer = log.clone();
    // For all tests of this process: one for a thread alone misses what another thread was the first to log.
    let subscriber = tracing_subscriber::fmt().with_env_filter("zegel_relay=trace");
    subscriber.with_writer(move || writer.clone()).init();
    tracing::callsite::rebuild_interest_cache();
    let Issued { login, password } = &world.issued;
    let _ = world.right(HERE, 0).await;
    for _ in 0..11 {
        let _ = world.judge(login, "canary-guess", HERE, 0).await;
    }
    let _ = world.judge("canary-in-the-wrong-field", password.reveal(), HERE, 0).await;
    world.store.close().await;
    let _ = world.judge(login, "canary-unavailable", HERE, 0).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in [
        format!("wrong password for {login} from {HERE}"),
        format!("wrong login from {HERE}"),
        format!("too many wrong logins from {HERE}"),
        format!("an AUTH from {HERE} cannot be judged"),
    ] {
        assert!(log.contains(&told), "{told:?} is missing: {log}");
    }
    assert!(!log.contains("canary") && !log.contains(password.reveal()), "{log}");
}
