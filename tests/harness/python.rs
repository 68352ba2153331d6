//! Python scripts, with the packages that `tests/run` has installed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a script to its end, which must be a good one; what it printed.
pub fn run(script: &Path, arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg(script)
        .args(arguments)
        .env("PYTHONPATH", packages())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("cannot run python3: {error}; tests/run installs it"));
    assert!(
        output.status.success(),
        "{} failed ({}):\n{}",
        script.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// `python` beside the profile's directory, as with the browser's modules.
fn packages() -> PathBuf {
    let exe = std::env::current_exe().expect("know where this program stands");
    let found =
        exe.ancestors().map(|directory| directory.join("python")).find(|path| path.is_dir());
    found.unwrap_or_else(|| {
        panic!("no directory python above {}: run tests/run, which fills it", exe.display())
    })
}
