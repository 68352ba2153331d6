//! `milter.toml`: one tree of types that is format, default and check in one.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};
use tracing::level_filters::LevelFilter;
use zegel_core::address::Domain;
use zegel_core::marker::Key;
use zegel_core::selection::{Conditions, Mode, Policy, Rule, Rules, Way};

pub use zegel_core::selection::Network;

use crate::proof::Test;
use crate::route::Route;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Whether the rules act, all of them.
    pub mode: Mode,
    /// The organisation's own domains.
    pub own_domains: Vec<Domain>,
    /// What becomes of an answer in a secured thread.
    pub replies: Way,
    /// The key that the relay marks its own mail with.
    pub marker_key_file: Option<PathBuf>,
    /// What stands in that file.
    #[serde(skip)]
    pub marker_key: Option<Key>,
    /// How the mail server is told to reroute.
    pub route: Route,
    /// Where the mail server finds the milter.
    pub socket: Socket,
    /// Of a unix socket.
    pub socket_mode: FileMode,
    /// Of a unix socket; that of the process where absent.
    pub socket_group: Option<String>,
    pub log: Level,
    pub control_headers: Trust,
    #[serde(rename = "rule")]
    pub rules: Rules,
    /// What the rules have to make of some messages.
    #[serde(rename = "test")]
    pub tests: Vec<Test>,
}

/// Whose `zivver-*` headers count. All others' are removed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Trust {
    /// Clients that logged in (SASL).
    pub authenticated: bool,
    /// Clients in these networks. A client on a unix socket of the mail server always counts.
    pub networks: Vec<Network>,
}

/// `unix:/path` or `inet:address:port`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Socket {
    Unix(PathBuf),
    Inet(SocketAddr),
}

/// File permissions, written in octal.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FileMode(pub u32);

/// How much is logged.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Level(pub LevelFilter);

/// Why a value is not one, and what to write.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("not a socket: write \"unix:/absolute/path\" or \"inet:127.0.0.1:8891\"")]
    Socket,
    #[error("a unix socket's path is {SOCKET_PATH_MAX} octets at most: choose a shorter one")]
    SocketPath,
    #[error("not a mode: write octal digits, as in \"0660\"")]
    Mode,
    #[error("not a level: write \"error\", \"warn\", \"info\" or \"debug\"")]
    Level,
}

/// Everything that is wrong with a configuration file.
#[derive(Debug)]
pub struct Problems {
    path: PathBuf,
    all: Vec<String>,
}

/// `sun_path` of a unix socket address on Linux is 108 octets, the last of them NUL.
const SOCKET_PATH_MAX: usize = 107;

const NO_ROUTE_KEY: &str =
    "route = \"recipient\": the addresses are made with a key; set marker-key-file to the relay's";

impl Config {
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let problems = |all| Problems { path: path.to_owned(), all };
        let text = std::fs::read_to_string(path)
            .map_err(|error| problems(vec![format!("cannot be read: {error}")]))?;
        let mut config = Self::parse(&text).map_err(problems)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut wrong = Vec::new();
        match config.marker_key_file.as_deref().map(|file| key(&directory.join(file))) {
            Some(Ok(key)) => config.marker_key = Some(key),
            Some(Err(error)) => wrong.push(error),
            None if config.route == Route::Recipient => wrong.push(NO_ROUTE_KEY.to_owned()),
            None => (),
        }
        wrong.extend(config.tests.iter().enumerate().filter_map(|(at, test)| {
            test.run(&config, directory).err().map(|why| format!("test {}: {why}", test.name(at)))
        }));
        if wrong.is_empty() { Ok(config) } else { Err(problems(wrong)) }
    }

    /// The rules, and what holds for all of them.
    pub fn policy(&self) -> Policy<'_> {
        Policy {
            rules: &self.rules,
            own_domains: &self.own_domains,
            replies: self.replies,
            mode: self.mode,
        }
    }

    /// Reads a configuration; or says everything that is wrong with it, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.into_iter().map(|error| placed(error, text)).collect());
        }
        let whole = Self::deserialize(Deserializer::from(document.clone()));
        let whole = whole.map_err(|error| {
            let parts = errors_by_part(document.into_inner());
            // What is wrong only in sight of the rest, as two rules of one name, shows in no part.
            let errors = if parts.is_empty() { vec![error] } else { parts };
            errors.into_iter().map(|error| placed(error, text)).collect::<Vec<_>>()
        })?;
        let outsiders = whole.outsiders();
        if outsiders.is_empty() { Ok(whole) } else { Err(outsiders) }
    }

    /// The rules that ask who is outside where nothing says who is inside.
    fn outsiders(&self) -> Vec<String> {
        let asks = |rule: &&Rule| rule.when.asks_for_external() || rule.except.asks_for_external();
        let rules = self.rules.iter().filter(|_| self.own_domains.is_empty()).filter(asks);
        rules
            .map(|rule| {
                let name = rule.name.as_str();
                format!("rule {name:?}: \"any-external\" needs the organisation's domains; set own-domains")
            })
            .collect()
    }

    /// The keys that differ from `other` and are only read at the start.
    pub fn restart_keys(&self, other: &Self) -> Vec<&'static str> {
        let Self { socket, socket_mode, socket_group, log, .. } = self;
        [
            ("socket", *socket != other.socket),
            ("socket-mode", *socket_mode != other.socket_mode),
            ("socket-group", *socket_group != other.socket_group),
            ("log", *log != other.log),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

/// The reader stops at the first error; reading each key and each rule alone finds the first of each.
fn errors_by_part(document: DeTable<'_>) -> Vec<toml::de::Error> {
    let mut errors = Vec::new();
    for (key, value) in document {
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(rules) if key.get_ref() == "rule" => {
                errors.extend(rules.into_iter().flat_map(errors_of_rule));
            }
            DeValue::Array(tests) if key.get_ref() == "test" => {
                let test = |test| Test::deserialize(ValueDeserializer::from(test)).err();
                errors.extend(tests.into_iter().filter_map(test));
            }
            value => {
                let alone = DeTable::from_iter([(key, Spanned::new(span.clone(), value))]);
                errors.extend(
                    Config::deserialize(Deserializer::from(Spanned::new(span, alone))).err(),
                );
            }
        }
    }
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    errors
}

/// What is wrong with the conditions, each side alone; and with the rule as such, where that is another thing.
fn errors_of_rule(rule: Spanned<DeValue<'_>>) -> Vec<toml::de::Error> {
    let side = |key| rule.get_ref().get(key).cloned();
    let sides = ["when", "except"].into_iter().filter_map(side);
    let mut errors: Vec<_> = sides
        .filter_map(|side| Conditions::deserialize(ValueDeserializer::from(side)).err())
        .collect();
    if let Err(error) = Rule::deserialize(ValueDeserializer::from(rule))
        && errors.iter().all(|known| known.span() != error.span())
    {
        errors.push(error);
    }
    errors
}

/// Reads the key. Who reads it may send mail past the rules.
fn key(file: &Path) -> Result<Key, String> {
    let wrong = |why: String| format!("marker-key-file: {}: {why}", file.display());
    let mode =
        std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(wrong(format!(
            "others may read it ({:04o}); run chmod o= on it",
            mode & 0o777
        )));
    }
    let octets = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    Key::new(&octets).map_err(|error| wrong(error.to_string()))
}

fn placed(mut error: toml::de::Error, text: &str) -> String {
    error.set_input(Some(text));
    error.to_string().trim_end().to_owned()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            own_domains: Vec::new(),
            replies: Way::default(),
            marker_key_file: None,
            marker_key: None,
            route: Route::default(),
            socket: Socket::Unix(PathBuf::from("/run/zegel-milter/milter.sock")),
            socket_mode: FileMode(0o660),
            socket_group: None,
            log: Level(LevelFilter::INFO),
            control_headers: Trust::default(),
            rules: Rules::default(),
            tests: Vec::new(),
        }
    }
}

impl Default for Trust {
    /// Who logged in, and this host.
    fn default() -> Self {
        Self { authenticated: true, networks: Network::loopback().into() }
    }
}

impl FromStr for Socket {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.split_once(':') {
            Some(("unix", path)) if path.len() > SOCKET_PATH_MAX => Err(ValueError::SocketPath),
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("inet", address)) => {
                address.parse().map(Self::Inet).map_err(|_| ValueError::Socket)
            }
            _ => Err(ValueError::Socket),
        }
    }
}

impl TryFrom<String> for Socket {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl TryFrom<String> for FileMode {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if mode <= 0o777 => Ok(Self(mode)),
            _ => Err(ValueError::Mode),
        }
    }
}

impl TryFrom<String> for Level {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        match text.as_str() {
            "error" => Ok(Self(LevelFilter::ERROR)),
            "warn" => Ok(Self(LevelFilter::WARN)),
            "info" => Ok(Self(LevelFilter::INFO)),
            "debug" => Ok(Self(LevelFilter::DEBUG)),
            _ => Err(ValueError::Level),
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Inet(address) => write!(f, "inet:{address}"),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        self.all.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each problem found has to say its part, in this order.
    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let problems = Config::parse(text).err().unwrap_or_default();
        assert_eq!(problems.len(), want.len(), "{problems:#?}");
        for (problem, want) in problems.iter().zip(want) {
            assert!(problem.contains(want), "{problem}\nlacks: {want}");
        }
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn every_problem_is_named_with_its_line() {
        check(
            r#"socket = "tcp:25"
socket-mode = "rw"
colour = "red"

[[rule]]
name = "a"
when.subject = ""
action = "secure"

[[rule]]
name = "b"
when.label = { guid = "x" }
action = "secure"
headers.zivver-direct-delivery = "tls9"
"#,
            &[
                "at line 1, column 10",
                "not a mode",
                "unknown field `colour`",
                "at line 7",
                "not a GUID",
                "no connection meets this",
            ],
        );
    }

    #[test]
    fn what_is_wrong_only_as_a_whole_is_found_too() {
        let rule = "[[rule]]\nname = \"a\"\nwhen = {}\naction = \"secure\"\n";
        check(&rule.repeat(2), &["two rules are called \"a\""]);
    }

    #[test]
    fn what_is_not_toml_is_named_with_its_line() {
        check("socket = \nlog = \"info\"\n", &["at line 1"]);
    }

    #[test]
    fn sockets_are_absolute_paths_and_short_enough_or_addresses_with_a_port() {
        for text in ["unix:/run/x.sock", "inet:127.0.0.1:8891", "inet:[::1]:8891"] {
            assert_eq!(text.parse::<Socket>().unwrap().to_string(), text);
        }
        for text in ["/run/x.sock", "unix:x.sock", "inet:8891", "inet:localhost:1"] {
            assert_eq!(text.parse::<Socket>(), Err(ValueError::Socket), "{text}");
        }
        assert_eq!(
            format!("unix:/{}", "x".repeat(SOCKET_PATH_MAX)).parse::<Socket>(),
            Err(ValueError::SocketPath)
        );
    }

    #[test]
    fn only_what_is_bound_or_opened_at_the_start_needs_a_restart() {
        let other = Config::parse(
            "socket = \"inet:127.0.0.1:1\"\nlog = \"debug\"\ncontrol-headers.networks = []",
        )
        .unwrap();
        assert_eq!(Config::default().restart_keys(&other), ["socket", "log"]);
    }

    #[test]
    fn who_is_outside_is_asked_only_where_it_is_known() {
        let rule =
            "[[rule]]\nname = \"r\"\nwhen.recipients = \"any-external\"\naction = \"secure\"\n";
        check(rule, &["set own-domains"]);
        check(&format!("own-domains = [\"a.example\"]\n{rule}"), &[]);
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_short_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (path, file) =
            (directory.path().join("milter.toml"), directory.path().join("marker.key"));
        std::fs::write(&path, "marker-key-file = \"marker.key\"").unwrap();
        let said = |content: &str, mode| {
            std::fs::write(&file, content).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            Config::read(&path).map_err(|problems| problems.to_string())
        };
        let key = "k".repeat(64);
        assert!(said(&key, 0o640).unwrap().marker_key.is_some());
        assert!(said(&key, 0o644).unwrap_err().contains("others may read it"));
        assert!(said("short", 0o640).unwrap_err().contains("openssl rand"));
        std::fs::remove_file(&file).unwrap();
        assert!(Config::read(&path).unwrap_err().to_string().contains("marker.key"));
    }

    #[test]
    fn the_configuration_that_we_ship_is_sound_as_it_is_and_with_its_examples() {
        let shipped = include_str!("../../packaging/etc/milter.toml");
        assert!(Config::parse(shipped).unwrap().rules.is_empty());
        let example = |line: &'static str| {
            line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '))
        };
        let examples: Vec<&str> =
            shipped.lines().map(|line| example(line).unwrap_or(line)).collect();
        let config = Config::parse(&examples.join("\n")).unwrap();
        assert_eq!((config.rules.iter().count(), config.tests.len()), (5, 2));
        for test in &config.tests {
            test.run(&config, Path::new("/")).unwrap();
        }
    }
}
