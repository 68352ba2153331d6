//! Credentials from the administrator's side: made, shown once, listed, revoked.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

use zegel_tests::canary;
use zegel_tests::place::Place;
use zegel_tests::process::installed;

/// A relay's configuration and key, and nothing that runs.
fn relay() -> Place {
    let place = Place::new();
    place.write(
        "relay.toml",
        &format!(
            r#"hostname = "relay.org.test"
state-directory = "{directory}/state"
key-file = "{directory}/relay.key"

[organisation]
name = "Gemeente Voorbeeld"
from = "beveiligd@org.test"
language = "nl"

[portal]
public-origin = "https://portal.org.test"
"#,
            directory = place.path().display()
        ),
    );
    assert!(run(&place, &["key", "create"]).status.success());
    place
}

fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(installed("zegel-relay"));
    command.arg("--config").arg(place.file("relay.toml")).args(arguments).stdin(Stdio::null());
    command
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    // All that it could log is among what it tells.
    command(place, arguments).env("RUST_LOG", "trace").output().expect("run zegel-relay")
}

/// Runs a command that succeeds: what it printed, and what it told.
#[track_caller]
fn check(place: &Place, arguments: &[&str]) -> (String, String) {
    let output = run(place, arguments);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (printed, told) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {told}");
    (printed, told)
}

/// Runs a command that fails, and whose words say this.
#[track_caller]
fn check_fails(place: &Place, arguments: &[&str], words: &[&str]) {
    let output = run(place, arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?}");
    for word in words {
        assert!(told.contains(word), "{arguments:?} does not say {word:?}: {told}");
    }
}

/// The value that stands after this word on a line of its own.
#[track_caller]
fn value<'a>(printed: &'a str, word: &str) -> &'a str {
    let found = printed.lines().find_map(|line| line.strip_prefix(word));
    found.unwrap_or_else(|| panic!("no {word} in {printed}")).trim()
}

#[test]
fn credential_is_shown_once_and_its_password_is_nowhere_else() {
    let relay = relay();
    check(&relay, &["domain", "add", "b.example"]);
    let create = [
        "credential",
        "create",
        "--for",
        "Jan@a.example",
        "--for",
        "b.example",
        "--name",
        "scanner",
    ];
    let (printed, told) = check(&relay, &create);
    let (login, password) = (value(&printed, "login"), value(&printed, "password"));
    assert!(login.starts_with("scanner-") && login.len() == "scanner-7k3f9q".len(), "{login}");
    assert_eq!(password.len(), 26);
    assert_eq!(printed.matches(password).count(), 1, "{printed}");
    assert!(told.contains("no account matches Jan@a.example"), "{told}");
    assert!(told.contains("zegel-relay account add Jan@a.example"), "{told}");
    assert!(!told.contains("b.example") && !told.contains(password), "{told}");

    let (listed, told) = check(&relay, &["credential", "list"]);
    assert!(
        listed.contains(login) && listed.contains("for Jan@a.example, b.example\t"),
        "{listed}"
    );
    assert!(listed.contains("never used") && !listed.contains("argon2"), "{listed}");
    assert!(!listed.contains(password) && !told.contains(password), "{listed}{told}");
    let found = canary::sweep(relay.path(), &[password, "$argon2id"], |_| false);
    assert!(found.is_empty(), "{found:#?}");
    let kept = canary::sweep(&relay.file("state"), &[login], |_| false);
    assert!(!kept.is_empty(), "this is where it would be");
}

#[test]
fn every_credential_has_a_login_and_a_password_of_its_own() {
    let relay = relay();
    let create = ["credential", "create", "--for", "a.example", "--for", "A.example"];
    let made = [(); 3].map(|()| check(&relay, &create).0);
    for (at, one) in made.iter().enumerate() {
        assert!(value(one, "login").starts_with("app-"), "{one}");
        assert_eq!(value(one, "for"), "a.example");
        for another in made.iter().skip(at + 1) {
            assert_ne!(value(one, "login"), value(another, "login"));
            assert_ne!(value(one, "password"), value(another, "password"));
        }
    }
    assert_eq!(check(&relay, &["credential", "list"]).0.lines().count(), 3);
}

#[test]
fn revoked_credential_stays_in_the_list_as_such() {
    let relay = relay();
    let (made, _) = check(&relay, &["credential", "create", "--for", "a.example"]);
    let login = value(&made, "login");
    let (revoked, _) = check(&relay, &["credential", "revoke", login]);
    assert!(revoked.starts_with(&format!("{login}: revoked")), "{revoked}");
    let (again, _) = check(&relay, &["credential", "revoke", login]);
    assert!(again.contains("was revoked already"), "{again}");
    let (listed, _) = check(&relay, &["credential", "list"]);
    assert!(listed.contains(login) && listed.contains("\trevoked 20"), "{listed}");
}

#[test]
fn mistake_is_named_with_what_to_do() {
    let relay = relay();
    check_fails(&relay, &["credential", "create"], &["--for"]);
    check_fails(&relay, &["credential", "create", "--for", "jan@"], &["--for", "jan@"]);
    let name = ["credential", "create", "--for", "a.example", "--name", "My Scanner"];
    check_fails(&relay, &name, &["My Scanner", "lower-case letters"]);
    check_fails(
        &relay,
        &["credential", "revoke", "nobody-000000"],
        &["no credential \"nobody-000000\"", "credential list"],
    );
}

#[test]
fn password_that_could_not_be_shown_belongs_to_nothing() {
    let relay = relay();
    let full = OpenOptions::new().write(true).open("/dev/full").expect("open a full device");
    let create = command(&relay, &["credential", "create", "--for", "a.example"])
        .stdout(full)
        .output()
        .expect("run zegel-relay");
    let told = String::from_utf8_lossy(&create.stderr);
    assert!(!create.status.success() && told.contains("cannot show the password"), "{told}");
    let (listed, _) = check(&relay, &["credential", "list"]);
    assert!(listed.lines().count() == 1 && listed.contains("\trevoked 20"), "{listed}");
}
