//! An authentication server for Postfix: in as much of Dovecot's protocol as `smtpd_sasl_type = dovecot` needs.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A client's answer to AUTH PLAIN (RFC 4616) in base64, and the login that it is of.
pub type Known = &'static [(&'static str, &'static str)];

const HELLO: &str = "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n\
    COOKIE\t0123456789abcdef0123456789abcdef\nDONE\n";

/// Serves for as long as the test's runtime lives: where Postfix finds it.
pub async fn serve(known: Known) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = listener.local_addr().expect("know the address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, known));
        }
    });
    address
}

async fn converse(stream: TcpStream, known: Known) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    writing.write_all(HELLO.as_bytes()).await?;
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(request) = line.strip_prefix("AUTH\t") {
            writing.write_all(answer(request, known).as_bytes()).await?;
        }
    }
    Ok(())
}

/// A request begins with its number and ends with the client's answer.
fn answer(request: &str, known: Known) -> String {
    let id = request.split('\t').next().unwrap_or_default();
    match known.iter().find(|(answer, _)| request.ends_with(&format!("\tresp={answer}"))) {
        Some((_, login)) => format!("OK\t{id}\tuser={login}\n"),
        None => format!("FAIL\t{id}\n"),
    }
}
