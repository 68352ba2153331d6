//! Handing in mail: a small SMTP client, for servers that take it from this machine.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::letter::Letter;

/// A server's answer: its code, and the text of all its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

impl Reply {
    /// The server has the message now, and answers for it.
    #[track_caller]
    pub fn expect_kept(&self) {
        assert_eq!(self.code, 250, "the message was not taken: {} {}", self.code, self.text);
    }

    pub fn is_positive(&self) -> bool {
        self.code < 400
    }

    /// The connection broke before the server had answered.
    fn none() -> Self {
        Self { code: 0, text: String::new() }
    }
}

/// Sends one letter over SMTP: the answer to its end of data, or the first refusal, or code 0 when the server went
/// away without a word.
pub async fn submit(server: SocketAddr, letter: &Letter) -> Reply {
    let Ok(stream) = TcpStream::connect(server).await else { return Reply::none() };
    let mut client = Client::new(stream);
    client.transaction("EHLO client.org.test", letter).await
}

/// The same from another address of this machine.
pub async fn submit_from(source: IpAddr, server: SocketAddr, letter: &Letter) -> Reply {
    let connected = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        socket.connect(server).await
    };
    let Ok(stream) = connected.await else { return Reply::none() };
    let mut client = Client::new(stream);
    client.transaction("EHLO client.org.test", letter).await
}

/// The same, logged in: `login` is what AUTH PLAIN says (RFC 4616), in base64.
pub async fn submit_as(login: &str, server: SocketAddr, letter: &Letter) -> Reply {
    let Ok(stream) = TcpStream::connect(server).await else { return Reply::none() };
    let mut client = Client::new(stream);
    let greeting = client.reply().await;
    if !greeting.is_positive() {
        return greeting;
    }
    for command in ["EHLO client.org.test", &format!("AUTH PLAIN {login}")] {
        let reply = client.command(command).await;
        if !reply.is_positive() {
            return reply;
        }
    }
    client.message(letter).await
}

/// Sends one letter over LMTP; the answer is that for the last recipient.
pub async fn submit_lmtp(socket: &Path, letter: &Letter) -> Reply {
    let Ok(stream) = UnixStream::connect(socket).await else { return Reply::none() };
    let mut client = Client::new(stream);
    if let Err(refusal) = client.begin("LHLO client.org.test", letter).await {
        return refusal;
    }
    client.send(&stuffed(&letter.message())).await;
    let mut reply = Reply::none();
    for _ in letter.recipients() {
        reply = client.reply().await;
    }
    reply
}

/// The client's side of one connection.
#[derive(Debug)]
pub struct Client<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// What the connection runs on. What was read and not looked at is forgotten.
    pub fn into_stream(self) -> S {
        self.stream.into_inner()
    }

    pub fn stream(&self) -> &S {
        self.stream.get_ref()
    }

    async fn transaction(&mut self, hello: &str, letter: &Letter) -> Reply {
        if let Err(refusal) = self.begin(hello, letter).await {
            return refusal;
        }
        self.text(letter).await
    }

    /// From the greeting until the text may come; or the first refusal.
    async fn begin(&mut self, hello: &str, letter: &Letter) -> Result<(), Reply> {
        let greeting = self.reply().await;
        if !greeting.is_positive() {
            return Err(greeting);
        }
        self.commands(&[hello.to_owned()]).await?;
        self.commands(&to_data(letter)).await
    }

    /// A letter by DATA.
    pub async fn message(&mut self, letter: &Letter) -> Reply {
        if let Err(refusal) = self.commands(&to_data(letter)).await {
            return refusal;
        }
        self.text(letter).await
    }

    async fn text(&mut self, letter: &Letter) -> Reply {
        self.send(&stuffed(&letter.message())).await;
        self.reply().await
    }

    /// A letter by BDAT, in pieces of this size (RFC 3030).
    pub async fn chunks(&mut self, letter: &Letter, size: usize) -> Reply {
        if let Err(refusal) = self.commands(&envelope(letter)).await {
            return refusal;
        }
        for chunk in letter.message().chunks(size) {
            self.send(format!("BDAT {}\r\n", chunk.len()).as_bytes()).await;
            self.send(chunk).await;
            let reply = self.reply().await;
            if !reply.is_positive() {
                return reply;
            }
        }
        self.command("BDAT 0 LAST").await
    }

    /// Says one after the other; the first that is refused is the last.
    async fn commands(&mut self, commands: &[String]) -> Result<(), Reply> {
        for command in commands {
            let reply = self.command(command).await;
            if !reply.is_positive() {
                return Err(reply);
            }
        }
        Ok(())
    }

    pub async fn command(&mut self, command: &str) -> Reply {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// A server that has gone away shows in the reply that does not come.
    pub async fn send(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets).await;
        let _ = self.stream.flush().await;
    }

    pub async fn reply(&mut self) -> Reply {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return Reply::none();
            }
            let (code, rest) = line.split_at_checked(3).unwrap_or(("000", ""));
            let last = !rest.starts_with('-');
            lines.push(rest.trim_start_matches('-').trim().to_owned());
            if last {
                return Reply { code: code.parse().unwrap_or(0), text: lines.join("\n") };
            }
        }
    }
}

fn envelope(letter: &Letter) -> Vec<String> {
    let mut commands = vec![format!("MAIL FROM:{}", letter.mail())];
    commands.extend(letter.rcpts().map(|rcpt| format!("RCPT TO:{rcpt}")));
    commands
}

fn to_data(letter: &Letter) -> Vec<String> {
    let mut commands = envelope(letter);
    commands.push("DATA".to_owned());
    commands
}

/// Doubles leading dots and ends the data (RFC 5321, section 4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_dots_are_doubled_and_no_line_of_the_message_ends_it() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
    }
}
