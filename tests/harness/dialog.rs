//! Plays written dialogues against a running server: what `tests/dialogs/*.smtp` say of the session without sockets
//! holds on a real one.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// How long a server may take to say its next line.
const LINE: Duration = Duration::from_secs(30);

/// One line of a dialogue. What the session does beside talking (`E:`) shows on no socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Octets for the server.
    Client(Vec<u8>),
    /// The server's next line.
    Server(String),
}

/// Reads a dialogue that any client can have with the relay's LMTP socket; `None` for one of another service, and for
/// one that depends on what the store says (`V:`) or on what happens beside the words (`T:`).
pub fn read(file: &Path) -> Option<Vec<Line>> {
    let text =
        std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = || text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let depends = |line: &str| ["V:", "T:"].iter().any(|kind| line.starts_with(kind));
    if text.starts_with("# service:") || lines().any(depends) {
        return None;
    }
    Some(lines().filter(|line| !line.starts_with("E:")).map(parse).collect())
}

/// Plays it; the server's first line that is not as written ends it with a panic.
pub async fn play(name: &str, stream: impl AsyncRead + AsyncWrite + Unpin, dialogue: &[Line]) {
    let mut stream = BufReader::new(stream);
    for line in dialogue {
        match line {
            Line::Client(said) => {
                stream.write_all(said).await.unwrap_or_else(|error| panic!("{name}: {error}"));
                stream.flush().await.unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            Line::Server(wanted) => {
                let mut heard = String::new();
                let read = tokio::time::timeout(LINE, stream.read_line(&mut heard)).await;
                assert!(
                    matches!(read, Ok(Ok(_))),
                    "{name}: the server says nothing instead of {wanted:?}"
                );
                assert_eq!(heard.trim_end(), wanted, "{name}");
            }
        }
    }
}

fn parse(line: &str) -> Line {
    let (kind, rest) = line.split_at_checked(2).unwrap_or((line, ""));
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    match kind {
        "C:" => Line::Client(format!("{rest}\r\n").into_bytes()),
        "C\\" => Line::Client(
            rest.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0").into_bytes(),
        ),
        "C*" => Line::Client(b"x".repeat(rest.parse().expect("how often"))),
        "S:" => Line::Server(rest.to_owned()),
        _ => panic!(
            "a line of a dialogue begins with `C:`, `C\\`, `C*`, `S:`, `E:` or `V:`: {line:?}"
        ),
    }
}
