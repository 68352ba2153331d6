//! Sensitivity labels in attached documents, as well-known programs write them, and documents that cannot be read.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zegel_tests::letter::Letter;
use zegel_tests::place::Place;
use zegel_tests::python;
use zegel_tests::wait::until;

use crate::TEXT;
use crate::ways::Way::{self, Ordinary, Secure};
use crate::ways::{World, letter};

const GUID: &str = "e9c5f5a2-6b1d-4f0e-9f5a-2f6d1c3b4a5e";
const SITE: &str = "0a1b2c3d-0000-4000-8000-000000000001";

/// A tenth of what Postfix waits for a milter (`milter_content_timeout`): with less, nobody notices.
const STALLED: Duration = Duration::from_secs(30);

fn rules(unreadable: &str) -> String {
    format!(
        "[[rule]]\nname = \"confidential\"\nwhen.label = {{ guid = \"{GUID}\", site = \"{SITE}\" }}\n\
         unreadable = \"{unreadable}\"\naction = \"secure\"\n"
    )
}

/// What the script writes: `labelled`, `twin` and `hostile`.
fn documents(place: &Place) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/labels/write.py");
    let directory = place.directory("documents", "root");
    python::run(&script, &[&directory.to_string_lossy(), GUID, SITE]);
    directory
}

/// The files of a folder by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("list the documents");
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("list the documents"))
        .map(|entry| {
            let content = fs::read(entry.path()).expect("read a document");
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no documents in {}", folder.display());
    found
}

/// A letter with a document attached, under a name and a type that say nothing of it.
fn with_attachment(name: &str, content: &[u8]) -> Letter {
    let mut body = format!(
        "--=_b\nContent-Type: text/plain; charset=us-ascii\n\n{TEXT}\n--=_b\n\
         Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=\"a.bin\"\n\n"
    );
    for line in STANDARD.encode(content).as_bytes().chunks(76) {
        let _ = writeln!(body, "{}", String::from_utf8_lossy(line));
    }
    body.push_str("--=_b--\n");
    letter()
        .subject(name)
        .header("MIME-Version", "1.0")
        .header("Content-Type", "multipart/mixed; boundary=\"=_b\"")
        .text(&body)
}

#[tokio::test]
async fn a_label_selects_whichever_program_wrote_it_and_without_it_the_same_document_does_not() {
    let place = Place::new();
    let documents = documents(&place);
    let mut world = World::with(&rules("secure")).await;
    for (folder, want) in [("labelled", Secure), ("twin", Ordinary)] {
        for (name, content) in files(&documents.join(folder)) {
            world.check(&with_attachment(&name, &content), want).await;
        }
    }
    assert!(!world.lab.milter.log().contains("because"), "{}", world.lab.milter.log());
}

/// The name of the label in `write.py`, and another of the same tenant's.
const NAMES: [(&str, Way); 2] = [("VERTROUWELIJK", Secure), ("Vertrouwelijk 2", Ordinary)];

#[tokio::test]
async fn a_label_selects_by_its_name_and_a_list_that_has_no_names_goes_the_way_of_the_unreadable() {
    let place = Place::new();
    let labelled = documents(&place).join("labelled");
    let document = |name: &str| fs::read(labelled.join(name)).expect("read a document");
    let custom = document("docx.python-docx");
    let list = document("docx-label-list.python-docx");
    for (name, want) in NAMES {
        let rule = format!(
            "[[rule]]\nname = \"by name\"\nwhen.label = {{ name = \"{name}\", site = \"{SITE}\" }}\naction = \"secure\"\n"
        );
        let mut world = World::with(&rule).await;
        world.check(&with_attachment("custom", &custom), want).await;
        world.check(&with_attachment("list", &list), Secure).await;
        until("the reason", || {
            let why = format!("label {GUID} does not say its name");
            world.lab.milter.log().contains(&why).then_some(())
        })
        .await;
    }
}

/// Every document that cannot be read goes this way, and no other mail waits for it.
async fn check_hostile(unreadable: &str, want: Way) -> World {
    let place = Place::new();
    let documents = documents(&place);
    let mut world = World::with(&rules(unreadable)).await;
    for (name, content) in files(&documents.join("hostile")) {
        let (hostile, harmless) = (world.recipient(), world.recipient());
        let heavy = with_attachment(&name, &content).to(&hostile);
        let light = letter().to(&harmless);
        let start = Instant::now();
        tokio::join!(world.lab.send(&heavy), world.lab.send(&light));
        assert!(start.elapsed() < STALLED, "{name} took {:?}", start.elapsed());
        assert_eq!(world.way(&hostile).await, want, "{name}");
        assert_eq!(world.way(&harmless).await, Ordinary);
    }
    world
}

#[tokio::test]
async fn what_cannot_be_read_is_secured_and_the_log_says_why() {
    let world = check_hostile("secure", Secure).await;
    for why in ["is encrypted", "is damaged", "more than the limit allows", "in more than one way"]
    {
        until(why, || world.lab.milter.log().contains(why).then_some(())).await;
    }
    let lines = world.lab.milter.log();
    let selected: Vec<_> = lines.lines().filter(|line| line.contains("selected")).collect();
    assert!(!selected.is_empty() && selected.iter().all(|line| line.contains("because not all")));
}

#[tokio::test]
async fn what_cannot_be_read_goes_on_where_the_rule_says_so() {
    check_hostile("ordinary", Ordinary).await;
}
