//! Postfix's live configuration, as postconf(1) tells it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Postfix {
    pub version: (u32, u32),
    /// Every parameter with its value, what it refers to put in.
    main: BTreeMap<String, String>,
    pub services: Vec<Service>,
}

/// A line of master.cf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub name: String,
    pub kind: String,
    pub chroot: bool,
    pub program: String,
    /// What it says otherwise than main.cf.
    pub own: BTreeMap<String, String>,
}

/// Asks postconf and postmap.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    /// `config_directory`; Postfix's own default where absent.
    pub directory: Option<PathBuf>,
}

impl Tools {
    pub(super) fn read(&self) -> Result<Postfix, String> {
        Ok(Postfix::parse(
            &self.ask("postconf", &["-x"])?,
            &self.ask("postconf", &["-M"])?,
            &self.ask("postconf", &["-Px"])?,
        ))
    }

    /// What a table says about a key; none where it says nothing.
    pub(super) fn look_up(&self, table: &str, key: &str) -> Result<Option<String>, String> {
        let done = self.command("postmap", &["-q", key, table]).output();
        let done = done.map_err(|error| format!("postmap: {error}"))?;
        let (said, complaint) = (text(&done.stdout), text(&done.stderr));
        match (done.status.success(), complaint.is_empty()) {
            (true, _) => Ok(Some(said)),
            (false, true) => Ok(None),
            (false, false) => Err(complaint),
        }
    }

    fn ask(&self, tool: &str, arguments: &[&str]) -> Result<String, String> {
        let done = self.command(tool, arguments).output();
        let done = done.map_err(|error| format!("{tool}: {error}; is Postfix installed here?"))?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        Err(format!("{tool} {}: {}", arguments.join(" "), text(&done.stderr)))
    }

    /// An administrator's PATH may lack /usr/sbin.
    fn command(&self, tool: &str, arguments: &[&str]) -> Command {
        let installed = Path::new("/usr/sbin").join(tool);
        let mut command = Command::new(if installed.exists() { installed } else { tool.into() });
        if let Some(directory) = &self.directory {
            command.arg("-c").arg(directory);
        }
        command.args(arguments);
        command
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).trim().to_owned()
}

impl Postfix {
    pub(super) fn parse(main: &str, services: &str, own: &str) -> Self {
        let main: BTreeMap<String, String> = main.lines().filter_map(assignment).collect();
        let number = |name: &str, at| {
            let value: &str = main.get(name).map_or("", String::as_str);
            value.split('.').nth(at).and_then(|part| part.parse().ok()).unwrap_or_default()
        };
        let version = (number("mail_version", 0), number("mail_version", 1));
        // Postfix 3.0 changed what "-" stands for, unless it is told to behave as before.
        let chroot_default = version.0 < 3 || number("compatibility_level", 0) < 1;
        let mut services: Vec<Service> =
            services.lines().filter_map(|line| Service::parse(line, chroot_default)).collect();
        for (key, value) in own.lines().filter_map(assignment) {
            let mut parts = key.splitn(3, '/');
            let (Some(name), Some(kind), Some(parameter)) =
                (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if let Some(service) =
                services.iter_mut().find(|known| known.name == name && known.kind == kind)
            {
                service.own.insert(parameter.to_owned(), value);
            }
        }
        Self { version, main, services }
    }

    /// A parameter's value; empty where Postfix knows no such parameter.
    pub(super) fn get(&self, name: &str) -> &str {
        self.main.get(name).map_or("", String::as_str)
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.main.contains_key(name)
    }

    /// A parameter's value for one service.
    pub(super) fn of<'a>(&'a self, service: &'a Service, name: &str) -> &'a str {
        service.own.get(name).map_or_else(|| self.get(name), String::as_str)
    }

    pub(super) fn run<'a>(&'a self, program: &'a str) -> impl Iterator<Item = &'a Service> {
        self.services.iter().filter(move |service| service.program == program)
    }
}

impl Service {
    fn parse(line: &str, chroot_default: bool) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (name, kind) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let chroot = match fields.nth(2)? {
            "y" => true,
            "n" => false,
            _ => chroot_default,
        };
        let program = fields.nth(2)?.to_owned();
        Some(Self { name, kind, chroot, program, own: BTreeMap::new() })
    }
}

/// `name = value`.
fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// A milter as a list of them names it: `unix:path`, `inet:host:port`, or in braces with settings of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub at: String,
    pub default_action: Option<String>,
}

/// The milters of a list.
pub(super) fn milters(list: &str) -> Vec<Listed> {
    let mut found = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            return found;
        }
        let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (one, after) = match braced {
            Some(parts) => parts,
            None => rest
                .split_at(rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len())),
        };
        rest = after;
        let mut parts =
            one.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        let Some(at) = parts.next() else { continue };
        // "default_action = accept" is written with and without spaces around the sign.
        let settings: String = parts.collect::<Vec<_>>().join(" ").replace(" = ", "=");
        let action =
            settings.split(' ').find_map(|setting| setting.strip_prefix("default_action="));
        found.push(Listed { at: at.to_owned(), default_action: action.map(str::to_owned) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(list: &str, want: &[(&str, Option<&str>)]) {
        let found = milters(list);
        let shown: Vec<_> =
            found.iter().map(|one| (one.at.as_str(), one.default_action.as_deref())).collect();
        assert_eq!(shown, want, "{list}");
    }

    #[test]
    fn lists_of_milters_are_read_in_every_spelling() {
        check("", &[]);
        check(
            "unix:a, inet:localhost:1  unix:b",
            &[("unix:a", None), ("inet:localhost:1", None), ("unix:b", None)],
        );
        check(
            "{ unix:a, connect_timeout=10s, default_action = accept }, {inet:h:1 default_action=reject} unix:c",
            &[("unix:a", Some("accept")), ("inet:h:1", Some("reject")), ("unix:c", None)],
        );
    }

    #[test]
    fn services_are_read_with_what_they_say_otherwise() {
        let postfix = Postfix::parse(
            "mail_version = 3.7.11\ncompatibility_level = 3.6\nsmtpd_milters = unix:a\n",
            "smtp       inet  n       -       y       -       -       smtpd\n127.0.0.1:10025 inet n - - - - smtpd -o smtpd_milters=\n",
            "127.0.0.1:10025/inet/smtpd_milters = \n",
        );
        assert_eq!(postfix.version, (3, 7));
        let smtpds: Vec<_> = postfix
            .run("smtpd")
            .map(|service| (service.chroot, postfix.of(service, "smtpd_milters")))
            .collect();
        assert_eq!(smtpds, [(true, "unix:a"), (false, "")]);
        let old = Postfix::parse(
            "mail_version = 3.4.1\ncompatibility_level = 0\n",
            "smtp inet n - - - - smtpd\n",
            "",
        );
        assert!(old.services.iter().all(|service| service.chroot));
    }
}
