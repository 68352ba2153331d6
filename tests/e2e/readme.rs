//! What README.md tells an administrator to do, and what is installed for it, is what the tests run with.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zegel_tests::mta::{ZEGEL_MAIN, ZEGEL_MASTER, ZEGEL_ROUTE};
use zegel_tests::place::Place;
use zegel_tests::process::{installed, run};
use zegel_tests::sendmail::{ZEGEL_MAILERTABLE, ZEGEL_MC};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `zegel-milter check` finds nothing wrong with these rules; what it says.
fn checked(rules: &str) -> String {
    let place = Place::new();
    // As `openssl rand -base64 48` makes it.
    let key = place.write("marker.key", &"Q".repeat(64));
    std::fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("close the key file");
    let rules = rules.replace("/etc/zegel/marker.key", &key.to_string_lossy());
    let path = place.write("milter.toml", &rules);
    run(installed("zegel-milter"), &["check", "--config", &path.to_string_lossy()])
}

#[test]
fn the_mail_server_is_set_up_as_the_readme_says() {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: Vec<_> = file("README.md").lines().map(squeezed).collect();
    let installed = [ZEGEL_MASTER, ZEGEL_MAIN, ZEGEL_ROUTE, ZEGEL_MC, ZEGEL_MAILERTABLE];
    let is_comment = |line: &str| line.starts_with('#') || line.starts_with("dnl");
    for line in installed.into_iter().flat_map(str::lines) {
        if line.is_empty() || is_comment(line) {
            continue;
        }
        assert!(told.contains(&squeezed(line)), "README.md lacks this line: {line}");
    }
}

#[test]
fn the_rule_in_the_readme_works_and_the_examples_in_the_rule_file_do() {
    let readme = file("README.md");
    let rule = readme
        .split_once("```toml")
        .and_then(|(_, rest)| rest.split_once("```"))
        .expect("a rule in README.md")
        .0;
    let shipped = file("packaging/etc/milter.toml");
    assert!(checked(&format!("{shipped}{rule}")).contains("trigger word"));
    let examples: Vec<_> = shipped
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .collect();
    let said = checked(&examples.join("\n"));
    for name in ["newsletters", "trigger word", "confidential"] {
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn the_relays_configuration_starts_as_it_is_installed_once_it_has_a_key() {
    let place = Place::new();
    let key = place.file("relay.key");
    let installed_key = "# key-file = \"/etc/zegel/relay.key\"";
    let shipped = file("packaging/etc/relay.toml");
    assert!(shipped.contains(installed_key));
    // Name servers that do not answer: what those of this machine do with signatures is not the configuration's fault.
    let (dns, silent) = ("# [dns]\n", "[dns]\nservers = [\"127.0.0.1:1\"]\n");
    assert!(shipped.contains(dns));
    let shipped = shipped.replace(dns, silent);
    let path = place.write(
        "relay.toml",
        &shipped.replace(installed_key, &format!("key-file = \"{}\"", key.display())),
    );
    let relay = |arguments: &[&str]| {
        run(
            installed("zegel-relay"),
            &[&["--config", &*path.to_string_lossy()], arguments].concat(),
        )
    };
    relay(&["key", "create"]);
    assert!(relay(&["check"]).contains("no problems"));
}
