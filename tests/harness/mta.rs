//! Real Postfix instances: own configuration, queue and data directory, own address. Nothing of the system's Postfix is
//! read or touched; it need not even run.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::ca::Leaf;
use crate::mailbox::Maildir;
use crate::place::{Place, give, make_directory};
use crate::process::{Process, installed, run};

/// Where Debian and most others have the daemons.
const DAEMONS: &str = "/usr/lib/postfix/sbin";

/// Whom virtual(8) writes mailboxes as; anyone but root.
const MAILBOX_OWNER: &str = "nobody";

/// Who may hand in mail by postdrop(1) at an instance that the system's Postfix does not know.
const SUBMITTERS: &str = "postdrop";

/// pipe(8) runs nothing in the group that the instance names for this; another than the one that postdrop(1) is set to.
const NOBODY_SUBMITS_AS: &str = "mail";

/// Postfix's queue directories with their mode and group, as `postfix-files` has them. Making them here saves the two
/// seconds that `postfix start` takes over it.
const QUEUE: &[(&str, u32, &str, Option<&str>)] = &[
    ("active", 0o700, "postfix", None),
    ("bounce", 0o700, "postfix", None),
    ("corrupt", 0o700, "postfix", None),
    ("defer", 0o700, "postfix", None),
    ("deferred", 0o700, "postfix", None),
    ("flush", 0o700, "postfix", None),
    ("hold", 0o700, "postfix", None),
    ("incoming", 0o700, "postfix", None),
    ("maildrop", 0o730, "postfix", Some("postdrop")),
    ("pid", 0o755, "root", None),
    ("private", 0o700, "postfix", None),
    ("public", 0o710, "postfix", Some("postdrop")),
    ("saved", 0o700, "postfix", None),
    ("trace", 0o700, "postfix", None),
];

/// The services that every instance runs; as Debian's master.cf, but none in a chroot: what is tested is not Debian's
/// set of files to copy there.
const SERVICES: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd
";

#[derive(Debug)]
pub struct Postfix {
    master: Process,
    directory: PathBuf,
    address: SocketAddr,
}

/// One message in a mail server's queue.
#[derive(Clone, Debug)]
pub struct Queued {
    pub id: String,
    pub sender: String,
    pub recipients: Vec<String>,
    /// Why the first recipient waits, if one does.
    pub reason: Option<String>,
}

/// What makes a sending Postfix one that has Zegel.
#[derive(Copy, Clone, Debug)]
pub struct Route<'a> {
    /// The milter's socket; `milter.sock` in the directory `zegel` of the queue directory.
    pub milter: &'a str,
    /// The relay's LMTP socket, an absolute path.
    pub relay: &'a Path,
    /// Recipients carry the route, and reports come by the milter's program, which reads the key in this file.
    pub by_recipient: Option<&'a Path>,
    /// Further lines of main.cf.
    pub main: &'a str,
}

/// What the lab needs of the server that has Zegel.
pub trait MailServer {
    fn address(&self) -> SocketAddr;
    /// Everything that it wrote down.
    fn log(&self) -> String;
}

impl Postfix {
    /// A mail server that takes mail from this machine: selected messages go the way of Zegel, all others straight to
    /// `elsewhere`, a list of domains with the server for each.
    pub async fn sending(
        place: &Place,
        host: u8,
        route: Route<'_>,
        elsewhere: &[(&str, SocketAddr)],
    ) -> Self {
        let name = "sending";
        let instance = Instance::prepare(place, name);
        let line = |(domain, server): &(&str, SocketAddr)| {
            format!("{domain} smtp:[{}]:{}", server.ip(), server.port())
        };
        let transport = elsewhere.iter().map(line).collect::<Vec<_>>().join("\n");
        let transport = place.write(&format!("{name}/transport"), &format!("{transport}\n"));
        let relay = with_path(ZEGEL_ROUTE, "/run/zegel/relay.sock", &route.relay.to_string_lossy());
        let route_file = place.write(&format!("{name}/postfix-route"), &relay);
        let zegel =
            with_path(ZEGEL_MAIN, "/etc/zegel/postfix-route", &route_file.to_string_lossy());
        let tables = format!("texthash:{}", transport.display());
        let (transports, reports) = match route.by_recipient {
            Some(key) => reporting(place, &zegel, (&tables, route.relay), key),
            None => (format!("transport_maps = {tables}\n"), String::new()),
        };
        make_directory(&instance.directory.join("queue/zegel"), 0o755, "root", None);
        let main = format!(
            "myhostname = mail.org.test\n\
             mynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             {transports}\
             smtp_dns_support_level = disabled\n\
             queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n\
             transport_retry_time = 1s\n\
             {}\n{}",
            with_path(&zegel, "unix:zegel/milter.sock", route.milter),
            route.main,
        );
        instance.start(place.at(host), &main, &(ZEGEL_MASTER.to_owned() + &reports)).await
    }

    /// A mail server that takes everything for its domains and puts it into one maildir.
    pub async fn receiving(
        place: &Place,
        host: u8,
        name: &str,
        domains: &[&str],
        leaf: Option<&Leaf>,
    ) -> (Self, Maildir) {
        let instance = Instance::prepare(place, name);
        let mailboxes = instance.directory.join("mail");
        make_directory(&mailboxes, 0o700, MAILBOX_OWNER, None);
        let owner = nix::unistd::User::from_name(MAILBOX_OWNER)
            .ok()
            .flatten()
            .expect("know the mailbox owner");
        let tls = leaf.map_or_else(|| "smtpd_tls_security_level = none\n".to_owned(), offering_tls);
        let main = format!(
            "myhostname = mx.{}\n\
             smtpd_relay_restrictions = reject_unauth_destination\n\
             virtual_mailbox_domains = {}\nvirtual_mailbox_base = {}\nvirtual_mailbox_maps = static:all/\n\
             virtual_minimum_uid = 1\nvirtual_uid_maps = static:{}\nvirtual_gid_maps = static:{}\n{tls}",
            domains.first().expect("at least one domain"),
            domains.join(", "),
            mailboxes.display(),
            owner.uid,
            owner.gid,
        );
        (instance.start(place.at(host), &main, "").await, Maildir::new(&mailboxes.join("all")))
    }

    /// A mail server that takes mail from this machine, asks the milter at this socket if there is one, and throws away
    /// what it took.
    pub async fn discarding(place: &Place, host: u8, milter: Option<&Path>) -> Self {
        let instance = Instance::prepare(place, "discarding");
        let milter = milter
            .map(|socket| {
                format!(
                    "smtpd_milters = unix:{}\nmilter_default_action = tempfail\n",
                    socket.display()
                )
            })
            .unwrap_or_default();
        let main = format!(
            "myhostname = mail.org.test\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             smtpd_peername_lookup = no\ndefault_transport = discard\n{milter}",
        );
        instance.start(place.at(host), &main, "").await
    }

    /// A mail server that knows nothing of Zegel but where it listens, and hands it all mail inside TLS.
    pub async fn relaying(place: &Place, host: u8, gateway: SocketAddr) -> Self {
        let instance = Instance::prepare(place, &format!("relaying-{host}"));
        let own = place.at(host);
        let main = format!(
            "myhostname = mail.org.test\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             relayhost = [{}]:{}\nsmtp_bind_address = {}\n\
             smtp_tls_security_level = encrypt\nsmtp_dns_support_level = disabled\n\
             queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n",
            gateway.ip(),
            gateway.port(),
            own.ip(),
        );
        instance.start(own, &main, "").await
    }

    /// A mail server that takes everything for its domain and then finds that it cannot deliver it, with this status and
    /// words. What it has to say goes to `reports`, inside TLS. (Of its own accord Postfix refuses whom error(8) would return.)
    pub async fn returning(
        place: &Place,
        own: SocketAddr,
        domain: &str,
        why: &str,
        reports: SocketAddr,
    ) -> Self {
        let instance = Instance::prepare(place, "returning");
        let main = format!(
            "myhostname = mx.{domain}\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             transport_maps = inline:{{ {{ {domain} = error:{why} }} }}\n\
             smtpd_reject_unlisted_recipient = no\n\
             relayhost = [{}]:{}\nsmtp_tls_security_level = encrypt\n\
             smtp_dns_support_level = disabled\n",
            reports.ip(),
            reports.port(),
        );
        instance.start(own, &main, "").await
    }

    /// A mail server that takes mail from this machine, also inside TLS, and keeps it: nothing is tried, and nothing that
    /// is taken waits for something to be tried.
    pub async fn holding(place: &Place, host: u8, leaf: &Leaf) -> Self {
        let instance = Instance::prepare(place, "holding");
        let main = format!(
            "myhostname = mail.org.test\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\n\
             smtpd_sender_restrictions = check_sender_access static:HOLD\n\
             smtpd_peername_lookup = no\nin_flow_delay = 0\n\
             smtpd_client_connection_count_limit = 0\n{}",
            offering_tls(leaf),
        );
        instance.start(place.at(host), &main, "").await
    }

    /// What stands in the queue.
    pub fn queue(&self) -> Vec<Queued> {
        let listed = run("/usr/sbin/postqueue", &["-c", &self.configuration(), "-j"]);
        listed
            .lines()
            .map(|line| queued(&serde_json::from_str(line).expect("postqueue -j prints JSON")))
            .collect()
    }

    /// Has everything in the queue tried now.
    pub fn flush(&self) {
        run("/usr/sbin/postqueue", &["-c", &self.configuration(), "-f"]);
    }

    /// Hands in a message as sendmail(1) does: through pickup and cleanup, so that `non_smtpd_milters` are asked.
    pub fn sendmail(&self, arguments: &[&str], message: &[u8]) {
        use std::io::Write as _;
        use std::process::{Command, Stdio};

        let mut sendmail = Command::new("/usr/sbin/sendmail")
            .args(["-C", &self.configuration()])
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .expect("start sendmail");
        sendmail
            .stdin
            .take()
            .expect("sendmail reads")
            .write_all(message)
            .expect("write to sendmail");
        assert!(sendmail.wait().expect("wait for sendmail").success(), "sendmail failed");
    }

    fn configuration(&self) -> String {
        self.directory.to_string_lossy().into_owned()
    }
}

impl MailServer for Postfix {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("mail.log")).unwrap_or_default()
    }
}

/// What an administrator adds to master.cf, to main.cf, and as the file that the latter names: the tests run with what is
/// installed, but for the paths.
pub const ZEGEL_MASTER: &str = include_str!("../../packaging/postfix/master.cf");
pub const ZEGEL_MAIN: &str = include_str!("../../packaging/postfix/main.cf");
pub const ZEGEL_ROUTE: &str = include_str!("../../packaging/postfix/postfix-route");

/// Lines of main.cf.
pub fn offering_tls(leaf: &Leaf) -> String {
    format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n\
         smtpd_tls_received_header = yes\n",
        leaf.certificate.display(),
        leaf.private_key.display()
    )
}

/// A text with one of its paths replaced, which must stand in it.
#[track_caller]
pub(crate) fn with_path(text: &str, installed: &str, here: &str) -> String {
    assert!(text.contains(installed), "{installed} is not in what is installed:\n{text}");
    text.replace(installed, here)
}

/// What an administrator takes the comment sign from so that recipients carry the route: in main.cf, where the tables of the
/// instance's own come behind it, and in master.cf.
fn reporting(
    place: &Place,
    main: &str,
    (tables, relay): (&str, &Path),
    key: &Path,
) -> (String, String) {
    let line = |text: &str, start: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix('#').filter(|line| line.starts_with(start)));
        line.unwrap_or_else(|| panic!("no {start:?} in what is installed:\n{text}")).to_owned()
            + "\n"
    };
    let maps = line(main, "transport_maps") + &format!("setgid_group = {NOBODY_SUBMITS_AS}\n");
    let maps = with_path(&maps, "/run/zegel/relay.sock", &relay.to_string_lossy());
    let maps = with_path(&maps, "zegelreport:}", &format!("zegelreport:}} {tables}"));
    let service = line(ZEGEL_MASTER, "zegelreport ") + &line(ZEGEL_MASTER, "  user=zegel-milter");
    let program = report_program(place, key);
    let service = with_path(&service, "/usr/bin/zegel-milter", &program.to_string_lossy());
    (maps, with_path(&service, "user=zegel-milter", &format!("user={MAILBOX_OWNER}:{SUBMITTERS}")))
}

/// What stands for the installed `zegel-milter` where pipe(8) calls it: with a configuration that its user may read.
fn report_program(place: &Place, key: &Path) -> PathBuf {
    let configuration = format!("marker-key-file = \"{}\"\n", key.display());
    let configuration = place.write("sending/report.toml", &configuration);
    // This program stands below the home of whoever runs the tests, where no other user gets.
    let milter = place.file("sending/zegel-milter");
    std::fs::copy(installed("zegel-milter"), &milter).expect("copy the milter");
    let script = format!(
        "#!/bin/sh\nexec {} \"$1\" --config {} \"$2\" \"$3\"\n",
        milter.display(),
        configuration.display()
    );
    let program = place.write("sending/report", &script);
    for (file, mode) in [(key, 0o640), (&configuration, 0o640), (&milter, 0o750), (&program, 0o750)]
    {
        give(file, mode, SUBMITTERS);
    }
    program
}

/// The directories of an instance that does not run yet.
struct Instance {
    directory: PathBuf,
}

impl Instance {
    fn prepare(place: &Place, name: &str) -> Self {
        let directory = place.directory(name, "root");
        make_directory(&directory.join("data"), 0o755, "postfix", None);
        make_directory(&directory.join("queue"), 0o755, "root", None);
        for (subdirectory, mode, owner, group) in QUEUE {
            make_directory(&directory.join("queue").join(subdirectory), *mode, owner, *group);
        }
        Self { directory }
    }

    async fn start(self, address: SocketAddr, main: &str, master: &str) -> Postfix {
        let directory = self.directory;
        let shown = directory.display();
        let main = format!(
            "compatibility_level = 3.6\n\
             queue_directory = {shown}/queue\ndata_directory = {shown}/data\n\
             maillog_file = {shown}/mail.log\nmaillog_file_prefixes = {shown}\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             mydestination =\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n{main}"
        );
        let master =
            format!("{}:{} inet n - n - - smtpd\n{SERVICES}{master}", address.ip(), address.port());
        write_settled(&directory.join("main.cf"), &main);
        write_settled(&directory.join("master.cf"), &master);
        let log = directory.join("mail.log");
        let arguments = ["-c", &shown.to_string(), "-s"];
        // The master itself, not postfix(1): a child of ours that tells by ending that it cannot start.
        let mut master = Process::start("Postfix", format!("{DAEMONS}/master"), &arguments, &log);
        master.ready(|| TcpStream::connect(address).ok()).await;
        Postfix { master, directory, address }
    }
}

/// Writes a configuration file that looks an hour old: Postfix waits two seconds for one that may still be changing.
fn write_settled(path: &Path, content: &str) {
    let settled = SystemTime::now() - Duration::from_hours(1);
    let written = std::fs::write(path, content)
        .and_then(|()| std::fs::File::options().append(true).open(path)?.set_modified(settled));
    written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.master.kill();
    }
}

fn queued(entry: &serde_json::Value) -> Queued {
    let text = |value: Option<&serde_json::Value>| {
        value.and_then(|value| value.as_str()).map(str::to_owned)
    };
    let recipients =
        entry.get("recipients").and_then(|value| value.as_array()).cloned().unwrap_or_default();
    Queued {
        id: text(entry.get("queue_id")).unwrap_or_default(),
        sender: text(entry.get("sender")).unwrap_or_default(),
        recipients: recipients
            .iter()
            .filter_map(|recipient| text(recipient.get("address")))
            .collect(),
        reason: recipients.iter().find_map(|recipient| text(recipient.get("delay_reason"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ca::{Ca, Kind};
    use crate::letter::Letter;
    use crate::mailbox::arrival;
    use crate::submit::submit;
    use crate::wait::until;

    #[tokio::test]
    async fn a_receiving_postfix_takes_mail_for_its_domain_alone_and_stores_it_whole() {
        let place = Place::new();
        let leaf = Ca::new(&place).issue(&place, Kind::Good, "mx.good.test", None);
        let (good, mailbox) =
            Postfix::receiving(&place, 11, "good", &["good.test"], Some(&leaf)).await;
        let letter =
            Letter::from("jan@org.test").to("lisa@good.test").subject("Lunch").text("At noon?");
        submit(good.address(), &letter).await.expect_kept();
        let found =
            arrival(&mailbox, "the letter", |mail| mail.recipient == "lisa@good.test").await;
        assert_eq!(found.sender, "jan@org.test");
        assert_eq!(found.head("Subject").as_deref(), Some("Lunch"));
        assert_eq!(found.text().trim(), "At noon?");
        let elsewhere = Letter::from("jan@org.test").to("lisa@elsewhere.test");
        assert_eq!(submit(good.address(), &elsewhere).await.code, 554);
    }

    #[tokio::test]
    async fn without_its_milter_a_sending_postfix_takes_nothing() {
        let place = Place::new();
        let relay = place.file("relay.sock");
        let route =
            Route { milter: "unix:zegel/milter.sock", relay: &relay, by_recipient: None, main: "" };
        let sending = Postfix::sending(&place, 5, route, &[]).await;
        let reply =
            submit(sending.address(), &Letter::from("jan@org.test").to("lisa@good.test")).await;
        assert_eq!(reply.code, 451);
        assert!(sending.queue().is_empty());
        assert!(sending.log().contains("milter.sock"));
    }

    #[tokio::test]
    async fn what_cannot_be_handed_over_waits_in_the_queue_and_goes_when_it_can() {
        let place = Place::new();
        let relay = place.file("relay.sock");
        let elsewhere = place.at(11);
        // A milter that lets everything pass is no milter.
        let route = Route { milter: "", relay: &relay, by_recipient: None, main: "" };
        let sending = Postfix::sending(&place, 5, route, &[("good.test", elsewhere)]).await;
        let letter = Letter::from("jan@org.test").to("lisa@good.test").text("x");
        submit(sending.address(), &letter).await.expect_kept();
        let waiting = until("a reason to wait", || {
            sending.queue().into_iter().find(|queued| queued.reason.is_some())
        })
        .await;
        assert_eq!(waiting.recipients, ["lisa@good.test"]);
        let (_good, mailbox) = Postfix::receiving(&place, 11, "good", &["good.test"], None).await;
        sending.flush();
        arrival(&mailbox, "the letter", |mail| mail.recipient == "lisa@good.test").await;
    }
}
