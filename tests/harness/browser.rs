//! A real browser: headless Chromium, driven by a small script in Node.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A script that prints lines and reads lines.
#[derive(Debug)]
pub struct Browser {
    script: Child,
    says: BufReader<ChildStdout>,
    hears: ChildStdin,
}

impl Browser {
    /// Runs a script with the modules that `tests/run` has installed.
    pub fn start(script: &Path, arguments: &[&str]) -> Self {
        let mut script = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "node"])
            .arg(script)
            .args(arguments)
            .env("ZEGEL_BROWSER_MODULES", modules())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run node: {error}; tests/run installs it"));
        let says = BufReader::new(script.stdout.take().expect("the script's output"));
        let hears = script.stdin.take().expect("the script's input");
        Self { script, says, hears }
    }

    /// The script's next line.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("read the script's output");
        line.trim_end().to_owned()
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.hears, "{line}").expect("write to the script");
    }

    /// Waits for the end, which must be a good one; what was said till then.
    pub fn finish(mut self) -> String {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.says, &mut rest).expect("read the script's output");
        let status = self.script.wait().expect("wait for the script");
        assert!(status.success(), "the browser's script failed ({status}):\n{rest}");
        rest
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// `browser/node_modules` beside the profile's directory: what Cargo builds and what npm fetches go away together.
fn modules() -> PathBuf {
    let exe = std::env::current_exe().expect("know where this program stands");
    let found = exe
        .ancestors()
        .map(|directory| directory.join("browser/node_modules"))
        .find(|path| path.is_dir());
    found.unwrap_or_else(|| {
        panic!("no browser/node_modules above {}: run tests/run, which installs it", exe.display())
    })
}
