//! Postfix's live configuration, as postconf(1) tells it.

use std::collections::BTreeMap;

use super::super::finding::Mend;

/// What is in force.
#[derive(Clone, Debug, Default)]
pub(in crate::cli::doctor) struct Postfix {
    pub version: (u32, u32),
    /// Every parameter with its value, what it refers to put in.
    main: BTreeMap<String, String>,
    pub services: Vec<Service>,
}

/// A line of master.cf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::doctor) struct Service {
    pub name: String,
    pub kind: String,
    pub chroot: bool,
    pub program: String,
    /// What stands behind the program, as it is written.
    pub arguments: String,
    /// What it says otherwise than main.cf.
    pub own: BTreeMap<String, String>,
}

impl Postfix {
    pub(in crate::cli::doctor) fn parse(main: &str, services: &str, own: &str) -> Self {
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
    pub(in crate::cli::doctor) fn get(&self, name: &str) -> &str {
        self.main.get(name).map_or("", String::as_str)
    }

    pub(in crate::cli::doctor) fn knows(&self, name: &str) -> bool {
        self.main.contains_key(name)
    }

    /// The command that gives a service a setting of its own.
    pub(in crate::cli::doctor) fn give(&self, service: &Service, setting: &str) -> String {
        format!("postconf {}-P '{}/{setting}'", self.elsewhere(), service.label())
    }

    /// The command that takes a service's own setting from it.
    pub(in crate::cli::doctor) fn take(&self, service: &Service, name: &str) -> String {
        format!("postconf {}-PX '{}/{name}'", self.elsewhere(), service.label())
    }

    /// Sets a parameter where it was set: for the service, or for all.
    pub(in crate::cli::doctor) fn mend(&self, service: &Service, name: &str, value: &str) -> Mend {
        if service.own.contains_key(name) {
            return Mend::Run(self.give(service, &format!("{name}={value}")));
        }
        Mend::main_cf(format!("{name} = {value}").trim_end())
    }

    /// The command that makes a service what this line of master.cf says behind its name.
    pub(in crate::cli::doctor) fn define(&self, name: &str, line: &str) -> String {
        format!("postconf {}-M '{name}/unix={name} {line}'", self.elsewhere())
    }

    fn elsewhere(&self) -> String {
        match self.get("config_directory") {
            "" | "/etc/postfix" => String::new(),
            directory => format!("-c {directory} "),
        }
    }

    /// A parameter's value for one service.
    pub(in crate::cli::doctor) fn of<'a>(&'a self, service: &'a Service, name: &str) -> &'a str {
        service.own.get(name).map_or_else(|| self.get(name), String::as_str)
    }

    pub(in crate::cli::doctor) fn run<'a>(
        &'a self,
        program: &'a str,
    ) -> impl Iterator<Item = &'a Service> {
        self.services.iter().filter(move |service| service.program == program)
    }
}

impl Service {
    /// As postconf(1) names it.
    pub(in crate::cli::doctor) fn label(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }

    fn parse(line: &str, chroot_default: bool) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let (name, kind) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let chroot = match fields.nth(2)? {
            "y" => true,
            "n" => false,
            _ => chroot_default,
        };
        let program = fields.nth(2)?.to_owned();
        let arguments = fields.collect::<Vec<_>>().join(" ");
        Some(Self { name, kind, chroot, program, arguments, own: BTreeMap::new() })
    }
}

/// `name = value`.
fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// The words of a list, parted by white space and commas; what stands in braces is one word.
pub(in crate::cli::doctor) fn words(list: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let parts = list.split(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => (),
        }
        depth == 0 && (c == ',' || c.is_whitespace())
    });
    parts.filter(|word| !word.is_empty()).collect()
}

/// A milter as a list of them names it: `unix:path`, `inet:host:port`, or in braces with settings of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::doctor) struct Listed {
    pub at: String,
    pub default_action: Option<String>,
}

/// The milters of a list.
pub(in crate::cli::doctor) fn milters(list: &str) -> Vec<Listed> {
    let listed = |word: &str| {
        let mut parts = words(word.trim_start_matches('{').trim_end_matches('}')).into_iter();
        let at = parts.next()?.to_owned();
        // "default_action = accept" is written with and without spaces around the sign.
        let settings = parts.collect::<Vec<_>>().join(" ").replace(" = ", "=");
        let action =
            settings.split(' ').find_map(|setting| setting.strip_prefix("default_action="));
        Some(Listed { at, default_action: action.map(str::to_owned) })
    };
    words(list).into_iter().filter_map(listed).collect()
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
    fn what_stands_in_braces_is_one_word() {
        assert_eq!(
            words("a, inline:{b=c, d={e f}} check_client_access,g:h"),
            ["a", "inline:{b=c, d={e f}}", "check_client_access", "g:h"]
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
