//! The commands.

mod check;
mod doctor;
mod explain;
mod import_exchange;
mod replay;
mod report;
mod run;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Selects outbound mail that must be secured, and has the mail server reroute it.
#[derive(Debug, Parser)]
#[command(name = "zegel-milter", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the mail server
    Run(ConfigFile),
    /// Say what is wrong with the configuration, and what is in force
    Check(ConfigFile),
    /// Say what every rule makes of a message
    Explain(explain::Explain),
    /// Judge an archive by one rule file or two, and say what differs
    Replay(replay::Replay),
    /// Look at the mail server's settings, and say what is wrong and what mends it
    Doctor(doctor::Doctor),
    /// Send on what the mail server itself reports about a message that was selected; the mail server calls this
    Report(report::Report),
    /// Turn mail flow rules of Exchange into a configuration, on standard output
    ImportExchange(import_exchange::ImportExchange),
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(long = "config", value_name = "FILE", default_value = CONFIG)]
    path: PathBuf,
}

/// The installed configuration.
const CONFIG: &str = "/etc/zegel/milter.toml";

/// Status of a command that did what it should and found something to look at: neither a success nor a failure.
const FOUND: u8 = 3;

/// Runs the command that the program was called with. Exit status 1: it failed; 2: it was called wrongly; 3: it
/// found something.
pub fn main() -> ExitCode {
    let mut out = io::stdout();
    let done = match Cli::parse().command {
        Command::Run(config) => succeeded(run::run(&config.path)),
        Command::Check(config) => succeeded(check::check(&config.path, &mut out)),
        Command::Explain(message) => succeeded(explain::explain(&message, &mut out)),
        Command::Replay(archive) => replay::replay(&archive, &mut out),
        Command::Doctor(asked) => doctor::doctor(&asked, &mut out),
        Command::Report(report) => report::report(&report, &mut io::stdin().lock()),
        Command::ImportExchange(export) => {
            import_exchange::import(&export, &mut out, &mut io::stderr())
        }
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            // Without standard error there is nobody left to tell.
            let _ = writeln!(io::stderr(), "zegel-milter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn succeeded(done: Result<(), Failure>) -> Result<ExitCode, Failure> {
    done.map(|()| ExitCode::SUCCESS)
}

/// What ends a command. It is only ever shown.
type Failure = Box<dyn std::error::Error>;
