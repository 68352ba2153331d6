//! Mail that comes over the network: by the SMTP gateway, from whoever has proved who they are.

use std::net::{IpAddr, Ipv4Addr};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpStream;
use zegel_tests::ca::Kind;
use zegel_tests::gateway::{Credential, HELLO, connect, proxy_header, shown};
use zegel_tests::lab::{GATEWAY_HOST, Lab, Port, Setup};
use zegel_tests::mailbox::arrival;
use zegel_tests::submit::Client;
use zegel_tests::wait::until;

use crate::{CERTIFIED, TEXT, secured, to};

/// The load balancer of these tests.
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 99));

async fn lab() -> Lab {
    Lab::start(Setup { gateway: Some(String::new()), ..Setup::default() }).await
}

#[tokio::test]
async fn an_application_submits_after_starttls_and_login() {
    let lab = lab().await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let credential = Credential::create(&lab.relay, "org.test");
    let mut client = lab.caller().starttls(lab.gateway(Port::Submission)).await;
    assert!(client.command(HELLO).await.text.contains("AUTH PLAIN LOGIN"));
    let letter = secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1);
    assert_eq!(client.message(&letter).await.code, 530, "mail was taken without a login");
    assert_eq!(credential.plain(&mut client).await.code, 235);
    client.message(&letter).await.expect_kept();
    let found = arrival(&good, "the letter", to("lisa@good.test")).await;
    assert!(found.text().contains(TEXT));
    assert_eq!(client.command("QUIT").await.code, 221);
}

#[tokio::test]
async fn an_application_submits_in_chunks_inside_implicit_tls() {
    let lab = lab().await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let credential = Credential::create(&lab.relay, "jan@org.test");
    let mut client = lab.caller().implicit(lab.gateway(Port::Submissions)).await;
    assert!(client.command(HELLO).await.text.contains("CHUNKING"));
    assert_eq!(credential.login(&mut client).await.code, 235);
    let letter = secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1);
    client.chunks(&letter, 100).await.expect_kept();
    assert!(arrival(&good, "the letter", to("lisa@good.test")).await.text().contains(TEXT));
}

#[tokio::test]
async fn a_wrong_password_is_told_in_the_log_with_its_address_and_without_itself() {
    let lab = lab().await;
    let mut credential = Credential::create(&lab.relay, "org.test");
    credential.password = "a-guess-of-somebody".to_owned();
    let mut client = lab.caller().implicit(lab.gateway(Port::Submissions)).await;
    client.command(HELLO).await;
    assert_eq!(credential.plain(&mut client).await.code, 535);
    let log =
        until("the log", || Some(lab.relay.log()).filter(|log| log.contains("wrong password for")))
            .await;
    let told: Vec<_> = log.lines().filter(|line| line.contains("127.0.0.1 from=")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(!log.contains(&credential.password), "{log}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_clients_and_ends_no_connection() {
    let lab = lab().await;
    let (caller, server) = (lab.caller(), lab.gateway(Port::Submissions));
    let mut before = caller.implicit(server).await;
    let leaf = lab.ca.issue(&lab.place, Kind::Good, GATEWAY_HOST, None);
    lab.relay.hang_up();
    until("the new certificate to be read", || {
        lab.relay.log().contains("read the certificate").then_some(())
    })
    .await;
    let renewed = shown(&caller.implicit(server).await);
    assert_ne!(shown(&before), renewed);

    std::fs::write(&leaf.certificate, "half a certificate").expect("spoil the certificate");
    lab.relay.hang_up();
    until("the spoilt certificate to be named", || {
        let log = lab.relay.log();
        log.contains(&format!("{} stays as it was", leaf.certificate.display())).then_some(())
    })
    .await;
    assert_eq!(shown(&caller.implicit(server).await), renewed);
    assert!(before.command(HELLO).await.is_positive());
}

#[tokio::test]
async fn a_proxy_speaks_for_its_clients_and_nobody_else_does() {
    let gateway = Some(format!("proxies = [\"{PROXY}\"]"));
    let lab = Lab::start(Setup { gateway, ..Setup::default() }).await;
    let server = lab.gateway(Port::Submission);
    let header = proxy_header(Ipv4Addr::new(192, 0, 2, 77));

    let mut client = Client::new(connect(Some(PROXY), server).await);
    client.send(&header).await;
    assert_eq!(client.reply().await.code, 220);
    let mut client = lab.caller().upgrade(client, "STARTTLS\r\n").await;
    client.command(HELLO).await;
    let nobody = Credential { login: "nobody".to_owned(), password: "nothing".to_owned() };
    assert_eq!(nobody.plain(&mut client).await.code, 535);
    until("the client's own address in the log", || {
        lab.relay.log().contains("wrong login from 192.0.2.77").then_some(())
    })
    .await;

    let mut silent = Client::new(connect(Some(PROXY), server).await);
    silent.send(b"EHLO client.org.test\r\nNOOP\r\n").await;
    assert_eq!(silent.reply().await.code, 0, "a proxy was served without its header");

    let mut stranger = Client::new(connect(None, server).await);
    stranger.send(&header).await;
    let mut codes = Vec::new();
    while codes.last() != Some(&0) {
        codes.push(stranger.reply().await.code);
    }
    assert_eq!(codes.first(), Some(&220));
    assert!(codes.contains(&521) && !codes.contains(&250), "{codes:?}");
}

#[tokio::test]
async fn a_browser_that_was_lured_to_the_port_gets_nothing_done() {
    let lab = lab().await;
    let mut browser = lab.caller().plain(lab.gateway(Port::Relay)).await;
    let request = "POST / HTTP/1.1\r\nHost: gateway.org.test\r\n\r\n";
    let smuggled =
        "EHLO x.test\r\nMAIL FROM:<jan@org.test>\r\nRCPT TO:<pim@plain.test>\r\nDATA\r\n";
    browser.send(format!("{request}{smuggled}").as_bytes()).await;
    let mut codes = Vec::new();
    while codes.last() != Some(&0) {
        codes.push(browser.reply().await.code);
    }
    assert!(!codes.contains(&250) && !codes.contains(&354), "{codes:?}");
}

#[tokio::test]
async fn what_was_said_before_tls_is_forgotten_in_it() {
    let lab = lab().await;
    let client = lab.caller().plain(lab.gateway(Port::Relay)).await;
    let injected = "STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@org.test>\r\nHELP\r\n";
    let mut client = lab.caller().upgrade(client, injected).await;
    // The first answer inside TLS is that to the first word inside TLS, and there was no greeting before it.
    assert_eq!(client.command("NOOP").await.code, 250);
    assert_eq!(client.command("MAIL FROM:<jan@org.test>").await.code, 503);
}

/// As many as the product promises to hold.
const IDLE: usize = 10_000;

/// Of these, those inside TLS; the others wait in the clear.
const IDLE_SECURE: usize = 1_000;

/// What one of them may cost, in octets of the relay's memory: twice what was measured.
const IDLE_COST_MAX: u64 = 8 * 1024;
const IDLE_SECURE_COST_MAX: u64 = 26 * 1024;

#[tokio::test]
async fn ten_thousand_idle_clients_are_held_while_mail_flows() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of open files");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raise the limit of open files");
    assert!(hard > IDLE as u64 + 1_000, "this test needs more than {hard} open files: ulimit -Hn");
    let limits = "smtp-connections-max = 12000\nsmtp-connections-per-address-max = 12000\n";
    let setup =
        Setup { gateway: Some(String::new()), limits: limits.to_owned(), ..Setup::default() };
    let lab = Lab::start(setup).await;
    let good = lab.sink("good.test", Some(Kind::Good));
    let (caller, server) = (lab.caller(), lab.gateway(Port::Submission));

    // What is made once, such as threads, is there.
    drop(caller.starttls(server).await);
    let before = lab.relay.memory();
    let mut plain: Vec<Client<TcpStream>> = Vec::new();
    for _ in 0..IDLE - IDLE_SECURE {
        let mut client = caller.plain(server).await;
        assert!(client.command(HELLO).await.is_positive());
        plain.push(client);
    }
    let half = lab.relay.memory();
    let mut secure = Vec::new();
    for _ in 0..IDLE_SECURE {
        let mut client = caller.starttls(server).await;
        assert!(client.command(HELLO).await.is_positive());
        secure.push(client);
    }
    let after = lab.relay.memory();
    let each = half.saturating_sub(before) / (IDLE - IDLE_SECURE) as u64;
    let each_secure = after.saturating_sub(half) / IDLE_SECURE as u64;
    assert!(
        each <= IDLE_COST_MAX && each_secure <= IDLE_SECURE_COST_MAX,
        "an idle client costs {each} octets in the clear and {each_secure} inside TLS"
    );

    let letter = secured().to("lisa@good.test").header(CERTIFIED.0, CERTIFIED.1);
    lab.send(&letter).await;
    arrival(&good, "the letter", to("lisa@good.test")).await;
    for client in plain.iter_mut().step_by(100) {
        assert_eq!(client.command("NOOP").await.code, 250);
    }
    for client in secure.iter_mut().step_by(100) {
        assert_eq!(client.command("NOOP").await.code, 250);
    }
}
