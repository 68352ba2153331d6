//! `packaging/try`: the main job for real, on this machine, with nothing of the system touched.
//!
//! Three messages leave one Postfix with Zegel beside it. What becomes of each is shown in a few lines; then it stays up
//! so that a person can be the recipient. With `--once` the program plays the recipient itself, and succeeds only if
//! it could read the message.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use zegel_tests::lab::{Lab, Setup};
use zegel_tests::letter::Letter;
use zegel_tests::mailbox::{Maildir, arrival};
use zegel_tests::mta::Postfix;
use zegel_tests::recipient::Recipient;
use zegel_tests::wait::until;

const JAN: &str = "Jan de Vries <jan@org.test>";
const LISA: &str = "lisa@good.test";
const PIM: &str = "pim@plain.test";

const TEXT: &str = "Dear reader,\n\nYour results are good.\n\nJan";

/// What an administrator would write: a word in the subject, direct delivery where the server can, else the portal.
const RULES: &str = r#"
[[rule]]
name = "trigger word"
when.subject = ["secure", "beveiligd"]
action = "secure"
headers.zivver-direct-delivery = "tls tls1.2 auth certificate-validation"
headers.zivver-minimum-recipient-verification = "verification-email"
"#;

/// How often the recipient's mailbox is looked at for a new code.
const LOOK: Duration = Duration::from_millis(200);

/// Everything that runs.
struct Show {
    lab: Lab,
    lisa: Maildir,
    pim: Maildir,
    _receiving: [Postfix; 2],
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let once = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => false,
        ["--once"] => true,
        _ => {
            say("usage: packaging/try [--once]");
            return ExitCode::from(2);
        }
    };
    // A person reads this, not a debugger.
    std::panic::set_hook(Box::new(|panic| say(&format!("\nIt did not work: {}", words(panic)))));
    tokio::select! {
        code = run(once) => code,
        () = interrupted() => {
            say("\n\n  Everything is removed.");
            ExitCode::SUCCESS
        }
    }
}

async fn run(once: bool) -> ExitCode {
    let show = Show::start().await;
    show.ordinary().await;
    show.direct().await;
    let link = show.notified().await;
    if once { show.play_recipient().await } else { show.wait_for_recipient(&link).await }
}

impl Show {
    async fn start() -> Self {
        let lab = Lab::start(Setup { rules: RULES.to_owned(), ..Setup::default() }).await;
        let (good, lisa) = lab.postfix("good.test", true).await;
        let (plain, pim) = lab.postfix("plain.test", false).await;
        say(&format!(
            "\nZegel, for real, on this machine. Nothing of the system is touched; all of it is below {}.\n\n\
             \x20 Running: a Postfix that sends, the milter, the relay, two Postfixes that receive, and a name server.",
            lab.place.path().display()
        ));
        Self { lab, lisa, pim, _receiving: [good, plain] }
    }

    async fn ordinary(&self) {
        let letter = Letter::from(JAN).to(LISA).subject("Lunch on Friday").text("At noon?");
        self.lab.send(&letter).await;
        let found =
            arrival(&self.lisa, "the ordinary message", |mail| mail.text().contains("At noon?"))
                .await;
        let ours = String::from_utf8_lossy(&found.message).to_lowercase().contains("zegel");
        assert!(
            !ours && self.lab.relay.delivery(LISA).is_empty(),
            "the ordinary message was touched"
        );
        say(&format!(
            "\n  1  \"Lunch on Friday\" to {LISA}\n     Untouched: it arrived as it was sent, and the relay never saw it."
        ));
    }

    async fn direct(&self) {
        self.lab.send(&Letter::from(JAN).to(LISA).subject("Secure: your results").text(TEXT)).await;
        let found = arrival(&self.lisa, "the secured message", |mail| {
            mail.text().contains("results are good")
        })
        .await;
        let message = String::from_utf8_lossy(&found.message).to_lowercase();
        assert!(
            !message.contains("zivver-") && !message.contains("x-zegel"),
            "a control header went out:\n{message}"
        );
        let trace = found.heads("Received").join(" ");
        let version = after(&trace, "using ").expect("the receiving server says which TLS it saw");
        let shown = until("the relay's evidence", || {
            Some(self.lab.relay.delivery(LISA)).filter(|shown| shown.contains("certificate of"))
        })
        .await;
        let name = after(&shown, "certificate of ").unwrap_or_default();
        say(&format!(
            "\n  2  \"Secure: your results\" to {LISA}, whose server has a good certificate\n     \
             Delivered directly: {version}, certificate of {name}; an ordinary mail for Lisa, with nothing to click."
        ));
    }

    async fn notified(&self) -> String {
        self.lab.send(&Letter::from(JAN).to(PIM).subject("Secure: your results").text(TEXT)).await;
        let link = self.recipient().link().await;
        let shown = self.lab.relay.delivery(PIM);
        let why = shown
            .lines()
            .find_map(|line| line.trim().strip_prefix("not by direct-delivery: "))
            .unwrap_or("");
        say(&format!(
            "\n  3  \"Secure: your results\" to {PIM}, whose server has no TLS\n     \
             Not sent: {why}. It is kept here, sealed, and Pim got a notification with this address:\n     {link}"
        ));
        link
    }

    async fn play_recipient(&self) -> ExitCode {
        let mut pim = self.recipient();
        let seen = pim.read().await;
        let code = pim.code(1).await;
        if seen.contains("Your results are good.") {
            say(&format!(
                "\n  Pim asked for a code there, got {code} by mail, typed it, and read: \"Your results are good.\""
            ));
            ExitCode::SUCCESS
        } else {
            say(&format!(
                "\n  Pim typed the code {code}, and could not read the message. The portal showed:\n{seen}"
            ));
            ExitCode::FAILURE
        }
    }

    async fn wait_for_recipient(&self, link: &str) -> ExitCode {
        let port = self.lab.place.port();
        say(&format!(
            "\n  Now you are Pim: open {link}\n  \
             Your browser will warn: the certificate authority is as old as this test. Go on; it is your own machine.\n  \
             (Is the browser on another one? ssh -L {port}:127.0.0.1:{port} to this one first.)\n  \
             Ask for the code there: it is mailed to Pim, and shown here as it arrives. Ctrl-C ends and removes everything.\n"
        ));
        let pim = self.recipient();
        let mut shown = 0;
        loop {
            for code in pim.codes().into_iter().skip(shown) {
                say(&format!("  A code arrived in Pim's mailbox: {code}"));
                shown += 1;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn recipient(&self) -> Recipient<'_, Maildir> {
        Recipient::new(&self.lab, &self.pim, PIM)
    }
}

/// The word that follows these, without punctuation.
fn after<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let word = text.split_once(words)?.1.split_whitespace().next()?;
    Some(word.trim_end_matches([',', ':', ';']))
}

fn words(panic: &std::panic::PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

async fn interrupted() {
    let mut terminate = signal(SignalKind::terminate()).expect("wait for SIGTERM");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn say(text: &str) {
    // A reader who has gone away misses nothing.
    let _ = writeln!(io::stdout(), "{text}");
}
