//! The command line. Grammar here; what each command does stands in the file of its noun.

mod accounts;
mod audit;
mod check;
mod contact;
mod credential;
mod dkim;
mod examine;
mod explain;
mod policy;
mod queue;
mod sms;

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use nix::sys::prctl;
use zegel_core::address::{Address, Domain};
use zegel_core::decision::Setting;
use zegel_core::submitter::Scope;

use crate::admission::Name;
use crate::config::Config;
use crate::dns::Resolver;
use crate::id::DeliveryId;
use crate::server;
use crate::store::{Head, Store};
use crate::vault::Keyring;

/// The relay of the Zegel encryption gateway.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    /// The configuration file.
    #[arg(long, global = true, default_value = "/etc/zegel/relay.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay in the foreground until SIGTERM.
    Run,
    /// Check the configuration and what it names; print all problems and the effective values; bind nothing.
    Check,
    /// The key file that seals messages.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Authors who may submit.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Domains of which every author may submit.
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Logins of applications that submit by SMTP.
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Numbers and access codes of recipients on file.
    #[command(subcommand)]
    Contact(contact::ContactCommand),
    /// Deliveries and what became of them.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Who did what, and what was decided.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Which methods of verification the organisation allows.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Text messages.
    #[command(subcommand)]
    Sms(SmsCommand),
    /// Print how each recipient of a message would be verified, and why; send nothing.
    Explain(explain::Explain),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make the key file that the configuration names. It never overwrites one.
    Create,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Let this author submit.
    Add {
        address: Address,
        /// Several people share the mailbox.
        #[arg(long)]
        functional: bool,
        /// Another address of the same author.
        #[arg(long, value_name = "ADDRESS")]
        alias: Vec<Address>,
    },
    /// List the accounts.
    List,
    /// Let nobody submit as this account, nor as an alias of it.
    Suspend { address: Address },
    /// Let a suspended account submit again.
    Resume { address: Address },
    /// Forget an account and its aliases.
    Remove { address: Address },
    /// Add an alias to an account, or remove one.
    Alias {
        address: Address,
        #[command(flatten)]
        change: AliasChange,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct AliasChange {
    #[arg(long, value_name = "ALIAS")]
    add: Option<Address>,
    #[arg(long, value_name = "ALIAS")]
    remove: Option<Address>,
}

#[derive(Debug, Subcommand)]
enum DomainCommand {
    #[command(flatten)]
    Provision(ProvisionCommand),
    /// Make the keys that sign this domain's mail, print the records that publish them, and sign as soon as those are seen.
    Dkim(DkimCommand),
    /// Look at what the DNS says of a domain whose mail we send, and print the records that are missing.
    Check { domain: Domain },
}

#[derive(Debug, Subcommand)]
enum ProvisionCommand {
    /// Let every author of this domain submit.
    Add { domain: Domain },
    /// Let only authors with an account submit.
    Remove { domain: Domain },
    /// List the domains.
    List,
}

#[derive(Debug, clap::Args)]
struct DkimCommand {
    domain: Domain,
    /// Make new keys, to take the place of those that sign.
    #[arg(long)]
    rotate: bool,
    /// Destroy a key that does not sign.
    #[arg(long, value_name = "SELECTOR", conflicts_with = "rotate")]
    remove: Option<String>,
}

#[derive(Debug, Subcommand)]
enum CredentialCommand {
    /// Make a login and a password, and show the password this once.
    Create {
        /// An author whose mail it may submit: an address, or a domain for all of its addresses. May be repeated.
        #[arg(long = "for", required = true, value_name = "ADDRESS|DOMAIN")]
        scopes: Vec<Scope>,
        /// What it is for; the login begins with it.
        #[arg(long, default_value = "app")]
        name: Name,
    },
    /// List logins, whose mail they may submit, and when each was last used.
    List,
    /// End a login, at once and for ever.
    Revoke { login: String },
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List deliveries, newest first.
    List {
        /// Those that are final too.
        #[arg(long)]
        all: bool,
    },
    /// Show a delivery: its decision, its evidence and its history.
    Show { id: DeliveryId },
    /// Try a delivery now.
    Retry { id: DeliveryId },
    /// Let the recipient of a delivery try codes again that was locked after too many wrong ones.
    Unlock { id: DeliveryId },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Print the newest entries, oldest first.
    List {
        /// Those about one subject, such as `delivery 0190…`, `account jan@example.org` or `policy email`.
        #[arg(long)]
        about: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        most: usize,
    },
    /// Look whether an entry was changed, added or taken out.
    Verify {
        /// What an earlier `audit verify` or the relay's log has printed as the head: so much must still be there.
        #[arg(long)]
        head: Option<Head>,
    },
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Print every switch, its value, and where that comes from.
    Show,
    /// Set a switch, above the configuration, for every decision from now on.
    Set {
        /// account, nta7516, direct, transport, sms, access-code or email.
        setting: Setting,
        /// `on` or `off`; for transport `off`, `tls`, `pkix` or `dane`; `configured` leaves it to the configuration.
        value: String,
    },
}

#[derive(Debug, Subcommand)]
enum SmsCommand {
    /// Send a text message that says that it is a test, through the configured providers.
    Test {
        /// With a plus and the country code, such as +31612345678.
        number: String,
    },
}

/// Characters of an administrator's name: more than any system allows.
const NAME_MAX: usize = 64;

/// What went wrong, in words for the person at the terminal.
type Failure = Box<dyn std::error::Error + Send + Sync>;

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("a second cryptographic provider is installed");
    }
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(dispatch(cli)));
    match done {
        Ok(code) => code,
        Err(error) => fail(error),
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    if let Command::Check = cli.command {
        return check::run(&cli.config).await;
    }
    let config = Config::read(&cli.config)?;
    match cli.command {
        Command::Check => {}
        Command::Run => {
            log_to_stderr();
            leave_no_core_dump()?;
            if let Some(problem) = config.contradictions().first() {
                return Err(problem.clone().into());
            }
            server::run(config).await?;
        }
        Command::Key(KeyCommand::Create) => {
            Keyring::create(&config.key_file)?;
            say(format_args!(
                "created {}; keep a copy in a safe place: without it no message can be opened",
                config.key_file.display()
            ))?;
        }
        Command::Account(command) => accounts::account(&open(&config).await?, command).await?,
        Command::Domain(DomainCommand::Dkim(command)) => {
            dkim::run(&open(&config).await?, &Resolver::new(&config.dns)?, command).await?;
        }
        Command::Domain(DomainCommand::Check { domain }) => {
            let (store, resolver) = (open(&config).await?, Resolver::new(&config.dns)?);
            let examined = examine::run(&store, &resolver, &config, &domain).await;
            store.close().await;
            let (report, good) = examined?;
            say(report)?;
            if !good {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Domain(DomainCommand::Provision(command)) => {
            accounts::domain(&open(&config).await?, command).await?;
        }
        Command::Credential(command) => credential::run(&open(&config).await?, command).await?,
        Command::Contact(command) => contact::run(&config, &open(&config).await?, command).await?,
        Command::Queue(command) => queue::run(&open(&config).await?, command).await?,
        Command::Audit(command) => audit::run(&open(&config).await?, command).await?,
        Command::Policy(command) => {
            policy::run(&open(&config).await?, &config.policy, command).await?;
        }
        Command::Sms(command) => {
            log_to_stderr();
            sms::run(&config, command).await?;
        }
        Command::Explain(explain) => explain.run(&config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the store beside a relay that may be running.
async fn open(config: &Config) -> Result<Store, Failure> {
    let keyring = Keyring::load(&config.key_file)?;
    let store = Store::open(&config.state_directory, Arc::new(keyring)).await?;
    Ok(store.used_by(&format!("administrator {}", administrator())))
}

/// Who is at the terminal: the name that `sudo` was called by, or the user's. It is told by the system they administer, and
/// is as good as that.
fn administrator() -> String {
    let user = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten();
    let name = std::env::var("SUDO_USER").ok().or_else(|| user().map(|user| user.name));
    let name = name.unwrap_or_else(|| nix::unistd::getuid().to_string());
    name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
}

/// A crash would put keys and messages on disk in the clear.
fn leave_no_core_dump() -> Result<(), Failure> {
    prctl::set_dumpable(false).map_err(|error| format!("cannot forbid core dumps: {error}").into())
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// Prints one line, or several, on standard output.
fn say(text: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

fn fail(error: impl Display) -> ExitCode {
    // When standard error is closed there is nobody left to tell; the exit status still says it.
    let _ = writeln!(std::io::stderr().lock(), "zegel-relay: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_leaves_no_memory_behind() {
        leave_no_core_dump().unwrap();
        assert_eq!(prctl::get_dumpable(), Ok(false));
    }
}
