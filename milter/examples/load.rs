//! Holds 50 messages of 25 MB at once, with a rule that looks into attachments, and says how much memory that took:
//! `cargo run --release -p zegel-milter --example load`. Exit status 1: more than 64 MiB.

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indymilter_test::{MacroStage, TestConnection};
use tokio::sync::{Barrier, oneshot};
use zegel_milter::reload::Live;
use zegel_milter::{run, socket};

const MESSAGES: usize = 50;
const OCTETS: usize = 25_000_000;
const PIECE: usize = 65_535;
const RESIDENT_MAX_KIB: u64 = 64 * 1024;

const RULES: &str = "[[rule]]\nname = \"label\"\naction = \"secure\"\n\
    when.label = { guid = \"4f1c9b02-7d3e-4a58-9c61-2b8d50e7f3a4\" }\n";

/// What the attachments begin with, in base64: nothing known, a PDF, a compound file, an archive.
const BEGINNINGS: [&str; 4] = ["AAAAAAAA", "JVBERi0xLjcK", "0M8R4KGxGuEA", "UEsDBBQAAAAA"];

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("milter.sock");
    let config = directory.path().join("milter.toml");
    fs::write(&config, format!("socket = \"unix:{}\"\n{RULES}", path.display()))?;
    let live = Arc::new(Live::open(&config)?);
    let listener = socket::bind(live.started())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let milter = tokio::spawn(run(listener, live, async move {
        let _ = stopped.await;
    }));
    let before = resident_kib("VmRSS:")?;
    let all_halfway = Arc::new(Barrier::new(MESSAGES));
    let start = Instant::now();
    let mut senders = Vec::new();
    for number in 0..MESSAGES {
        let (path, all_halfway) = (path.clone(), all_halfway.clone());
        senders.push(tokio::spawn(async move {
            let beginning = BEGINNINGS.get(number % BEGINNINGS.len()).copied().unwrap_or_default();
            let mut server = TestConnection::configure()
                .read_timeout(Duration::from_mins(5))
                .open_unix(path)
                .await
                .map_err(|error| error.to_string())?;
            send(&mut server, beginning, &all_halfway).await.map_err(|error| error.to_string())
        }));
    }
    for sender in senders {
        sender.await??;
    }
    let (took, peak) = (start.elapsed(), resident_kib("VmHWM:")?);
    drop(stop);
    milter.await??;
    let mut out = std::io::stdout();
    std::io::Write::write_fmt(
        &mut out,
        format_args!(
            "{MESSAGES} messages of {OCTETS} octets in {took:.1?}: {before} KiB resident before, {peak} KiB at most\n"
        ),
    )?;
    Ok(if peak > RESIDENT_MAX_KIB { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Sends one message, and waits in its middle until all are there.
async fn send(
    server: &mut TestConnection,
    beginning: &str,
    all_halfway: &Barrier,
) -> indymilter_test::TestResult<()> {
    server.connect("client.example", [127, 0, 0, 1]).await?;
    server.mail(["<jan@gemeente.example>"]).await?;
    server.rcpt(["<piet@zorg.example>"]).await?;
    for (name, value) in [
        ("From", " jan@gemeente.example"),
        ("MIME-Version", " 1.0"),
        ("Content-Type", " application/octet-stream"),
        ("Content-Transfer-Encoding", " base64"),
    ] {
        server.header(name, value).await?;
    }
    server.body(format!("{beginning}\r\n").into_bytes()).await?;
    let line = format!("{}\r\n", "Zegel+12".repeat(9));
    let piece = line.repeat(PIECE / line.len());
    for sent in 0..OCTETS / piece.len() {
        if sent == OCTETS / piece.len() / 2 {
            all_halfway.wait().await;
        }
        server.body(piece.clone().into_bytes()).await?;
    }
    server.macros(MacroStage::Eom, [("i", "4XyZ")]).await?;
    server.eom().await?;
    Ok(())
}

/// A line of this process's own accounts, which hold the senders too.
fn resident_kib(key: &str) -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
