//! What architecture.md promises about the source and a compiler does not see.

use std::fs;
use std::path::{Path, PathBuf};

/// A longer file is two.
const LINES_MAX: usize = 500;

/// One source file: its path from the top of the repository, its whole text, and its code without the tests at its foot.
struct Source {
    path: String,
    text: String,
    code: String,
}

/// Every file below `folder` with this ending.
fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let found: Vec<_> = files(&top.join(folder))
        .into_iter()
        .filter(|file| file.extension().is_some_and(|found| found == extension))
        .map(|file| {
            let text = fs::read_to_string(&file).expect("read a source file");
            let path = file.strip_prefix(&top).expect("below the top").display().to_string();
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            Source { path, text, code }
        })
        .collect();
    assert!(!found.is_empty(), "no {extension} files in {folder}");
    found
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("list a folder").path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// None of these files holds any of these words outside its tests, but for those that may.
#[track_caller]
fn check(sources: &[Source], words: &[&str], may: &[&str]) {
    for source in sources.iter().filter(|source| !may.contains(&source.path.as_str())) {
        for word in words {
            assert!(!source.code.contains(word), "{} has `{word}`", source.path);
        }
    }
}

fn all() -> Vec<Source> {
    ["core", "milter", "relay", "tests"]
        .into_iter()
        .flat_map(|folder| sources(folder, "rs"))
        .collect()
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    for source in all() {
        let lines = source.text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", source.path);
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    // Written apart, or this file would find itself.
    check(
        &all(),
        &[
            concat!("to", "do!("),
            concat!("un", "implemented!("),
            concat!("FIX", "ME"),
            concat!("TO", "DO"),
        ],
        &[],
    );
}

#[test]
fn core_is_a_function_of_its_arguments() {
    let banned = [
        "tokio",
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::env",
        "std::thread",
        "std::process",
        "std::time::Instant",
        "SystemTime",
        "now_utc",
        "rand::",
        "HashMap",
        "tracing",
    ];
    check(&sources("core/src", "rs"), &banned, &[]);
    let manifest = sources("core", "toml");
    let cargo =
        manifest.iter().find(|source| source.path == "core/Cargo.toml").expect("core's manifest");
    for crate_name in ["tokio", "rustls", "sqlx", "hickory", "tracing", "uuid", "aws-lc-rs"] {
        assert!(!cargo.text.contains(crate_name), "core depends on {crate_name}");
    }
}

#[test]
fn milter_and_relay_do_not_know_each_other() {
    check(&sources("milter", "rs"), &["zegel_relay"], &[]);
    check(&sources("relay", "rs"), &["zegel_milter"], &[]);
}

#[test]
fn the_rooms_of_the_relay_do_not_know_each_other() {
    let rooms: &[(&str, &[&str])] = &[
        ("relay/src/smtp", &["outbound", "portal", "pipeline", "server", "cli"]),
        ("relay/src/outbound", &["smtp", "portal", "pipeline", "store", "intake", "server", "cli"]),
        (
            "relay/src/sms",
            &["smtp", "outbound", "portal", "pipeline", "store", "intake", "server", "cli"],
        ),
        ("relay/src/portal", &["smtp", "outbound", "sms", "pipeline", "intake", "server", "cli"]),
        (
            "relay/src/store",
            &["smtp", "outbound", "sms", "portal", "pipeline", "intake", "server", "cli"],
        ),
        ("relay/src/pipeline", &["smtp", "portal", "intake", "server", "cli"]),
    ];
    for (room, strangers) in rooms {
        let uses: Vec<_> = strangers.iter().map(|stranger| format!("crate::{stranger}")).collect();
        check(&sources(room, "rs"), &uses.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    }
}

#[test]
fn the_smtp_session_knows_neither_sockets_nor_a_runtime() {
    let session: Vec<_> = sources("relay/src/smtp", "rs")
        .into_iter()
        .filter(|source| source.path.starts_with("relay/src/smtp/session"))
        .collect();
    assert!(session.len() >= 3, "the session is not where it was");
    check(&session, &["tokio", "std::net", "async ", "rustls"], &[]);
}

#[test]
fn one_file_of_each_program_reads_the_clock() {
    let clocks = ["SystemTime::now", "now_utc", "now_local", "Utc::now"];
    check(&sources("relay/src", "rs"), &clocks, &["relay/src/lifecycle.rs"]);
    check(&sources("milter/src", "rs"), &clocks, &["milter/src/clock.rs"]);
}

#[test]
fn only_one_file_holds_the_replies_that_the_relay_gives() {
    let replies: Vec<_> = [
        "220 ", "250 2.", "354 ", "421 4.", "451 4.", "452 4.", "500 5.", "501 5.", "502 5.",
        "503 5.", "550 5.", "552 5.",
    ]
    .iter()
    .map(|code| format!("\"{code}"))
    .collect();
    let words: Vec<_> = replies.iter().map(String::as_str).collect();
    check(
        &sources("relay/src/smtp", "rs"),
        &words,
        &["relay/src/smtp/reply.rs", "relay/src/smtp/dialog.rs"],
    );
}

#[test]
fn only_delivery_step_makes_a_new_state() {
    let states: Vec<_> = ["Planned", "Held", "Sent", "Opened", "Failed", "Expired"]
        .iter()
        .map(|state| format!("= State::{state} {{"))
        .collect();
    check(&sources("relay/src", "rs"), &states.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
}

#[test]
fn the_top_of_the_repository_holds_what_was_agreed_and_nothing_else() {
    let agreed = [
        ".ci",
        ".git",
        ".github",
        ".gitignore",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "clippy.toml",
        "core",
        "deny.toml",
        "milter",
        "packaging",
        "relay",
        "rustfmt.toml",
        "target",
        "tests",
    ];
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for entry in fs::read_dir(top).expect("list the repository") {
        let name = entry.expect("list the repository").file_name().to_string_lossy().into_owned();
        assert!(agreed.contains(&name.as_str()), "{name} stands at the top of the repository");
    }
}
