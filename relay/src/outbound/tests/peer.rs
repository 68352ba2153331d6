//! A mail server that does as it is told, and remembers what was said to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How the server behaves; by default it takes everything, in the clear.
#[derive(Clone, Default)]
pub(super) struct Script {
    /// Offers STARTTLS with this.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Other extensions, such as `DSN`.
    pub(super) extensions: Vec<&'static str>,
    /// What is answered at these points instead of consent.
    pub(super) answers: Vec<(At, Answer)>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    Banner,
    Ehlo,
    Helo,
    StartTls,
    EhloInTls,
    MailFrom,
    RcptTo,
    Data,
    End,
}

#[derive(Copy, Clone, Debug)]
pub(super) enum Answer {
    Say(&'static str),
    /// Says this and closes the connection.
    Last(&'static str),
}

/// One line that a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) encrypted: bool,
    pub(super) line: String,
}

pub(super) type Ears = Arc<Mutex<Vec<Heard>>>;

impl Script {
    pub(super) fn answering(mut self, at: At, answer: &'static str) -> Self {
        self.answers.push((at, Answer::Say(answer)));
        self
    }

    pub(super) fn ending(mut self, at: At, answer: &'static str) -> Self {
        self.answers.push((at, Answer::Last(answer)));
        self
    }

    pub(super) fn offering(mut self, extensions: &[&'static str]) -> Self {
        self.extensions.extend(extensions);
        self
    }

    fn answer(&self, at: At) -> Answer {
        let told = self.answers.iter().find(|(point, _)| *point == at).map(|(_, answer)| *answer);
        told.unwrap_or(Answer::Say(match at {
            At::Banner => "220 peer",
            At::Data => "354 go on",
            _ => "250 2.0.0 fine",
        }))
    }

    fn ehlo(&self, encrypted: bool) -> Answer {
        let at = if encrypted { At::EhloInTls } else { At::Ehlo };
        if self.answers.iter().any(|(point, _)| *point == at) {
            return self.answer(at);
        }
        let starttls = (self.tls.is_some() && !encrypted).then_some("STARTTLS");
        let extensions =
            starttls.iter().chain(&self.extensions).map(|word| format!("250-{word}\r\n"));
        Answer::Say(format!("250-peer\r\n{}250 HELP", extensions.collect::<String>()).leak())
    }
}

/// Serves a script for as long as the test runs.
pub(super) fn serve(listener: TcpListener, script: Script) -> Ears {
    let ears = Ears::default();
    let heard = ears.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(connection(tcp, script.clone(), heard.clone()));
        }
    });
    ears
}

/// Listeners on one port of several loopback addresses.
pub(super) async fn listeners(count: u8) -> (u16, Vec<TcpListener>) {
    loop {
        let first = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = vec![first];
        for last in 2..=count {
            let Ok(next) = TcpListener::bind(SocketAddr::from(([127, 0, 0, last], port))).await
            else {
                break;
            };
            listeners.push(next);
        }
        if listeners.len() == usize::from(count) {
            return (port, listeners);
        }
    }
}

async fn connection(tcp: TcpStream, script: Script, ears: Ears) {
    let mut wire = BufReader::new(tcp);
    if !say(&mut wire, script.answer(At::Banner)).await
        || !talk(&mut wire, &script, &ears, false).await
    {
        return;
    }
    let Some(config) = script.tls.clone() else { return };
    let Ok(stream) = TlsAcceptor::from(config).accept(wire.into_inner()).await else { return };
    talk(&mut BufReader::new(stream), &script, &ears, true).await;
}

/// Answers until the client leaves, or `true` when it asked for TLS and may have it.
async fn talk<S>(wire: &mut BufReader<S>, script: &Script, ears: &Ears, encrypted: bool) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let Some(line) = hear(wire, ears, encrypted).await else { return false };
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let answer = match verb {
            "EHLO" => script.ehlo(encrypted),
            "HELO" => script.answer(At::Helo),
            "STARTTLS" => script.answer(At::StartTls),
            "MAIL" => script.answer(At::MailFrom),
            "RCPT" => script.answer(At::RcptTo),
            "DATA" => script.answer(At::Data),
            "RSET" => Answer::Say("250 2.0.0 forgotten"),
            _ => Answer::Last("221 bye"),
        };
        if !say(wire, answer).await {
            return false;
        }
        let agreed = |digit| matches!(answer, Answer::Say(text) if text.starts_with(digit));
        if verb == "STARTTLS" && agreed('2') {
            return true;
        }
        if verb == "DATA" && agreed('3') {
            while hear(wire, ears, encrypted).await.is_some_and(|line| line != ".") {}
            if !say(wire, script.answer(At::End)).await {
                return false;
            }
        }
    }
}

async fn hear<S>(wire: &mut BufReader<S>, ears: &Ears, encrypted: bool) -> Option<String>
where
    S: AsyncRead + Unpin,
{
    let mut line = Vec::new();
    wire.read_until(b'\n', &mut line).await.ok()?;
    let line = String::from_utf8(line).unwrap();
    // What a client leaves unfinished is remembered too, but not answered.
    let (line, whole) =
        line.strip_suffix("\r\n").map_or((line.as_str(), false), |line| (line, true));
    if !line.is_empty() || whole {
        ears.lock().unwrap().push(Heard { encrypted, line: line.to_owned() });
    }
    whole.then(|| line.to_owned())
}

/// Whether the connection goes on.
async fn say<S>(wire: &mut BufReader<S>, answer: Answer) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (Answer::Say(text) | Answer::Last(text)) = answer;
    let octets = if text.is_empty() { String::new() } else { format!("{text}\r\n") };
    let said = wire.write_all(octets.as_bytes()).await.is_ok() && wire.flush().await.is_ok();
    if matches!(answer, Answer::Last(_)) {
        let _ = wire.shutdown().await;
        return false;
    }
    said
}
