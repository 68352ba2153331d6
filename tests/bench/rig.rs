//! The mail servers that are compared: private Postfix instances that discard what they take, each with another milter.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use zegel_tests::milter::Milter;

use zegel_tests::mta::{MailServer, Postfix};
use zegel_tests::place::Place;
use zegel_tests::process::{Process, run};
use zegel_tests::wait::until;

const NOOP: &str = include_str!("noop.c");

/// Rules that need nothing but the envelope and the header section; none of them selects what is sent here.
const HEADER_RULES: &str = r#"
own-domains = ["org.test"]

[[rule]]
name = "newsletters"
when.sender = "news@org.test"
action = "ordinary"

[[rule]]
name = "trigger word"
when.sender = "org.test"
when.subject = ["secure", "beveiligd", "strictly private"]
action = "secure"

[[rule]]
name = "marked by another system"
when.header = { name = "X-Protective-Marking", regex = '(?i)SEC=(SECRET|PROTECTED)' }
when.recipients = "any-external"
action = "secure"
"#;

/// The same, and one that looks into attachments.
const LABEL_RULE: &str = r#"
[[rule]]
name = "confidential"
when.label = { guid = "4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4" }
action = "secure"
"#;

/// Which milter a mail server has.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    None,
    Noop,
    OpenDkim,
    Headers,
    Labels,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::None, Self::Noop, Self::OpenDkim, Self::Headers, Self::Labels];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "no milter",
            Self::Noop => "no-op libmilter milter",
            Self::OpenDkim => "opendkim, signing",
            Self::Headers => "zegel-milter, header rules",
            Self::Labels => "zegel-milter, label rules",
        }
    }
}

/// A mail server with its milter.
pub(crate) struct Rig {
    postfix: Postfix,
    _milter: Option<Running>,
    _place: Place,
}

/// What has to live as long as its mail server.
enum Running {
    Foreign { _process: Process },
    Own { _milter: Milter },
}

impl Rig {
    pub(crate) async fn start(kind: Kind) -> Self {
        let place = Place::new();
        let socket = place.file("milter.sock");
        let milter = match kind {
            Kind::None => None,
            Kind::Noop => Some(noop(&place, &socket).await),
            Kind::OpenDkim => Some(opendkim(&place, &socket).await),
            Kind::Headers => Some(zegel(&place, &socket, HEADER_RULES).await),
            Kind::Labels => {
                Some(zegel(&place, &socket, &format!("{HEADER_RULES}{LABEL_RULE}")).await)
            }
        };
        let asked = milter.as_ref().map(|_| socket.as_path());
        let postfix = Postfix::discarding(&place, 5, asked).await;
        Self { postfix, _milter: milter, _place: place }
    }

    /// Sends the message in `file` so many times, over so many connections that stay open, and tells how long it took
    /// until the last was taken. Waits until the mail server has got rid of them, so that the next run finds an idle machine.
    pub(crate) async fn time(&self, file: &Path, sessions: usize, messages: usize) -> Duration {
        let address = self.postfix.address();
        let start = Instant::now();
        run(
            "/usr/sbin/smtp-source",
            &[
                "-d",
                "-s",
                &sessions.to_string(),
                "-m",
                &messages.to_string(),
                "-M",
                "client.org.test",
                "-f",
                "jan@org.test",
                "-t",
                "lisa@elsewhere.test",
                "-F",
                &file.to_string_lossy(),
                &format!("inet:{}:{}", address.ip(), address.port()),
            ],
        );
        let took = start.elapsed();
        until("the queue to be empty", || self.postfix.queue().is_empty().then_some(())).await;
        took
    }
}

async fn noop(place: &Place, socket: &Path) -> Running {
    let source = place.write("noop.c", NOOP);
    let program = place.file("noop");
    let (source, made) = (source.to_string_lossy(), program.to_string_lossy());
    run("cc", &["-O2", "-o", &made, &source, "-lmilter", "-lpthread"]);
    serving("the no-op milter", &program, &[&socket.to_string_lossy()], place, socket).await
}

async fn opendkim(place: &Place, socket: &Path) -> Running {
    let key = place.file("dkim.key");
    run("openssl", &["genrsa", "-out", &key.to_string_lossy(), "2048"]);
    // The key lies below /tmp, which opendkim finds unsafe, and rightly so outside of a benchmark.
    let configuration = format!(
        "Mode s\nDomain org.test\nSelector bench\nKeyFile {}\nRequireSafeKeys no\nCanonicalization relaxed/simple\n\
         Socket local:{}\nUMask 000\nSyslog no\n",
        key.display(),
        socket.display()
    );
    let configuration = place.write("opendkim.conf", &configuration);
    let arguments = ["-f", "-x", &configuration.to_string_lossy()];
    serving("opendkim", Path::new("/usr/sbin/opendkim"), &arguments, place, socket).await
}

async fn zegel(place: &Place, socket: &Path, rules: &str) -> Running {
    Running::Own { _milter: Milter::start(place, socket, rules).await }
}

async fn serving(
    name: &str,
    program: &Path,
    arguments: &[&str],
    place: &Place,
    socket: &Path,
) -> Running {
    let mut process = Process::start(name, program, arguments, &place.file("foreign.log"));
    process.ready(|| UnixStream::connect(socket).ok()).await;
    Running::Foreign { _process: process }
}
