//! A provider of text messages: a private Kannel, with its fake message centre in place of all phones.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::place::Place;
use crate::process::Process;
use crate::wait::until;

/// Where the lab's relay asks for text messages.
pub const SENDSMS: u8 = 33;
pub const USER: &str = "zegel";
pub const PASSWORD: &str = "kannel&pass=word";

const ADMIN: u8 = 31;
const BOXES: u8 = 32;

/// Kannel binds its fake message centre to all addresses; this is where to look for a port that is free on all. Below
/// the range that outgoing connections take theirs from.
const CENTRE_PORTS: std::ops::Range<u16> = 12_000..15_000;

#[derive(Debug)]
pub struct Kannel {
    /// In the order in which they are ended.
    phones: Process,
    _smsbox: Process,
    _bearerbox: Process,
}

/// What a phone got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texted {
    pub from: String,
    pub number: String,
    pub words: String,
}

impl Kannel {
    pub async fn start(place: &Place) -> Self {
        let centre = free_everywhere();
        let configuration = place.write("kannel.conf", &configuration(place, centre));
        let file = configuration.to_string_lossy();
        let run = |name: &str, program: &str, arguments: &[&str]| {
            Process::start(name, program, arguments, &place.file(&format!("{name}.log")))
        };
        let listens = |address: SocketAddr| move || TcpStream::connect(address).ok();

        let mut bearerbox = run("bearerbox", "/usr/sbin/bearerbox", &[&file]);
        bearerbox.ready(listens(place.at(ADMIN))).await;
        bearerbox.ready(listens(place.at(BOXES))).await;
        let mut smsbox = run("smsbox", "/usr/sbin/smsbox", &[&file]);
        smsbox.ready(listens(place.at(SENDSMS))).await;
        // It sends what its arguments say, no times, and shows what it gets.
        let port = centre.to_string();
        let arguments = ["-H", "127.0.0.1", "-r", &port, "-m", "0", "1 2 text none"];
        let phones = run("fakesmsc", "/usr/lib/kannel/test/fakesmsc", &arguments);
        until("the fake message centre", || {
            bearerbox.log().contains("Fakesmsc client connected").then_some(())
        })
        .await;
        Self { phones, _smsbox: smsbox, _bearerbox: bearerbox }
    }

    /// All text messages so far.
    pub fn texts(&self) -> Vec<Texted> {
        let mut texts: Vec<Texted> = Vec::new();
        for shown in self.phones.log().lines().filter_map(shown) {
            match (first_line(shown), texts.last_mut()) {
                (Some(text), _) => texts.push(text),
                // It takes every line for a message.
                (None, Some(text)) => {
                    text.words.push('\n');
                    text.words.push_str(shown);
                }
                (None, None) => {}
            }
        }
        texts
    }

    /// The `count`th text message to this number, counted from 1.
    pub async fn text(&self, number: &str, count: usize) -> Texted {
        until(&format!("text message {count} to {number}"), || {
            let mut texts = self.texts().into_iter().filter(|text| text.number == number);
            // Its last line may still be on its way.
            texts.nth(count.saturating_sub(1)).filter(|text| text.code().is_some())
        })
        .await
    }
}

impl Texted {
    /// The code in the line that phones read.
    pub fn code(&self) -> Option<String> {
        let last = self.words.lines().last()?.strip_prefix('@')?;
        last.split_once(" #").map(|(_, code)| code.to_owned())
    }
}

/// What stands between the brackets of `Got message 1: <…>`.
fn shown(line: &str) -> Option<&str> {
    line.split_once("Got message ")?.1.split_once(": <")?.1.strip_suffix('>')
}

/// `from number text words`
fn first_line(shown: &str) -> Option<Texted> {
    let mut parts = shown.splitn(4, ' ');
    let (from, number, kind) = (parts.next()?, parts.next()?, parts.next()?);
    (number.starts_with('+') && kind == "text").then(|| Texted {
        from: from.to_owned(),
        number: number.to_owned(),
        words: parts.next().unwrap_or_default().to_owned(),
    })
}

fn free_everywhere() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = CENTRE_PORTS.end - CENTRE_PORTS.start;
    // Other test programs, and other tests of this one, begin elsewhere.
    let start = u16::try_from(std::process::id() % u32::from(width)).unwrap_or_default();
    let numbers = (0..width).map(|_| {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        CENTRE_PORTS.start + start.wrapping_add(next) % width
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    numbers.into_iter().find(is_free).expect("a free port for the fake message centre")
}

fn configuration(place: &Place, centre: u16) -> String {
    format!(
        r#"group = core
admin-port = {port}
admin-interface = {admin}
admin-password = "{PASSWORD}"
smsbox-port = {port}
smsbox-interface = {boxes}
box-allow-ip = "127.0.0.*"

group = smsc
smsc = fake
smsc-id = fake
port = {centre}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = {boxes}
bearerbox-port = {port}
sendsms-port = {port}
sendsms-interface = {sendsms}

group = sendsms-user
username = {USER}
password = "{PASSWORD}"
max-messages = 3
concatenation = true
default-sender = Zegel
"#,
        port = place.port(),
        admin = place.at(ADMIN).ip(),
        boxes = place.at(BOXES).ip(),
        sendsms = place.at(SENDSMS).ip(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_messages_are_read_from_what_the_fake_message_centre_shows() {
        let line = "2026-11-25 01:51:10 [1] [0] DEBUG: Got message 3: <Zegel +31612345678 text Hallo één & +>";
        let text = first_line(shown(line).unwrap()).unwrap();
        assert_eq!((text.number.as_str(), text.words.as_str()), ("+31612345678", "Hallo één & +"));
        let last = Texted { words: "123456 is\n\n@host.test #123456".into(), ..text };
        assert_eq!(last.code().as_deref(), Some("123456"));
        assert_eq!(shown("INFO: fakesmsc starting"), None);
        assert_eq!(first_line("@host.test #123456"), None);
    }
}
