//! postconf(1) and postmap(1), asked.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::postconf::{Postfix, words};

/// Asks postconf and postmap.
#[derive(Clone, Debug)]
pub(in crate::cli::doctor) struct Tools {
    /// `config_directory`; Postfix's own default where absent.
    pub directory: Option<PathBuf>,
}

impl Tools {
    pub(in crate::cli::doctor) fn read(&self) -> Result<Postfix, String> {
        Ok(Postfix::parse(
            &self.ask("postconf", &["-x"])?,
            &self.ask("postconf", &["-M"])?,
            &self.ask("postconf", &["-Px"])?,
        ))
    }

    /// What a table says about a key; none where it says nothing.
    pub(in crate::cli::doctor) fn look_up(
        &self,
        table: &str,
        key: &str,
    ) -> Result<Option<String>, String> {
        let done = self.command("postmap", &["-q", key, direct(table)]).output();
        let done = done.map_err(|error| format!("postmap: {error}"))?;
        let (said, complaint) = (text(&done.stdout), text(&done.stderr));
        match (done.status.success(), complaint.is_empty()) {
            (true, _) => Ok(Some(said)),
            (false, true) => Ok(None),
            (false, false) => Err(complaint),
        }
    }

    /// What the first of these tables that knows a key says about it.
    pub(in crate::cli::doctor) fn look_up_in(
        &self,
        tables: &str,
        key: &str,
    ) -> Result<Option<String>, String> {
        for table in words(tables).into_iter().filter(|word| word.contains(':')) {
            if let Some(said) = self.look_up(table, key)? {
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    /// A table line by line, as its file or its database has it. Not every kind of table can be listed.
    pub(in crate::cli::doctor) fn list(&self, table: &str) -> Result<Vec<String>, String> {
        let table = direct(table);
        let (kind, name) = table.split_once(':').ok_or_else(|| format!("{table}: no table"))?;
        let all = match kind {
            "regexp" | "pcre" | "cidr" | "texthash" => {
                std::fs::read_to_string(name).map_err(|error| format!("{name}: {error}"))?
            }
            "static" | "pipemap" | "unionmap" | "randmap" => name.to_owned(),
            _ => self.ask("postmap", &["-s", table])?,
        };
        let lines = all.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        Ok(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
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

/// A table that Postfix has proxymap(8) read, which answers only while Postfix runs.
fn direct(table: &str) -> &str {
    table.strip_prefix("proxy:").unwrap_or(table)
}

/// Where a table's entries are written, and what else it takes to change them.
pub(super) fn source(table: &str) -> String {
    let table = direct(table);
    match table.split_once(':') {
        Some(("hash" | "btree" | "lmdb" | "cdb" | "dbm" | "sdbm", file)) => {
            format!("{file} (then: postmap {table})")
        }
        Some((_, file)) => file.to_owned(),
        None => table.to_owned(),
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).trim().to_owned()
}
