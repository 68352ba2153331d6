//! A private slapd with the accounts of one organisation.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::ca::Leaf;
use crate::place::Place;
use crate::process::{Process, run};

/// Below it stand all entries.
pub const BASE: &str = "dc=org,dc=test";

/// The only name that may read, and its password.
pub const READER: (&str, &str) = ("cn=relay,dc=org,dc=test", "a password of the reader");

/// What Active Directory and others have, as far as the tests use it.
const SCHEMA: &str = "\
attributetype ( 1.1.2.1.1 NAME 'proxyAddresses' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.1.2.1.2 NAME 'accountStatus' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.1.2.2.1 NAME 'mailAccount' SUP top AUXILIARY MAY ( proxyAddresses $ accountStatus ) )
";

/// Plain, or with STARTTLS.
const HOST: u8 = 7;

/// With TLS from the first octet.
const TLS_HOST: u8 = 8;

#[derive(Debug)]
pub struct Ldap {
    process: Option<Process>,
    configuration: PathBuf,
    log: PathBuf,
    plain: SocketAddr,
    tls: Option<SocketAddr>,
}

/// An account's entry: its mail address, and further attributes.
pub fn account(mail: &str, attributes: &[(&str, &str)]) -> String {
    let (name, _) = mail.split_once('@').expect("an address");
    let further: Vec<_> =
        attributes.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let further = further.concat();
    format!(
        "dn: uid={name},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: mailAccount\nuid: {name}\ncn: {name}\nsn: {name}\n\
         mail: {mail}\n{further}\n"
    )
}

/// An entry that says: the rest of what stands here is on another server.
pub fn referral() -> String {
    format!(
        "dn: ou=branch,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\nou: branch\n\
         ref: ldap://elsewhere.test/ou=branch,{BASE}\n\n"
    )
}

impl Ldap {
    /// Serves these entries; with TLS too when there is a certificate for [`Self::hosts`].
    pub async fn start(place: &Place, entries: &str, certificate: Option<&Leaf>) -> Self {
        let [host, tls_host] = Self::hosts(place);
        place.directory("ldap", "root");
        place.directory("ldap/data", "root");
        let schema = place.write("ldap/account.schema", SCHEMA);
        let text = configuration(place, &schema.to_string_lossy(), certificate);
        let configuration = place.write("ldap/slapd.conf", &text);
        let top = format!(
            "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: org\no: Example\n\n"
        );
        let ldif = place.write("ldap/entries.ldif", &format!("{top}{entries}"));
        let arguments = ["-f", &*configuration.to_string_lossy(), "-l", &ldif.to_string_lossy()];
        run("/usr/sbin/slapadd", &arguments);
        let log = place.file("ldap.log");
        let tls = certificate.map(|_| tls_host);
        let mut ldap = Self { process: None, configuration, log, plain: host, tls };
        ldap.resume().await;
        ldap
    }

    /// Where it listens, without and with TLS from the first octet.
    pub fn hosts(place: &Place) -> [SocketAddr; 2] {
        [place.at(HOST), place.at(TLS_HOST)]
    }

    /// Runs it again after [`Self::kill`].
    pub async fn resume(&mut self) {
        let mut urls = format!("ldap://{}/", self.plain);
        if let Some(tls) = self.tls {
            urls = format!("{urls} ldaps://{tls}/");
        }
        let configuration = self.configuration.to_string_lossy();
        // 256: operations and their results are logged; with it slapd also stays in the foreground.
        let arguments = ["-f", &*configuration, "-h", &urls, "-d", "256"];
        let mut process = Process::start("slapd", "/usr/sbin/slapd", &arguments, &self.log);
        process.ready(|| TcpStream::connect(self.plain).ok()).await;
        self.process = Some(process);
    }

    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Holds it still: it takes connections and says nothing.
    pub fn pause(&self) {
        if let Some(process) = &self.process {
            process.signal(Signal::SIGSTOP);
        }
    }

    /// What it was asked.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn configuration(place: &Place, schema: &str, certificate: Option<&Leaf>) -> String {
    let directory = place.path().join("ldap");
    let directory = directory.display();
    let (reader, password) = READER;
    let tls = certificate.map_or_else(String::new, |leaf| {
        let (certificate, key) = (leaf.certificate.display(), leaf.private_key.display());
        format!("TLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n")
    });
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {schema}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {directory}/slapd.pid
argsfile {directory}/slapd.args
referral ldap://elsewhere.test
{tls}
database mdb
suffix \"{BASE}\"
directory {directory}/data
rootdn \"{reader}\"
rootpw \"{password}\"
access to * by * auth
"
    )
}
