//! Real Sendmail instances. Sendmail cannot be installed beside Postfix, so it runs from where `tests/unpack-sendmail` put it;
//! and it believes in fixed paths, in the machine's name and in its name servers, so it runs in namespaces of its own.
//! There the sockets stand where they do on a machine with Zegel: the test's directory is `/run/zegel`, and `milter` in it
//! is `/run/zegel-milter`.

use std::fs::Permissions;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::mta::{MailServer, Queued, with_path};
use crate::place::{Place, make_directory};
use crate::process::{Process, installed as installed_program, run};

/// What an administrator adds to sendmail.mc and to mailertable: the tests run with what is installed, but for the directory
/// of the latter.
pub const ZEGEL_MC: &str = include_str!("../../packaging/sendmail/zegel.mc");
pub const ZEGEL_MAILERTABLE: &str = include_str!("../../packaging/sendmail/mailertable");

/// Where [`ZEGEL_MC`] is parted: what follows goes behind the MAILER lines.
const MAILERS: &str = "dnl Last of all";

/// Who hands in what the milter's program has to say.
const SUBMITTER: &str = "nobody";

/// Before a program starts in such namespaces: `sh -c ENTER sh PLACE PROGRAM ARGUMENT…`.
const ENTER: &str = "set -e
    mount -t tmpfs -o mode=755 none /run
    mkdir /run/zegel /run/zegel-milter
    mount --bind \"$1\" /run/zegel
    mount --bind \"$1/milter\" /run/zegel-milter
    mount --bind /run/zegel/sendmail/nsswitch.conf /etc/nsswitch.conf
    mount --bind /run/zegel/sendmail/hosts /etc/hosts
    hostname mail.org.test
    shift
    exec \"$@\"";

#[derive(Debug)]
pub struct Sendmail {
    daemon: Process,
    directory: PathBuf,
    address: SocketAddr,
}

impl Sendmail {
    /// A mail server that takes mail from this machine: selected messages go the way of Zegel, all others straight to
    /// `elsewhere`, a list of domains with the server for each. `lines` go into its sendmail.mc.
    pub async fn sending(
        place: &Place,
        host: u8,
        elsewhere: &[(&str, SocketAddr)],
        lines: &str,
    ) -> Self {
        let directory = place.directory("sendmail", "root");
        make_directory(&directory.join("queue"), 0o700, "root", None);
        // The milter's user has it.
        make_directory(&place.file("milter"), 0o755, "nobody", None);
        place.write("sendmail/hosts", "127.0.0.1 localhost\n");
        place.write("sendmail/nsswitch.conf", "hosts: files\n");
        place.write("sendmail/service.switch", "hosts files\naliases files\n");
        let address = place.at(host);
        submission(place, address);
        let mc = sendmail_mc(place, address, lines);
        configure(place, &directory, &mc, elsewhere);
        let log = directory.join("mail.log");
        let sendmail = installed("libexec/sendmail/sendmail");
        let here = place.path().to_string_lossy();
        let mut arguments = vec!["--uts", "--mount", "--pid", "--fork", "--kill-child"];
        arguments.extend(["sh", "-c", ENTER, "sh", &here, &sendmail]);
        arguments.extend(["-C", "/run/zegel/sendmail/sendmail.cf", "-bD", "-q1s"]);
        // Everything that is said on any connection: Sendmail's own log goes to syslog and nowhere else.
        arguments.extend(["-X", "/run/zegel/sendmail/mail.log"]);
        let mut daemon = Process::start("Sendmail", "unshare", &arguments, &log);
        daemon.ready(|| TcpStream::connect(address).ok()).await;
        Self { daemon, directory, address }
    }

    /// Runs a program where it sees what Sendmail sees.
    pub fn beside(&self, program: &Path, arguments: &[&str]) -> Output {
        let place = self.directory.parent().expect("a place around Sendmail").to_string_lossy();
        let program = program.to_string_lossy();
        let enter = ["--uts", "--mount", "sh", "-c", ENTER, "sh", &place, &program];
        let mut unshare = Command::new("unshare");
        unshare.args(enter).args(arguments).stdin(Stdio::null());
        unshare.output().expect("run unshare")
    }

    /// sendmail.cf as it is made from a sendmail.mc.
    pub fn make(mc: &Path) -> String {
        let library = installed("share/sendmail/cf/");
        let mc = mc.to_string_lossy();
        run("m4", &[&format!("-D_CF_DIR_={library}"), &format!("{library}m4/cf.m4"), &mc])
    }

    /// The program that makes a table's database.
    pub fn makemap() -> String {
        installed("libexec/sendmail/makemap")
    }

    /// What stands in the queue.
    pub fn queue(&self) -> Vec<Queued> {
        let entries = std::fs::read_dir(self.directory.join("queue")).expect("list the queue");
        let files = entries.filter_map(Result::ok).map(|entry| entry.path());
        files.filter_map(|file| queued(&file)).collect()
    }
}

impl MailServer for Sendmail {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn log(&self) -> String {
        self.daemon.log()
    }
}

/// What an administrator has, with what is shipped.
fn sendmail_mc(place: &Place, address: SocketAddr, lines: &str) -> String {
    let (before, after) = ZEGEL_MC.split_once(MAILERS).expect("two parts of zegel.mc");
    let before = with_path(before, "/etc/mail/mailertable", "/run/zegel/sendmail/mailertable");
    let after = with_path(after, "/usr/bin/zegel-milter", "/run/zegel/sendmail/zegel-milter");
    // The key is root's here.
    let after = with_path(&after, "U=zegel-milter:zegel-milter", "U=root:root");
    write_program(place, "zegel-milter", &reporting(&installed_program("zegel-milter")));
    let (ip, port) = (address.ip(), address.port());
    format!(
        "OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mail.org.test')dnl
define(`QUEUE_DIR', `/run/zegel/sendmail/queue')dnl
define(`STATUS_FILE', `/run/zegel/sendmail/status')dnl
define(`confPID_FILE', `/run/zegel/sendmail/pid')dnl
define(`confSERVICE_SWITCH_FILE', `/run/zegel/sendmail/service.switch')dnl
define(`confCW_FILE', `-o /run/zegel/sendmail/local-host-names')dnl
define(`ALIAS_FILE', `')dnl
define(`confTO_IDENT', `0s')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {port}')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr={ip}, Port={port}')dnl
{lines}{before}MAILER(`smtp')dnl
{MAILERS}{after}"
    )
}

/// What stands for the installed `zegel-milter` where Sendmail calls it: with this place's configuration and Sendmail.
fn reporting(program: &Path) -> String {
    format!(
        "#!/bin/sh\nexec {} \"$1\" --config /run/zegel/milter.toml --sendmail /run/zegel/sendmail/submit \"$2\" \"$3\"\n",
        program.display()
    )
}

/// A script that stands where an installed program would.
fn write_program(place: &Place, name: &str, script: &str) {
    let file = place.write(&format!("sendmail/{name}"), script);
    std::fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("make it a program");
}

/// What hands mail in for those who are not root, as the installed sendmail(8) does: by SMTP to the daemon, and with a queue
/// of their own.
fn submission(place: &Place, address: SocketAddr) {
    make_directory(&place.file("sendmail/client-queue"), 0o700, SUBMITTER, None);
    let (ip, port) = (address.ip(), address.port());
    let mc = format!(
        "define(`confCF_VERSION', `Submit')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mail.org.test')dnl
define(`MSP_QUEUE_DIR', `/run/zegel/sendmail/client-queue')dnl
define(`STATUS_FILE', `/run/zegel/sendmail/client-queue/status')dnl
define(`confPID_FILE', `/run/zegel/sendmail/client-queue/pid')dnl
define(`confSERVICE_SWITCH_FILE', `/run/zegel/sendmail/service.switch')dnl
define(`confRUN_AS_USER', `{SUBMITTER}')dnl
define(`confDIRECT_SUBMISSION_MODIFIERS', `C')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl
FEATURE(`msp', `[{ip}]')dnl
"
    );
    let mc = place.write("sendmail/submit.mc", &mc);
    place.write("sendmail/submit.cf", &Sendmail::make(&mc));
    let sendmail = installed("libexec/sendmail/sendmail");
    let submit = format!(
        "#!/bin/sh\nexec setpriv --reuid {SUBMITTER} --regid nogroup --clear-groups {sendmail} -C /run/zegel/sendmail/submit.cf \"$@\"\n"
    );
    write_program(place, "submit", &submit);
    for name in ["submit.cf", "hosts", "nsswitch.conf", "service.switch"] {
        let file = place.file(&format!("sendmail/{name}"));
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("open it to all");
    }
}

/// Makes sendmail.cf and mailertable.
fn configure(place: &Place, directory: &Path, mc: &str, elsewhere: &[(&str, SocketAddr)]) {
    let mc = place.write("sendmail/sendmail.mc", mc);
    place.write("sendmail/sendmail.cf", &Sendmail::make(&mc));
    let line =
        |(domain, server): &(&str, SocketAddr)| format!("{domain}\tesmtp:[{}]\n", server.ip());
    let table = elsewhere.iter().map(line).collect::<String>() + ZEGEL_MAILERTABLE;
    let table = place.write("sendmail/mailertable", &table).to_string_lossy().into_owned();
    let makemap = "exec \"$0\" -C /dev/null hash \"$1\" <\"$1\"";
    run("sh", &["-c", makemap, &Sendmail::makemap(), &table]);
    assert!(directory.join("mailertable.db").is_file(), "makemap wrote no table");
}

/// A file of the unpacked Sendmail: in `target/sendmail`, some levels above this program.
fn installed(name: &str) -> String {
    let exe = std::env::current_exe().expect("know where this program stands");
    let found = exe
        .ancestors()
        .map(|directory| directory.join("sendmail/usr").join(name))
        .find(|file| file.exists());
    let found = found.unwrap_or_else(|| {
        panic!(
            "no Sendmail above {}: `tests/unpack-sendmail target/sendmail` puts it there",
            exe.display()
        )
    });
    found.to_string_lossy().into_owned()
}

/// Reads a control file of the queue; nothing of any other file, nor of one that is gone by now.
fn queued(file: &Path) -> Option<Queued> {
    let id = file.file_name()?.to_str()?.strip_prefix("qf")?.to_owned();
    // Macros stand in it as octets beyond ASCII.
    let content = String::from_utf8_lossy(&std::fs::read(file).ok()?).into_owned();
    let bare = |path: &str| path.trim_start_matches('<').trim_end_matches('>').to_owned();
    let line = |kind| content.lines().find_map(|line| line.strip_prefix(kind));
    let recipient = |line: &str| Some(bare(line.strip_prefix('R')?.split_once(':')?.1));
    Some(Queued {
        id,
        sender: bare(line('S')?),
        recipients: content.lines().filter_map(recipient).collect(),
        reason: line('M').map(str::to_owned),
    })
}
