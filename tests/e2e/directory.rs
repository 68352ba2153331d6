//! Who may submit: accounts that the relay keeps, and those of the organisation's LDAP server.

use zegel_tests::ca::{Ca, Kind, Leaf};
use zegel_tests::ldap::{self, Ldap};
use zegel_tests::letter::Letter;
use zegel_tests::place::Place;
use zegel_tests::relay::Relay;
use zegel_tests::submit::{Reply, submit_lmtp};

/// Some who may, and one who may no more.
fn entries() -> String {
    [
        ldap::account("jan@org.test", &[("proxyAddresses", "smtp:j.devries@org.test")]),
        ldap::account("els@org.test", &[("proxyAddresses", "SMTP:els@org.test")]),
        ldap::account("kees@org.test", &[("accountStatus", "disabled")]),
    ]
    .concat()
}

struct World {
    relay: Relay,
    ldap: Ldap,
    _place: Place,
}

impl World {
    /// A relay that asks a server with these entries; `lines` of `[directory.ldap]` say how.
    async fn start(entries: &str, lines: &str) -> Self {
        let place = Place::new();
        let [plain, _] = Ldap::hosts(&place);
        let ldap = Ldap::start(&place, entries, None).await;
        let lines = format!("url = \"ldap://{plain}\"\n{lines}");
        let relay = relay(&place, &Ca::new(&place), &lines).await;
        Self { relay, ldap, _place: place }
    }

    async fn submit(&self, author: &str) -> Reply {
        submit(&self.relay, author).await
    }
}

async fn submit(relay: &Relay, author: &str) -> Reply {
    let letter = Letter::from(author).to("pim@plain.test").subject("Secure: your results");
    submit_lmtp(relay.socket(), &letter).await
}

async fn relay(place: &Place, ca: &Ca, lines: &str) -> Relay {
    let (portal, (reader, password)) = (place.at(1), ldap::READER);
    let password = place.write("ldap.password", &format!("{password}\n"));
    let configuration = format!(
        r#"hostname = "relay.org.test"
state-directory = "{directory}/state"
key-file = "{directory}/relay.key"
organisation = {{ name = "Gemeente Voorbeeld", from = "beveiligd@org.test", language = "nl" }}
lmtp = {{ socket = "{directory}/relay.sock" }}
dns = {{ servers = ["{nobody}"], dnssec = "off" }}
outbound = {{ port = {port}, roots = "{roots}" }}
portal = {{ public-origin = "https://{portal}", listen = "{portal}" }}
[directory.ldap]
base = "{base}"
bind-dn = "{reader}"
password-file = "{password}"
active-filter = "(!(accountStatus=disabled))"
domains = ["org.test", "alias.test"]
{lines}
"#,
        directory = place.path().display(),
        nobody = place.at(3),
        port = place.port(),
        roots = ca.root().display(),
        base = ldap::BASE,
        password = password.display(),
    );
    Relay::start(place, &configuration, "whole.test", portal).await
}

#[track_caller]
fn check(reply: &Reply, code: u16, says: &str) {
    let found = format!("{} {}", reply.code, reply.text);
    assert!(reply.code == code && reply.text.contains(says), "{code} {says:?}, not {found}");
}

const KEPT: (u16, &str) = (250, "");
const NO_ACCOUNT: (u16, &str) = (550, "5.7.1 no active account");
const SUSPENDED: (u16, &str) = (550, "is suspended");
const UNKNOWN: (u16, &str) = (451, "4.3.0");

#[tokio::test]
async fn an_author_with_an_active_account_in_ldap_may_submit() {
    let world = World::start(&entries(), "").await;
    for (author, (code, says)) in [
        ("jan@org.test", KEPT),
        ("Jan@ORG.test", KEPT),
        ("j.devries@org.test", KEPT),
        ("els@org.test", KEPT),
        ("kees@org.test", SUSPENDED),
        ("piet@org.test", NO_ACCOUNT),
        // Each would find somebody if it were read as part of the filter.
        ("*@org.test", NO_ACCOUNT),
        ("\"x)(mail=*\"@org.test", NO_ACCOUNT),
        ("anyone@whole.test", KEPT),
    ] {
        check(&world.submit(author).await, code, says);
    }
    // Another domain's authors are nobody that this server could know.
    let asked = world.ldap.log().matches("SRCH base").count();
    check(&world.submit("jan@elsewhere.test").await, NO_ACCOUNT.0, NO_ACCOUNT.1);
    check(&world.submit("jan@org.test").await, KEPT.0, KEPT.1);
    assert_eq!(world.ldap.log().matches("SRCH base").count(), asked, "{}", world.ldap.log());
    // All of it over one connection; slapd writes two lines for a bind.
    assert_eq!(world.ldap.log().matches(" BIND dn=").count(), 2, "{}", world.ldap.log());
}

#[tokio::test]
async fn a_question_that_several_have_is_asked_once() {
    let world = World::start(&entries(), "").await;
    let ask = || world.submit("jan@org.test");
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    for reply in [one, two, three, four] {
        check(&reply, KEPT.0, KEPT.1);
    }
    assert_eq!(world.ldap.log().matches("SRCH base").count(), 1, "{}", world.ldap.log());
}

#[tokio::test]
async fn while_ldap_is_down_the_mail_stays_with_the_client_and_goes_when_it_is_back() {
    let mut world = World::start(&entries(), "").await;
    check(&world.submit("jan@org.test").await, KEPT.0, KEPT.1);
    world.ldap.kill();
    for author in ["els@org.test", "piet@org.test", "kees@org.test"] {
        check(&world.submit(author).await, UNKNOWN.0, UNKNOWN.1);
    }
    // What was said a moment ago still counts, and what the relay knows itself does.
    check(&world.submit("jan@org.test").await, KEPT.0, KEPT.1);
    check(&world.submit("anyone@whole.test").await, KEPT.0, KEPT.1);
    world.relay.stop().await;
    world.relay.resume().await;
    check(&world.submit("jan@org.test").await, UNKNOWN.0, UNKNOWN.1);
    world.ldap.resume().await;
    check(&world.submit("els@org.test").await, KEPT.0, KEPT.1);
    check(&world.submit("piet@org.test").await, NO_ACCOUNT.0, NO_ACCOUNT.1);
    // The connection that stood breaks between two questions.
    world.ldap.kill();
    world.ldap.resume().await;
    check(&world.submit("jan@org.test").await, KEPT.0, KEPT.1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_question_says_nothing_about_the_author() {
    let silent = World::start(&entries(), "timeout = \"1s\"").await;
    silent.ldap.pause();
    check(&silent.submit("jan@org.test").await, UNKNOWN.0, UNKNOWN.1);
    let log = silent.relay.log();
    assert!(log.contains("no answer within 1 s"), "{log}");

    let divided = World::start(&(entries() + &ldap::referral()), "").await;
    check(&divided.submit("jan@org.test").await, KEPT.0, KEPT.1);
    check(&divided.submit("piet@org.test").await, UNKNOWN.0, UNKNOWN.1);
    let log = divided.relay.log();
    assert!(log.contains("refers to another server"), "{log}");
}

/// A server with such a certificate, asked with STARTTLS or, `implicit`, with TLS from the first octet.
async fn check_tls(kind: Kind, implicit: bool, (code, says): (u16, &str)) {
    let place = Place::new();
    let ca = Ca::new(&place);
    let [plain, tls] = Ldap::hosts(&place);
    let address = if implicit { tls } else { plain };
    let named = (kind != Kind::WrongName).then_some(address.ip());
    let leaf: Leaf = ca.issue(&place, kind, "ldap.org.test", named);
    let ldap = Ldap::start(&place, &entries(), Some(&leaf)).await;
    let url = if implicit {
        format!("url = \"ldaps://{address}\"")
    } else {
        format!("url = \"ldap://{address}\"\nstarttls = true")
    };
    let lines = format!("{url}\nroots = \"{}\"", ca.root().display());
    let relay = relay(&place, &ca, &lines).await;
    let reply = submit(&relay, "jan@org.test").await;
    check(&reply, code, says);
    let asked = ldap.log().contains("SRCH base") || ldap.log().contains(" BIND dn=");
    assert_eq!(asked, kind == Kind::Good, "{kind:?}: {}", ldap.log());
    if kind != Kind::Good {
        assert!(relay.log().contains("certificate"), "{kind:?}: {}", relay.log());
    }
}

#[tokio::test]
async fn ldap_is_asked_inside_tls_when_the_certificate_is_good() {
    check_tls(Kind::Good, false, KEPT).await;
    check_tls(Kind::Good, true, KEPT).await;
}

#[tokio::test]
async fn a_wrong_certificate_of_the_ldap_server_is_a_fault_and_never_a_reason_for_plaintext() {
    for kind in [Kind::OtherCa, Kind::Expired, Kind::WrongName] {
        check_tls(kind, false, UNKNOWN).await;
    }
    check_tls(Kind::OtherCa, true, UNKNOWN).await;
}

#[tokio::test]
async fn what_the_relay_knows_of_an_account_goes_before_the_directory_and_the_domain() {
    let world = World::start(&entries(), "").await;
    let relay = &world.relay;
    relay.command(&[
        "account",
        "add",
        "desk@whole.test",
        "--functional",
        "--alias",
        "help@alias.test",
    ]);
    relay.command(&["account", "alias", "desk@whole.test", "--add", "kees@org.test"]);
    for author in ["desk@whole.test", "help@alias.test", "kees@org.test"] {
        check(&world.submit(author).await, KEPT.0, KEPT.1);
    }
    relay.command(&["account", "suspend", "desk@whole.test"]);
    for author in ["desk@whole.test", "help@alias.test", "kees@org.test"] {
        check(&world.submit(author).await, SUSPENDED.0, SUSPENDED.1);
    }
    check(&world.submit("other@whole.test").await, KEPT.0, KEPT.1);
    let listed = relay.command(&["account", "list"]);
    for part in ["desk@whole.test\tfunctional\tsince", "suspended since", "alias help@alias.test"] {
        assert!(listed.contains(part), "{listed}");
    }
    relay.command(&["account", "resume", "desk@whole.test"]);
    check(&world.submit("help@alias.test").await, KEPT.0, KEPT.1);
    relay.command(&["account", "alias", "desk@whole.test", "--remove", "help@alias.test"]);
    check(&world.submit("help@alias.test").await, NO_ACCOUNT.0, NO_ACCOUNT.1);
    relay.command(&["account", "remove", "desk@whole.test"]);
    relay.command(&["domain", "remove", "whole.test"]);
    check(&world.submit("desk@whole.test").await, NO_ACCOUNT.0, NO_ACCOUNT.1);
    assert_eq!(relay.command(&["domain", "list"]), "");
}
