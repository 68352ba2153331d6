//! `zegel-milter check`: reads, tells, binds nothing.

use std::io::{self, Write};
use std::path::Path;

use zegel_core::address::Domain;
use zegel_core::selection::{Action, Mode, Way};

use super::Failure;
use crate::config::Config;
use crate::route::Route;

/// What a rule hears that asks for a label by its name.
const NAME_ADVICE: &str = "advice: a label's name is weak, for it is translated and changed, and anybody can write it; write its guid";

pub(super) fn check(path: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let config = Config::read(path)?;
    writeln!(out, "{} is sound. In force:", path.display())?;
    let Config { socket, socket_mode, socket_group, log, control_headers, rules, .. } = &config;
    tell_policy(&config, out)?;
    let route = match config.route {
        Route::Header => "header",
        Route::Recipient => "recipient",
    };
    writeln!(out, "  route            {route}")?;
    writeln!(out, "  socket           {socket}")?;
    writeln!(out, "  socket-mode      {:04o}", socket_mode.0)?;
    writeln!(
        out,
        "  socket-group     {}",
        socket_group.as_deref().unwrap_or("(that of the process)")
    )?;
    writeln!(out, "  log              {}", log.0)?;
    let networks: Vec<String> = control_headers.networks.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "  control-headers  authenticated = {}, networks = [{}]",
        control_headers.authenticated,
        networks.join(", ")
    )?;
    if rules.is_empty() {
        writeln!(out, "  no rules: no message is selected")?;
    }
    for (number, rule) in rules.iter().enumerate() {
        let keys = |conditions: &zegel_core::selection::Conditions| {
            conditions
                .iter()
                .map(zegel_core::selection::Condition::key)
                .collect::<Vec<_>>()
                .join(" and ")
        };
        let monitored = if rule.mode == Mode::Monitor { " (monitored)" } else { "" };
        let when = Some(keys(&rule.when))
            .filter(|keys| !keys.is_empty())
            .unwrap_or_else(|| "every message".to_owned());
        let except = Some(keys(&rule.except))
            .filter(|keys| !keys.is_empty())
            .map(|keys| format!(", except {keys}"));
        writeln!(
            out,
            "  rule {:<3} {:?}: {when}{} → {}{monitored}",
            number + 1,
            rule.name.as_str(),
            except.unwrap_or_default(),
            rule.action
        )?;
        if rule.when.asks_for_label_names() || rule.except.asks_for_label_names() {
            writeln!(out, "           {NAME_ADVICE}")?;
        }
        if let Action::Secure(directives) = &rule.action {
            directives.iter().try_for_each(|directive| {
                writeln!(out, "           {}: {}", directive.name, directive.value)
            })?;
        }
    }
    Ok(())
}

fn tell_policy(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let mode = match config.mode {
        Mode::Enforce => "enforce",
        Mode::Monitor => "monitor: nothing is secured",
    };
    let replies = match config.replies {
        Way::Secure => "secure",
        Way::Ordinary => "ordinary",
    };
    let own: Vec<&str> = config.own_domains.iter().map(Domain::as_str).collect();
    let key = config.marker_key_file.as_ref().map_or_else(
        || "(none: the relay's own mail is not known as such)".to_owned(),
        |file| file.display().to_string(),
    );
    let needs = config.rules.needs();
    let bodies = match (needs.attachments, needs.size) {
        (true, _) => "read, for what attachments carry",
        (false, true) => "counted",
        (false, false) => "not asked for",
    };
    writeln!(out, "  mode             {mode}")?;
    writeln!(out, "  own-domains      [{}]", own.join(", "))?;
    writeln!(out, "  replies          {replies}")?;
    writeln!(out, "  marker-key-file  {key}")?;
    writeln!(out, "  bodies           {bodies}")?;
    writeln!(out, "  tests            {}, all of which hold", config.tests.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a rule with this condition is advised against.
    #[track_caller]
    fn check_advice(condition: &str, want: bool) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let rule = format!("[[rule]]\nname = \"r\"\naction = \"secure\"\n{condition}\n");
        std::fs::write(file.path(), rule).unwrap();
        let mut out = Vec::new();
        check(file.path(), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.contains(NAME_ADVICE), want, "{out}");
    }

    #[test]
    fn a_rule_that_goes_by_a_label_s_name_is_advised_against() {
        check_advice("when.label = { name = \"Geheim\" }", true);
        check_advice("when = {}\nexcept.label = { name = \"Intern\" }", true);
        check_advice("when.label = { guid = \"4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4\" }", false);
        check_advice("when.subject = \"secure\"", false);
    }
}
