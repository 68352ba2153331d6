//! Handing in mail: a small SMTP client, for servers that take it from this machine.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::letter::Letter;

/// A server's answer.
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

    fn is_positive(&self) -> bool {
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
    let mut client = Client { stream: BufReader::new(stream) };
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
    let mut client = Client { stream: BufReader::new(stream) };
    client.transaction("EHLO client.org.test", letter).await
}

/// The same, logged in: `login` is what AUTH PLAIN says (RFC 4616), in base64.
pub async fn submit_as(login: &str, server: SocketAddr, letter: &Letter) -> Reply {
    let Ok(stream) = TcpStream::connect(server).await else { return Reply::none() };
    let mut client = Client { stream: BufReader::new(stream) };
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
    let mut client = Client { stream: BufReader::new(stream) };
    let mut reply = client.transaction("LHLO client.org.test", letter).await;
    for _ in letter.recipients().skip(1) {
        reply = client.reply().await;
    }
    reply
}

struct Client<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn transaction(&mut self, hello: &str, letter: &Letter) -> Reply {
        let greeting = self.reply().await;
        if !greeting.is_positive() {
            return greeting;
        }
        let reply = self.command(hello).await;
        if !reply.is_positive() {
            return reply;
        }
        self.message(letter).await
    }

    async fn message(&mut self, letter: &Letter) -> Reply {
        let mut commands = vec![format!("MAIL FROM:{}", letter.mail())];
        commands.extend(letter.rcpts().map(|rcpt| format!("RCPT TO:{rcpt}")));
        commands.push("DATA".to_owned());
        for command in commands {
            let reply = self.command(&command).await;
            if !reply.is_positive() {
                return reply;
            }
        }
        self.send(&stuffed(&letter.message())).await;
        self.reply().await
    }

    async fn command(&mut self, command: &str) -> Reply {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// A server that has gone away shows in the reply that does not come.
    async fn send(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets).await;
        let _ = self.stream.flush().await;
    }

    async fn reply(&mut self) -> Reply {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return Reply::none();
            }
            let (code, rest) = line.split_at_checked(3).unwrap_or(("000", ""));
            if !rest.starts_with('-') {
                return Reply { code: code.parse().unwrap_or(0), text: rest.trim().to_owned() };
            }
        }
    }
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
