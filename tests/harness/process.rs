//! A program that runs for as long as its value lives.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::wait::until;

/// Waits for the end of its input, then ends the group of the program, or the program alone when it has no group yet.
const GUARD: &str = r#"read -r _; kill -s KILL -- -"$0" || kill -s KILL "$0""#;

#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// Ends the program should this process be killed: it reads from a pipe of ours, and acts when that closes.
    guard: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program in a session of its own; what it prints is added to `log`.
    pub fn start(name: &str, program: impl AsRef<Path>, arguments: &[&str], log: &Path) -> Self {
        let output =
            OpenOptions::new().create(true).append(true).open(log).expect("open the program's log");
        let errors = output.try_clone().expect("open the program's log twice");
        let child = Command::new("setsid")
            .arg(program.as_ref())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let guard = Command::new("setsid")
            .args(["sh", "-c", GUARD, &child.id().to_string()])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start a guard");
        Self { name: name.to_owned(), child, guard, log: log.to_owned() }
    }

    /// Waits until `ready` finds something, or the program has ended instead.
    pub async fn ready<T>(&mut self, mut ready: impl FnMut() -> Option<T>) -> T {
        let what = format!("{} to be ready", self.name);
        until(&what, || {
            let found = ready();
            if found.is_none() {
                self.assert_alive();
            }
            found
        })
        .await
    }

    /// Sends one signal to the program itself.
    pub fn signal(&self, signal: Signal) {
        signal::kill(self.pid(), signal)
            .unwrap_or_else(|error| panic!("cannot signal {}: {error}", self.name));
    }

    /// Asks the program to end, and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let what = format!("{} to end", self.name);
        until(&what, || self.child.try_wait().ok().flatten()).await
    }

    /// Ends the program and its children at once, without asking.
    pub fn kill(&mut self) {
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        // A group that is gone already is what was wanted; one that does not exist yet has only its leader.
        let _ = signal::killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|octets| String::from_utf8_lossy(&octets).into_owned())
            .unwrap_or_default()
    }

    /// Octets of memory that it occupies now.
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Octets of memory that it has ever occupied at once.
    pub fn memory_peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// A line of `/proc/PID/status` that tells kilobytes (proc(5)), in octets.
    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("read the program's status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or_else(|| panic!("no {name} in {status}")) * 1024
    }

    fn assert_alive(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("{} ended at once ({status}):\n{}", self.name, self.log());
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process number is a pid_t"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end and gives back what it printed; one that fails is a panic with its words.
pub fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    feed(program, arguments, "")
}

/// The same with something on its standard input.
pub fn feed(program: impl AsRef<Path>, arguments: &[&str], input: &str) -> String {
    let program = program.as_ref();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
    // A program that does not read has closed it, perhaps before this.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("wait for the program");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{} {} failed ({}):\n{printed}{}",
        program.display(),
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

/// One of Zegel's own programs, as it was built beside this one.
pub fn installed(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("know where this program stands");
    // Tests stand one level deeper, in `deps`.
    let found = exe
        .ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no {name} beside {}: run `cargo build -p zegel-milter -p zegel-relay` first",
            exe.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_program_is_gone_with_its_children() {
        let place = crate::place::Place::new();
        let pids = place.file("pids");
        let script =
            format!("sleep 1000 & echo $$ $! > {}.new; mv {0}.new {0}; wait", pids.display());
        let mut shell = Process::start("shell", "/bin/sh", &["-c", &script], &place.file("log"));
        let pids = shell.ready(|| fs::read_to_string(&pids).ok()).await;
        drop(shell);
        for pid in pids.split_whitespace() {
            until("the process to be gone", || {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                // Its last parent may be slow to bury it.
                (status.is_empty() || status.contains("State:\tZ")).then_some(())
            })
            .await;
        }
    }

    #[tokio::test]
    async fn a_program_whose_starter_is_gone_goes_too() {
        let place = crate::place::Place::new();
        let mut shell =
            Process::start("shell", "/bin/sh", &["-c", "sleep 1000"], &place.file("log"));
        // What the kernel does to the pipe when this process ends.
        drop(shell.guard.stdin.take());
        until("the program to be gone", || shell.child.try_wait().ok().flatten()).await;
    }

    #[tokio::test]
    #[should_panic(expected = "ended at once")]
    async fn a_program_that_ends_instead_of_serving_is_reported_with_its_words() {
        let place = crate::place::Place::new();
        let mut process =
            Process::start("shell", "/bin/sh", &["-c", "echo no; exit 3"], &place.file("log"));
        process.ready(|| None::<()>).await;
    }
}
