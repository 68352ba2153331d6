//! Both sockets, asked a first question in their own protocol.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take; a mail server waits longer, an administrator does not.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A connection by either kind of socket.
pub(super) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Connects to `unix:/path`, `inet:host:port` or `host:port`.
pub(super) fn connect(at: &str) -> io::Result<Box<dyn Stream>> {
    if let Some(path) = at.strip_prefix("unix:") {
        let stream = UnixStream::connect(Path::new(path))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        return Ok(Box::new(stream));
    }
    let host = at.strip_prefix("inet:").unwrap_or(at).replace(['[', ']'], "");
    let (name, port) = host.rsplit_once(':').ok_or_else(|| io::Error::other("no port"))?;
    let port: u16 = port.parse().map_err(|_| io::Error::other("no port"))?;
    let address =
        (name, port).to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no such host"))?;
    let stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    Ok(Box::new(stream))
}

/// Version 6 of the milter protocol, all actions and all options: what Postfix and Sendmail of this day offer.
const OPTIONS: [u8; 17] = [0, 0, 0, 13, b'O', 0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff];

/// Negotiates options with a milter, and says good-bye.
pub(super) fn negotiate(mut stream: impl Read + Write) -> io::Result<()> {
    stream.write_all(&OPTIONS)?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    // It has answered; whether it hears the good-bye is nothing to us.
    let _ = stream.write_all(&[0, 0, 0, 1, b'Q']);
    match answer {
        [_, _, _, _, b'O'] => Ok(()),
        _ => Err(io::Error::other("what answers there is no milter")),
    }
}

/// Octets of a greeting.
const LINES_MAX: u64 = 64 * 1024;

/// Greets the relay in LMTP (RFC 2033), and leaves.
pub(super) fn greet(stream: impl Read + Write) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    expect(&mut stream, "220")?;
    stream.get_mut().write_all(b"LHLO localhost\r\n")?;
    expect(&mut stream, "250")?;
    let _ = stream.get_mut().write_all(b"QUIT\r\n");
    Ok(())
}

/// Reads a reply of one or more lines (RFC 5321, section 4.2.1).
fn expect(stream: &mut impl BufRead, code: &str) -> io::Result<()> {
    let mut limited = stream.take(LINES_MAX);
    loop {
        let mut line = String::new();
        if limited.read_line(&mut line)? == 0 {
            return Err(io::Error::other("it hangs up"));
        }
        match line.strip_prefix(code) {
            Some(rest) if rest.starts_with('-') => (),
            Some(_) => return Ok(()),
            None => return Err(io::Error::other(format!("it answers {:?}", line.trim_end()))),
        }
    }
}
