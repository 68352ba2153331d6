//! Whole runs over archives on disk.

use std::fs;

use tempfile::TempDir;

use super::*;

const OLD: &str = "[[rule]]\nname = \"trigger\"\nwhen.subject = \"secure\"\naction = \"secure\"\n";
const NEW: &str =
    "[[rule]]\nname = \"word\"\nwhen.subject = [\"secure\", \"secret\"]\naction = \"secure\"\n";

fn message(number: usize, subject: &str) -> String {
    format!("From: jan@gemeente.example\nMessage-ID: <{number}@x>\nSubject: {subject}\n\nhello\n")
}

/// A directory with two rule files, and nothing yet beside them.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("old.toml"), OLD).unwrap();
    fs::write(place.path().join("new.toml"), NEW).unwrap();
    place
}

/// What is told, the directory's own name taken out.
#[track_caller]
fn check(place: &TempDir, archive: &str, against: bool, changed: bool, want: &str) {
    let path = |name: &str| place.path().join(name);
    let asked = Replay {
        archive: path(archive),
        rules: Some(path("new.toml")),
        against: Some(path(if against { "old.toml" } else { "new.toml" })),
    };
    let mut out = Vec::new();
    let status = replay(&asked, &mut out).unwrap();
    let told = String::from_utf8(out).unwrap().replace(&format!("{}/", path("").display()), "");
    let told = told.replace(&path("").display().to_string(), "");
    assert_eq!(told, want);
    let expected = if changed { ExitCode::from(FOUND) } else { ExitCode::SUCCESS };
    assert_eq!(format!("{status:?}"), format!("{expected:?}"));
}

#[test]
fn files_and_maildirs_are_found_at_any_depth_and_what_cannot_be_read_is_listed() {
    let place = place();
    let path = |name: &str| place.path().join(name);
    for directory in ["mail/a/b", "mail/.Sent/cur", "mail/.Sent/tmp"] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    fs::write(path("mail/a/b/1.EML"), message(1, "secret")).unwrap();
    fs::write(path("mail/a/notes.txt"), message(2, "secret")).unwrap();
    fs::write(path("mail/.Sent/cur/3:2,S"), message(3, "secure").replace('\n', "\r\n")).unwrap();
    fs::write(path("mail/.Sent/tmp/4"), message(4, "secret")).unwrap();
    fs::write(path("mail/5.eml"), "no header\n").unwrap();
    std::os::unix::fs::symlink("nowhere", path("mail/6.eml")).unwrap();
    check(
        &place,
        "mail",
        true,
        true,
        "mail/a/b/1.EML\n  1@x\n  ordinary → secure by \"word\"\n\
         mail/6.eml\n  cannot be read: No such file or directory (os error 2)\n        \
         2 secure by rule \"word\"\n        0 secure: answers to secured messages\n        0 ordinary: no rule applies\n        0 ordinary: the relay's own mail\n        0 ordinary: bounces\n        \
         0 ordinary: automatic replies\n        0 refused: undecided\n        \
         1 refused: the header section cannot be read\n        1 files that cannot be read\n        \
         1 outcomes change\n",
    );
}

#[test]
fn an_mbox_larger_than_the_queue_is_told_in_its_order() {
    let place = place();
    let subjects = ["hello", "secret", "secure"];
    let number = QUEUE_MAX * 6;
    let messages = (0..number)
        .map(|at| format!("From x Mon\n{}\n", message(at, subjects[at % subjects.len()])));
    let mbox = messages.collect::<Vec<_>>().concat();
    fs::write(place.path().join("mbox"), mbox).unwrap();
    let changes = (1..number)
        .step_by(3)
        .map(|at| format!("mbox, message {}\n  {at}@x\n  ordinary → secure by \"word\"\n", at + 1));
    let changes = changes.collect::<Vec<_>>().concat();
    let counts = "       64 secure by rule \"word\"\n        0 secure: answers to secured messages\n       32 ordinary: no rule applies\n        \
        0 ordinary: the relay's own mail\n        0 ordinary: bounces\n        0 ordinary: automatic replies\n        0 refused: undecided\n        \
        0 refused: the header section cannot be read\n        0 files that cannot be read\n";
    check(&place, "mbox", true, true, &format!("{changes}{counts}       32 outcomes change\n"));
    check(&place, "mbox", false, false, &format!("{counts}        0 outcomes change\n"));
}

#[test]
fn a_bounce_is_known_by_its_return_path() {
    let config = Config::parse(NEW).unwrap();
    let bounce = format!("Return-Path: <>\n{}", message(1, "secret"));
    assert_eq!(judge(bounce.as_bytes(), &config).0, Outcome::Ordinary(outcome::Why::NullSender));
}

#[test]
fn what_is_no_archive_is_said_to_be_none() {
    let place = place();
    fs::write(place.path().join("1.txt"), message(1, "secret")).unwrap();
    let error = Archive::open(&place.path().join("1.txt")).unwrap_err();
    assert!(error.to_string().contains("explain"), "{error}");
}
