//! The milter on a real socket, asked by a mail server's side of the protocol.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indymilter_test::{Actions, EomAction, MacroStage, ProtoOpts, Status, TestConnection};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::reload::Live;
use crate::{run, socket};

const RULES: &str = r#"
[[rule]]
name = "trigger"
when.subject = "secure"
action = "secure"
headers.zivver-direct-delivery = "tls tls1.2"
"#;

const OUTSIDE: [u8; 4] = [192, 0, 2, 1];
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

/// A milter of its own, in a directory of its own.
struct Milter {
    directory: TempDir,
    live: Arc<Live>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Milter {
    fn start() -> Self {
        Self::with(RULES)
    }

    fn with(rules: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("milter.sock");
        let config = directory.path().join("milter.toml");
        fs::write(&config, format!("socket = \"unix:{}\"\n{rules}", socket.display())).unwrap();
        let live = Arc::new(Live::open(&config).unwrap());
        let listener = socket::bind(live.started()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(run(listener, live.clone(), async move {
            let _ = stopped.await;
        }));
        Self { directory, live, stop, task }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A mail server that offers `options`.
    async fn server(&self, options: ProtoOpts) -> TestConnection {
        let wait = Duration::from_secs(10);
        TestConnection::configure()
            .read_timeout(wait)
            .write_timeout(wait)
            .available_actions(Actions::all())
            .available_opts(options)
            .exact_leading_space(options.contains(ProtoOpts::LEADING_SPACE))
            .open_unix(self.path("milter.sock"))
            .await
            .unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Sends one message; shows what the milter did: `-name/index`, `+name:value`, then the reply's codes or `taken`.
async fn send(server: &mut TestConnection, fields: &[(&str, &str)]) -> Vec<String> {
    send_with(server, fields, "").await
}

/// The same, with a body, in small pieces.
async fn send_with(
    server: &mut TestConnection,
    fields: &[(&str, &str)],
    body: &str,
) -> Vec<String> {
    server.mail(["<jan@gemeente.example>", "SIZE=1"]).await.unwrap();
    server.rcpt(["<piet@zorg.example>"]).await.unwrap();
    for (name, value) in fields {
        server.header(*name, *value).await.unwrap();
    }
    for piece in body.as_bytes().chunks(100) {
        assert_eq!(server.body(piece.to_vec()).await.unwrap(), Status::Continue);
    }
    server.macros(MacroStage::Eom, [("i", "4XyZ")]).await.unwrap();
    let (actions, status) = server.eom().await.unwrap();
    let mut shown: Vec<String> =
        actions.actions.into_iter().filter(|action| !is_return_wish(action)).map(shown).collect();
    shown.push(match status {
        Status::Continue => "taken".to_owned(),
        Status::Reject { message: Some(reply) } | Status::Tempfail { message: Some(reply) } => {
            reply.to_string_lossy().split(' ').take(2).collect::<Vec<_>>().join(" ")
        }
        other => format!("{other:?}"),
    });
    shown
}

/// What goes with all selected mail; [`selected_mail_comes_back_without_its_content`] looks at it.
fn is_return_wish(action: &EomAction) -> bool {
    matches!(action, EomAction::ChangeSender { .. })
}

fn shown(action: EomAction) -> String {
    match action {
        EomAction::AddHeader { name, value } => {
            format!("+{}:{}", name.to_string_lossy(), value.to_string_lossy())
        }
        EomAction::DeleteHeader { name, index } => format!("-{}/{index}", name.to_string_lossy()),
        other => format!("{other:?}"),
    }
}

/// What a milter with [`RULES`] does with a message of these fields, from this client, whatever the mail server offers.
async fn check(client: [u8; 4], fields: &[(&str, &str)], want: &[&str]) {
    let milter = Milter::start();
    let old = ProtoOpts::all() - ProtoOpts::LEADING_SPACE - ProtoOpts::NOREPLY_HEADER;
    for options in [ProtoOpts::all(), old] {
        let mut server = milter.server(options).await;
        server.connect("client.example", client).await.unwrap();
        let done = send(&mut server, fields).await;
        let done: Vec<String> = done.iter().map(|action| action.replacen(": ", ":", 1)).collect();
        assert_eq!(done, want, "{fields:?} {options:?}");
        server.close().await.unwrap();
    }
    milter.stop().await;
}

#[tokio::test]
async fn a_trigger_word_reroutes_with_the_rule_s_header() {
    check(
        LOOPBACK,
        &[("From", "jan@gemeente.example"), ("Subject", "very\n secure")],
        &["+zivver-direct-delivery:tls tls1.2", "+X-Zegel-Route:relay/", "taken"],
    )
    .await;
}

#[tokio::test]
async fn ordinary_mail_is_not_touched() {
    check(
        LOOPBACK,
        &[("From", "jan@gemeente.example"), ("Subject", "hello"), ("TLS-Required", "No")],
        &["taken"],
    )
    .await;
}

#[tokio::test]
async fn control_headers_of_ordinary_mail_are_removed() {
    check(
        OUTSIDE,
        &[("X-Zegel-Route", "relay/"), ("zivver-direct-delivery", "tls"), ("Subject", "hello")],
        &["-zivver-direct-delivery/1", "-X-Zegel-Route/1", "taken"],
    )
    .await;
}

/// Where recipients carry the route: all of them change, none of the client's may be one of ours, and nothing is added that a
/// reader would meet.
#[tokio::test]
async fn recipients_carry_the_route_where_headers_cannot() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("marker.key");
    fs::write(&key, "k".repeat(64)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
    fs::set_permissions(&key, mode).unwrap();
    let rules = format!("route = \"recipient\"\nmarker-key-file = \"{}\"\n{RULES}", key.display());
    let milter = Milter::with(&rules);
    let mut server = milter.server(ProtoOpts::all()).await;
    server.connect("client.example", LOOPBACK).await.unwrap();
    let done =
        send(&mut server, &[("From", " jan@gemeente.example"), ("Subject", " secure")]).await;
    let [directive, added, deleted, reply] = done.as_slice() else { panic!("{done:?}") };
    assert_eq!(directive, "+zivver-direct-delivery: tls tls1.2");
    assert!(added.contains("-piet=40zorg.example@zegel.invalid>"), "{added}");
    assert!(deleted.contains("<piet@zorg.example>"), "{deleted}");
    assert_eq!(reply, "taken");
    assert_eq!(send(&mut server, &[("From", " jan@gemeente.example")]).await, ["taken"]);

    server.mail(["<jan@gemeente.example>", "RET=FULL", "envid=1"]).await.unwrap();
    server.rcpt(["<piet@zorg.example>", "NOTIFY=NEVER", "ORCPT=rfc822;p"]).await.unwrap();
    server.header("Subject", " secure").await.unwrap();
    let (actions, _) = server.eom().await.unwrap();
    let said = format!("{:?}", actions.actions);
    for wanted in [
        "-jan=40gemeente.example@report.zegel.invalid>",
        "RET=HDRS ENVID=1",
        "NOTIFY=NEVER ORCPT=rfc822;p",
        "\"From\"",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing in {said}");
    }

    server.mail(["<jan@gemeente.example>"]).await.unwrap();
    server.rcpt(["<z1-00-piet=40zorg.example@Zegel.Invalid>"]).await.unwrap();
    server.macros(MacroStage::Eom, [("i", "4XyZ")]).await.unwrap();
    let (_, status) = server.eom().await.unwrap();
    assert!(format!("{status:?}").contains("550 5.1.3"), "{status:?}");
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn what_is_no_header_is_refused_for_good_and_what_is_too_long_for_now() {
    check(LOOPBACK, &[("Subject", "hello\nTLS-Required: No")], &["550 5.6.0"]).await;
    let long = "x".repeat(600_000);
    check(LOOPBACK, &[("X-A", &long), ("X-B", &long)], &["451 4.3.0"]).await;
}

#[tokio::test]
async fn who_logged_in_may_set_directives_and_the_next_message_starts_afresh() {
    let milter = Milter::start();
    let mut server = milter.server(ProtoOpts::all()).await;
    server.connect("client.example", OUTSIDE).await.unwrap();
    let fields = [("Subject", " secure"), ("zivver-message-expiration", " delete P1D")];
    server.macros(MacroStage::Mail, [("{auth_authen}", "jan")]).await.unwrap();
    assert_eq!(send(&mut server, &fields).await.len(), 3, "two headers added, none removed");
    server.macros(MacroStage::Mail, [("{auth_authen}", "")]).await.unwrap();
    assert_eq!(send(&mut server, &fields).await.first().unwrap(), "-zivver-message-expiration/1");
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn selected_mail_comes_back_without_its_content() {
    let milter = Milter::start();
    let mut server = milter.server(ProtoOpts::all()).await;
    server.connect("client.example", LOOPBACK).await.unwrap();
    for (subject, wanted) in [("secure", true), ("lunch", false)] {
        server.mail(["<jan@gemeente.example>"]).await.unwrap();
        server.rcpt(["<piet@zorg.example>"]).await.unwrap();
        server.header("Subject", subject).await.unwrap();
        let (actions, _) = server.eom().await.unwrap();
        let wishes: Vec<_> =
            actions.actions.iter().filter(|action| is_return_wish(action)).collect();
        assert_eq!(!wishes.is_empty(), wanted, "{subject}");
        let said = format!("{wishes:?}");
        assert!(
            !wanted || said.contains("<jan@gemeente.example>") && said.contains("RET=HDRS"),
            "{said}"
        );
    }
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn no_body_is_asked_for() {
    let milter = Milter::start();
    let server = milter.server(ProtoOpts::all()).await;
    assert!(
        server
            .negotiated_opts()
            .contains(ProtoOpts::NO_BODY | ProtoOpts::NO_HELO | ProtoOpts::LEADING_SPACE)
    );
    let needed = Actions::ADD_HEADER | Actions::CHANGE_HEADER | Actions::CHANGE_SENDER;
    assert_eq!(server.negotiated_actions(), needed);
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn a_bad_file_changes_no_rule_and_a_good_one_counts_for_the_next_message() {
    let milter = Milter::start();
    let mut server = milter.server(ProtoOpts::all()).await;
    server.connect("client.example", LOOPBACK).await.unwrap();
    let fields = [("From", " jan@gemeente.example"), ("Subject", " secret")];

    fs::write(milter.path("milter.toml"), "[[rule]]\nname = \"bad\"\n").unwrap();
    let problems = milter.live.reload().unwrap_err().to_string();
    assert!(problems.contains("missing field"), "{problems}");
    assert_eq!(send(&mut server, &[("Subject", " secure")]).await.last().unwrap(), "taken");
    assert_eq!(send(&mut server, &fields).await, ["taken"]);

    fs::write(
        milter.path("milter.toml"),
        RULES.replace("\"secure\"\naction", "\"secret\"\naction"),
    )
    .unwrap();
    assert_eq!(milter.live.reload().unwrap(), ["socket"], "the new socket waits for a restart");
    assert_eq!(send(&mut server, &fields).await.len(), 3);
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("milter.sock");
    let config =
        Config::parse(&format!("socket = \"unix:{}\"\nsocket-mode = \"0600\"", path.display()))
            .unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = socket::bind(&config).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(socket::bind(&config).unwrap_err().to_string().contains("another process"));
    drop(listener);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a letter").unwrap();
    assert!(socket::bind(&config).unwrap_err().to_string().contains("no socket"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
}

const LABEL: &str = r#"
[[rule]]
name = "label"
when.label = { guid = "4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4" }
action = "secure"
"#;

const MIXED: [(&str, &str); 3] = [
    ("From", "jan@gemeente.example"),
    ("MIME-Version", "1.0"),
    ("Content-Type", "multipart/mixed; boundary=b"),
];

/// What a milter that looks for a label does with these parts.
async fn check_parts(parts: &str, want: &[&str]) {
    let milter = Milter::with(LABEL);
    let mut server = milter.server(ProtoOpts::all() - ProtoOpts::LEADING_SPACE).await;
    assert!(!server.negotiated_opts().contains(ProtoOpts::NO_BODY));
    server.connect("client.example", LOOPBACK).await.unwrap();
    let body = parts.replace('\n', "\r\n");
    assert_eq!(send_with(&mut server, &MIXED, &body).await, want, "{parts}");
    // The next message starts afresh.
    assert_eq!(send_with(&mut server, &MIXED, "--b\r\n\r\nx\r\n--b--\r\n").await, ["taken"]);
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn a_label_in_an_attachment_reroutes() {
    check_parts(
        "--b\n\ntext\n--b\nContent-Type: message/rfc822\n\nFrom: a@b.example\n\
         msip_labels: MSIP_Label_4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4_Enabled=true\n\nx\n--b--\n",
        &["+X-Zegel-Route:relay/", "taken"],
    )
    .await;
}

#[tokio::test]
async fn an_attachment_that_cannot_be_read_reroutes() {
    check_parts(
        "--b\nContent-Type: application/pkcs7-mime\n\nx\n--b--\n",
        &["+X-Zegel-Route:relay/", "taken"],
    )
    .await;
}

#[tokio::test]
async fn a_rule_that_needs_bodies_waits_for_a_connection_that_has_them() {
    let milter = Milter::start();
    let mut server = milter.server(ProtoOpts::all()).await;
    server.connect("client.example", LOOPBACK).await.unwrap();
    let fields = [("From", " jan@gemeente.example"), ("Subject", " hello")];
    assert_eq!(send(&mut server, &fields).await, ["taken"]);
    fs::write(milter.path("milter.toml"), LABEL).unwrap();
    milter.live.reload().unwrap();
    assert_eq!(send(&mut server, &fields).await, ["451 4.3.0"]);
    let mut fresh = milter.server(ProtoOpts::all()).await;
    fresh.connect("client.example", LOOPBACK).await.unwrap();
    assert_eq!(send(&mut fresh, &fields).await, ["taken"]);
    server.close().await.unwrap();
    fresh.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn a_trigger_word_is_taken_out_of_the_subject() {
    let milter = Milter::with(
        &RULES.replace("\"secure\"\naction", "{ words = \"secure\", strip = true }\naction"),
    );
    let mut server = milter.server(ProtoOpts::all()).await;
    server.connect("client.example", LOOPBACK).await.unwrap();
    let fields = [("From", " jan@gemeente.example"), ("Subject", " secure: offer")];
    let done = send(&mut server, &fields).await;
    assert!(done.first().unwrap().contains(" offer"), "{done:?}");
    server.close().await.unwrap();
    milter.stop().await;
}

#[tokio::test]
async fn a_file_whose_tests_do_not_hold_changes_no_rule() {
    let milter = Milter::start();
    let test = "[[test]]\nname = \"offers\"\nsubject = \"offer\"\nexpect = \"trigger\"\n";
    fs::write(milter.path("milter.toml"), format!("{RULES}{test}")).unwrap();
    let problems = milter.live.reload().unwrap_err().to_string();
    assert!(problems.contains("test \"offers\""), "{problems}");
    milter.stop().await;
}
