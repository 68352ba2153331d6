//! What must be so in Sendmail: the live sendmail.cf is read, and the line that mends it is one of sendmail.mc.

mod cf;
mod milter;
mod route;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::unistd::{Group, User};

use self::cf::Cf;
use super::Examined;
use super::finding::{Finding, Mend};
use super::reach::{self, Who, Whose};
use crate::config::{Config, Socket};
use crate::route::Route;

/// What is looked at.
#[derive(Debug)]
struct Sendmail {
    cf: Cf,
    mailertable: String,
    /// Where mailertable stands, and the kind of its database.
    file: String,
    kind: String,
    built: Built,
}

/// When the database of mailertable was made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Built {
    Never,
    /// Before the text was last changed.
    Before,
    After,
}

pub(super) fn examine(directory: &Path, milter: &Config) -> Result<Examined, String> {
    let path = directory.join("sendmail.cf");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let cf = Cf::new(&text);
    let (kind, file) = cf.map("mailertable").map_or_else(
        || ("hash".to_owned(), directory.join("mailertable")),
        |(kind, file)| (kind.to_owned(), PathBuf::from(file)),
    );
    let sendmail = Sendmail {
        // Where there is none, the finding about the missing entry says what to write.
        mailertable: fs::read_to_string(&file).unwrap_or_default(),
        built: built(&file),
        file: file.to_string_lossy().into_owned(),
        kind,
        cf,
    };
    let (mut findings, relay) = sendmail.judge(milter);
    findings.extend(sendmail.reaches(milter, relay.as_deref()));
    findings.extend(unmade(directory));
    findings.extend(lax_clients(directory));
    Ok(Examined { findings, relay, instance: String::new() })
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|found| found.modified()).ok()
}

fn built(file: &Path) -> Built {
    let database = file
        .with_file_name(format!("{}.db", file.file_name().unwrap_or_default().to_string_lossy()));
    match (changed(file), changed(&database)) {
        (_, None) => Built::Never,
        (Some(text), Some(database)) if text > database => Built::Before,
        (_, Some(_)) => Built::After,
    }
}

/// sendmail.cf is made from sendmail.mc.
fn unmade(directory: &Path) -> Option<Finding> {
    let (mc, cf) =
        (changed(&directory.join("sendmail.mc"))?, changed(&directory.join("sendmail.cf"))?);
    (mc > cf).then(|| {
        Finding::doubtful(
            "sendmail.mc is newer than sendmail.cf: what was changed there is not in force",
            Mend::Run(format!("make -C {} && systemctl restart sendmail", directory.display())),
        )
    })
}

/// Sendmail 8.18 refuses bare newlines, but for clients that the access table lets (`G` and `U` of `srv_features`, and `O` for
/// what ends a message).
fn lax_clients(directory: &Path) -> Vec<Finding> {
    let file = directory.join("access");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let entries = text.lines().filter(|line| {
        let mut words = line.split_whitespace();
        let key = words.next().unwrap_or_default().to_ascii_lowercase();
        key.starts_with("srv_features:") && words.any(|flags| flags.contains(['G', 'U', 'O']))
    });
    entries
        .map(|line| {
            Finding::doubtful(
                "a bare newline of these clients can end a message, and one message can hide in another",
                Mend::Without { file: file.display().to_string(), line: line.to_owned() },
            )
        })
        .collect()
}

fn mc(line: impl Into<String>) -> Mend {
    Mend::line("sendmail.mc", line)
}

impl Sendmail {
    /// What the texts alone say.
    fn judge(&self, milter: &Config) -> (Vec<Finding>, Option<String>) {
        let mut findings = self.milter(milter);
        if milter.route == Route::Header {
            findings.push(Finding::wrong(
                "route = \"header\": Sendmail does not look at headers, and selected mail goes out as ordinary mail",
                Mend::milter_toml("route = \"recipient\"\nmarker-key-file = \"/etc/zegel/marker.key\""),
            ));
        }
        let (on_the_way, relay) = self.route();
        findings.extend(on_the_way);
        findings.extend(self.reports());
        (findings, relay)
    }

    /// Both sockets, as the user whom Sendmail becomes.
    fn reaches(&self, milter: &Config, relay: Option<&str>) -> Vec<Finding> {
        let (who, owner) = match self.runs_as() {
            Ok(known) => known,
            Err(finding) => return vec![finding],
        };
        let milter = match &milter.socket {
            Socket::Unix(path) => Some((Whose::Milter, path.clone())),
            Socket::Inet(_) => None,
        };
        let relay = relay.and_then(|at| at.strip_prefix("unix:"));
        let relay = relay.map(|path| (Whose::Relay, PathBuf::from(path)));
        let mut findings = Vec::new();
        for (whose, path) in milter.into_iter().chain(relay) {
            findings.extend(reach::examine(&path, whose, who, &owner));
            if whose == Whose::Milter {
                findings.extend(milter::unsafe_directory(&path));
            }
        }
        findings
    }

    /// `RunAsUser` is a name or a number, with a group behind it or without; root where there is none.
    fn runs_as(&self) -> Result<(Who, String), Finding> {
        let Some(named) = self.cf.option("RunAsUser").filter(|name| !name.is_empty()) else {
            return Ok((Who { user: 0, group: 0 }, "root".to_owned()));
        };
        let unknown = || {
            Finding::wrong(
                format!("RunAsUser={named}: there is no such user or group"),
                Mend::advice("Sendmail itself does not run so."),
            )
        };
        let (user, group) =
            named.split_once([':', '.']).map_or((named, None), |(user, group)| (user, Some(group)));
        let user = match user.parse() {
            Ok(number) => User::from_uid(nix::unistd::Uid::from_raw(number)),
            Err(_) => User::from_name(user),
        };
        let Ok(Some(user)) = user else { return Err(unknown()) };
        let group = match group {
            None => Group::from_gid(user.gid),
            Some(name) => match name.parse() {
                Ok(number) => Group::from_gid(nix::unistd::Gid::from_raw(number)),
                Err(_) => Group::from_name(name),
            },
        };
        let Ok(Some(group)) = group else { return Err(unknown()) };
        Ok((Who { user: user.uid.as_raw(), group: group.gid.as_raw() }, group.name))
    }
}

#[cfg(test)]
mod tests;
