//! Whether the milter is there when the mail server starts, as systemd's unit files say it; systemd itself need not run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Mta;
use super::finding::{Finding, Mend};

/// Where units stand, the first before the others (systemd.unit(5)); those of init scripts are made in the last.
const DIRECTORIES: [&str; 7] = [
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
];

const MILTER: &str = "zegel-milter.service";

/// Looks below `root`. Where there is no unit of the milter, something else starts it.
pub(super) fn examine(root: &Path, mta: Mta, instance: &str) -> Vec<Finding> {
    let units = Units(DIRECTORIES.map(|directory| root.join(directory)));
    let Some(milter) = units.text(MILTER) else { return Vec::new() };
    let before = names(&milter, "Before");
    let servers = servers(&units, mta, instance);
    let late: Vec<&str> = servers
        .iter()
        .filter(|(name, text)| !before.contains(name) && !names(text, "After").contains(MILTER))
        .map(|(name, _)| name.as_str())
        .collect();
    let mut findings = Vec::new();
    if !late.is_empty() {
        let late = late.join(" ");
        findings.push(Finding::doubtful(
            format!("{MILTER} does not start before {late}: mail that comes before the milter is there has to wait"),
            Mend::line(
                format!("/etc/systemd/system/{MILTER}.d/order.conf (then: systemctl daemon-reload)"),
                format!("[Unit]\nBefore={late}"),
            ),
        ));
    }
    let server_starts = servers.iter().any(|(name, _)| units.starts(name));
    if server_starts && !units.starts(MILTER) {
        findings.push(Finding::wrong(
            format!("{MILTER} is not enabled: after the next boot, no mail is taken"),
            Mend::Run("systemctl enable zegel-milter".to_owned()),
        ));
    }
    findings
}

/// The mail server's units, with their text. What is not here is not started by systemd, or not yet installed.
fn servers(units: &Units, mta: Mta, instance: &str) -> Vec<(String, String)> {
    let names = match mta {
        Mta::Postfix => {
            vec!["postfix.service".to_owned(), format!("postfix@{instance}.service")]
        }
        Mta::Sendmail => vec!["sendmail.service".to_owned()],
    };
    names.into_iter().filter_map(|name| Some((name.clone(), units.text(&name)?))).collect()
}

struct Units([PathBuf; 7]);

impl Units {
    /// A unit with its drop-ins; none where there is no such unit, or it is masked.
    fn text(&self, name: &str) -> Option<String> {
        let read = |name: &str| {
            self.0.iter().find_map(|directory| fs::read_to_string(directory.join(name)).ok())
        };
        // Debian's Postfix is an instance of a template, and its postfix.service starts nothing.
        let template =
            name.split_once('@').map(|(stem, _)| format!("{stem}@.service")).unwrap_or_default();
        let mut text = read(name).or_else(|| read(&template))?;
        if text.is_empty() {
            return None;
        }
        for file in [&template, name].into_iter().flat_map(|name| self.drop_ins(name)) {
            text.push('\n');
            text.push_str(&fs::read_to_string(file).unwrap_or_default());
        }
        Some(text)
    }

    /// In the order of their names; one of a name counts.
    fn drop_ins(&self, name: &str) -> Vec<PathBuf> {
        let mut seen = BTreeSet::new();
        let mut files: Vec<PathBuf> = self
            .0
            .iter()
            .flat_map(|directory| entries(&directory.join(format!("{name}.d"))))
            .filter(|file| file.extension().is_some_and(|extension| extension == "conf"))
            .filter(|file| seen.insert(file.file_name().map(ToOwned::to_owned)))
            .collect();
        files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
        files
    }

    /// Whether something that starts at boot wants it.
    fn starts(&self, name: &str) -> bool {
        let wants = |directory: &PathBuf| {
            let kind = directory.extension().and_then(|extension| extension.to_str());
            matches!(kind, Some("wants" | "requires"))
                && directory.join(name).symlink_metadata().is_ok()
        };
        self.0.iter().flat_map(|directory| entries(directory)).any(|directory| wants(&directory))
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).into_iter().flatten();
    listed.filter_map(Result::ok).map(|entry| entry.path()).collect()
}

/// The units that a setting of `[Unit]` names; an empty one forgets those before it.
fn names(text: &str, setting: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.replace("\\\n", " ").lines() {
        match line.split_once('=') {
            Some((name, value)) if name.trim() == setting && value.trim().is_empty() => {
                found.clear();
            }
            Some((name, value)) if name.trim() == setting => {
                found.extend(value.split_whitespace().map(str::to_owned));
            }
            _ => (),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../../packaging/systemd/zegel-milter.service");
    const ETC: &str = "etc/systemd/system/";
    const LIB: &str = "usr/lib/systemd/system/";

    /// With these units in a machine, beside Postfix's and the milter's started at boot, this is found; nothing where that is
    /// empty.
    #[track_caller]
    fn check(mta: Mta, units: &[(&str, &str)], want: &str) {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("etc/systemd/system/multi-user.target.wants/postfix.service", "");
        for (name, text) in units {
            write(name, text);
        }
        let found = examine(root.path(), mta, "-");
        let told: Vec<String> =
            found.iter().map(|finding| format!("{} {:?}", finding.what, finding.mend)).collect();
        assert_eq!(told.is_empty(), want.is_empty(), "{units:?}: {told:?}");
        assert!(told.iter().all(|told| told.contains(want)), "{units:?}: {told:?} lacks {want}");
    }

    fn unit(directory: &str, name: &str) -> String {
        format!("{directory}{name}")
    }

    #[test]
    fn a_mail_server_that_does_not_wait_for_the_milter_is_found() {
        let milter = unit(LIB, MILTER);
        let wanted = ("etc/systemd/system/multi-user.target.wants/zegel-milter.service", "");
        let postfix = unit(LIB, "postfix.service");
        let instance = unit(LIB, "postfix@.service");
        let sendmail = unit(LIB, "sendmail.service");
        let (postfix, instance) = ((&*postfix, "[Unit]\n"), (&*instance, "[Unit]\n"));
        let unordered = (&*milter, "[Unit]\nBefore=multi-user.target\n");
        let ordered = (&*milter, "[Unit]\nBefore=postfix.service\n");
        check(Mta::Postfix, &[], "");
        check(Mta::Postfix, &[postfix, instance], "");
        check(Mta::Postfix, &[postfix, ordered, wanted], "");
        check(Mta::Postfix, &[postfix, unordered, wanted], "[Unit]\\nBefore=postfix.service\"");
        check(
            Mta::Postfix,
            &[postfix, instance, ordered, wanted],
            "[Unit]\\nBefore=postfix@-.service\"",
        );
        check(
            Mta::Sendmail,
            &[(&sendmail, "[Unit]\n"), ordered, wanted],
            "Before=sendmail.service",
        );
        check(Mta::Sendmail, &[postfix, unordered, wanted], "");
        let script = ("run/systemd/generator.late/sendmail.service", "[Unit]\n");
        check(Mta::Sendmail, &[script, ordered, wanted], "Before=sendmail.service");
    }

    #[test]
    fn the_shipped_unit_comes_before_every_mail_server_there_is() {
        let milter = unit(LIB, MILTER);
        let wanted = ("etc/systemd/system/multi-user.target.wants/zegel-milter.service", "");
        let servers = ["postfix.service", "postfix@.service", "sendmail.service"];
        let servers = servers.map(|name| unit(LIB, name));
        let mut units = vec![(&*milter, SHIPPED), wanted];
        units.extend(servers.iter().map(|name| (&**name, "[Unit]\n")));
        check(Mta::Postfix, &units, "");
        check(Mta::Sendmail, &units, "");
    }

    #[test]
    fn drop_ins_and_overrides_count_as_for_systemd() {
        let milter = unit(LIB, MILTER);
        let wanted = ("etc/systemd/system/multi-user.target.wants/zegel-milter.service", "");
        let postfix = unit(LIB, "postfix.service");
        let postfix = (&*postfix, "[Unit]\n");
        let ordered = (&*milter, "[Unit]\nBefore=a.service \\\n  postfix.service\n");
        let bare = (&*milter, "[Unit]\n");
        check(Mta::Postfix, &[postfix, ordered, wanted], "");
        let drop_in = unit(ETC, "zegel-milter.service.d/order.conf");
        check(
            Mta::Postfix,
            &[postfix, ordered, wanted, (&drop_in, "[Unit]\nBefore=\n")],
            "Before=",
        );
        check(
            Mta::Postfix,
            &[postfix, bare, wanted, (&drop_in, "[Unit]\nBefore=postfix.service\n")],
            "",
        );
        let other = unit(ETC, "postfix.service.d/zegel.conf");
        check(
            Mta::Postfix,
            &[postfix, bare, wanted, (&other, "[Unit]\nAfter=zegel-milter.service\n")],
            "",
        );
        let own = unit(ETC, MILTER);
        check(Mta::Postfix, &[postfix, ordered, wanted, (&own, "[Unit]\n")], "Before=");
        check(Mta::Postfix, &[postfix, ordered, wanted, (&own, "")], "");
    }

    #[test]
    fn a_milter_that_no_boot_starts_is_found() {
        let milter = unit(LIB, MILTER);
        let postfix = unit(LIB, "postfix.service");
        check(Mta::Postfix, &[(&postfix, "[Unit]\n"), (&milter, SHIPPED)], "systemctl enable");
    }
}
