//! One mail on a connection that has proved itself: from MAIL FROM to the reply after the final dot.

use tokio::io::AsyncReadExt;

use super::super::Mail;
use super::super::command::{self, Extension};
use super::super::reply::Reply;
use super::super::stuffing::Stuffing;
use super::super::wire::{Fault, Stage};
use super::{Content, Kind, Proven};

/// Octets of the content that are read at once.
const BLOCK: usize = 32 * 1024;

/// The server is about to close the connection (RFC 5321, section 3.8).
const CLOSING: u16 = 421;

/// What was answered to the three commands before the content.
struct Envelope {
    mail_from: Reply,
    rcpt_to: Option<Reply>,
    data: Option<Reply>,
}

impl Proven<'_> {
    /// MAIL FROM to the reply after the final dot. Afterwards the connection can be kept, if [`Proven::may_go_on`].
    pub(in super::super) async fn transact(
        &mut self,
        mail: &Mail<'_>,
        content: &mut Content<'_>,
    ) -> Result<(), Kind> {
        self.0.mails += 1;
        let done = self.hand_over(mail, content).await;
        match &done {
            Ok(()) => {}
            // The server remembers what was begun; it has to forget it before it hears of another mail.
            Err(Kind::Refused { .. } | Kind::Later(_))
                if self.0.wire.is_whole() && !self.0.ended =>
            {
                let reset = self.0.wire.ask(Stage::Reset, "RSET").await;
                self.0.ended |= !reset.is_ok_and(|reply| reply.is_positive());
            }
            Err(_) => self.0.ended = true,
        }
        done
    }

    async fn hand_over(&mut self, mail: &Mail<'_>, content: &mut Content<'_>) -> Result<(), Kind> {
        self.envelope(mail).await?;
        self.pour(content).await?;
        match self.reply(Stage::EndOfData).await {
            Ok(reply) if reply.is_positive() => Ok(()),
            Ok(reply) => Err(spent(self.turned_down(Stage::EndOfData, &reply))),
            Err(kind) => Err(spent(kind)),
        }
    }

    async fn envelope(&mut self, mail: &Mail<'_>) -> Result<(), Kind> {
        let offers = &self.0.offers;
        if command::needs_smtputf8(mail) && !offers.has(Extension::SmtpUtf8) {
            let text = "the server takes no addresses with characters beyond ASCII".to_owned();
            return Err(Kind::Refused { code: 550, enhanced: Some("5.6.7".to_owned()), text });
        }
        let mail_from = command::mail_from(mail, offers, &self.0.seen);
        let rcpt_to = command::rcpt_to(mail.recipient, offers);
        let answered = if offers.has(Extension::Pipelining) {
            self.say_at_once(&mail_from, &rcpt_to).await?
        } else {
            self.say_one_by_one(&mail_from, &rcpt_to).await?
        };
        self.judge(answered)
    }

    async fn say_one_by_one(&mut self, mail_from: &str, rcpt_to: &str) -> Result<Envelope, Kind> {
        let mail_from = self.begin(mail_from).await?;
        let mut answered = Envelope { mail_from, rcpt_to: None, data: None };
        if answered.mail_from.is_positive() {
            self.write(Stage::RcptTo, rcpt_to).await?;
            let reply = self.reply(Stage::RcptTo).await?;
            let goes_on = reply.is_positive();
            answered.rcpt_to = Some(reply);
            if goes_on {
                self.write(Stage::Data, "DATA").await?;
                answered.data = Some(self.reply(Stage::Data).await?);
            }
        }
        Ok(answered)
    }

    /// All three commands in one flight (RFC 2920). A server may agree to DATA although it has refused all before it: then
    /// it gets the content of nothing, for nobody.
    async fn say_at_once(&mut self, mail_from: &str, rcpt_to: &str) -> Result<Envelope, Kind> {
        let mail_from = self.begin(&format!("{mail_from}\r\n{rcpt_to}\r\nDATA")).await?;
        let rcpt_to = self.reply(Stage::RcptTo).await?;
        let data = self.reply(Stage::Data).await?;
        let refused = !mail_from.is_positive() || !rcpt_to.is_positive();
        if refused && data.code == 354 {
            self.write(Stage::Content, ".").await?;
            self.reply(Stage::EndOfData).await?;
        }
        Ok(Envelope { mail_from, rcpt_to: Some(rcpt_to), data: Some(data) })
    }

    /// Says MAIL FROM, and what follows it in the same flight. Where the connection has carried a mail before, its server may
    /// have closed it meanwhile.
    async fn begin(&mut self, lines: &str) -> Result<Reply, Kind> {
        let said = self.0.wire.write(Stage::MailFrom, format!("{lines}\r\n").as_bytes()).await;
        let answered = match said {
            Ok(()) => self.0.wire.reply(Stage::MailFrom).await,
            Err(fault) => Err(fault),
        };
        let was_used = self.0.mails > 1;
        match answered {
            Ok(reply) if was_used && reply.code == CLOSING => Err(Kind::Stale),
            Err(Fault::Lost(..)) if was_used => Err(Kind::Stale),
            answered => answered.map_err(|fault| self.0.peer.later(fault)),
        }
    }

    fn judge(&self, answered: Envelope) -> Result<(), Kind> {
        let Envelope { mail_from, rcpt_to, data } = answered;
        for (stage, reply) in [(Stage::MailFrom, Some(mail_from)), (Stage::RcptTo, rcpt_to)] {
            if let Some(reply) = reply.filter(|reply| !reply.is_positive()) {
                return Err(self.turned_down(stage, &reply));
            }
        }
        match data {
            Some(reply) if reply.code != 354 => Err(self.turned_down(Stage::Data, &reply)),
            _ => Ok(()),
        }
    }

    /// The content and the final dot.
    async fn pour(&mut self, content: &mut Content<'_>) -> Result<(), Kind> {
        let eight_bits = self.0.offers.has(Extension::EightBitMime);
        let mut stuffing = Stuffing::new();
        let mut block = vec![0; BLOCK];
        let mut out = Vec::with_capacity(BLOCK + BLOCK / 8);
        loop {
            let unreadable =
                |error| Kind::Spent(format!("the stored message cannot be read: {error}"));
            let length = content.read(&mut block).await.map_err(unreadable)?;
            if length == 0 {
                break;
            }
            let piece = block.get(..length).unwrap_or_default();
            if !eight_bits && !piece.is_ascii() {
                return Err(self.cannot_take_eight_bits());
            }
            stuffing.put(piece, &mut out).map_err(|error| Kind::Spent(error.to_string()))?;
            self.put(&out).await?;
            out.clear();
        }
        stuffing.end(&mut out).map_err(|error| Kind::Spent(error.to_string()))?;
        self.put(&out).await
    }

    /// Content is never rewritten: a signature may stand on every octet (RFC 6152, section 3). Without the final dot nothing
    /// of it was sent.
    fn cannot_take_eight_bits(&mut self) -> Kind {
        self.0.ended = true;
        let text = "the server takes no content with characters beyond ASCII".to_owned();
        Kind::Refused { code: 554, enhanced: Some("5.6.3".to_owned()), text }
    }

    /// A server that has enough of a message may say so and close: its words count, if they can still be read.
    async fn put(&mut self, octets: &[u8]) -> Result<(), Kind> {
        let Err(fault) = self.0.wire.write(Stage::Content, octets).await else { return Ok(()) };
        match self.0.wire.reply(Stage::Quit).await {
            Ok(reply) if reply.is_permanent() => Err(self.turned_down(Stage::Content, &reply)),
            _ => Err(spent(self.0.peer.later(fault))),
        }
    }

    async fn write(&mut self, stage: Stage, lines: &str) -> Result<(), Kind> {
        self.0
            .wire
            .write(stage, format!("{lines}\r\n").as_bytes())
            .await
            .map_err(|fault| self.0.peer.later(fault))
    }

    async fn reply(&mut self, stage: Stage) -> Result<Reply, Kind> {
        self.0.wire.reply(stage).await.map_err(|fault| self.0.peer.later(fault))
    }

    /// What a server says of content that it has seen may quote it: a subject, the name of a file, a code. Only its
    /// codes are kept.
    fn turned_down(&self, stage: Stage, reply: &Reply) -> Kind {
        let wordless = reply.without_words();
        let reply = match stage {
            Stage::Content | Stage::EndOfData => &wordless,
            _ => reply,
        };
        if reply.is_permanent() {
            return Kind::Refused {
                code: reply.code,
                enhanced: reply.enhanced.clone(),
                text: reply.text(),
            };
        }
        self.0.peer.later(format!("{stage}: {reply}"))
    }
}

/// Once content has been sent, what would be for another host is for another time.
fn spent(kind: Kind) -> Kind {
    match kind {
        Kind::Later(why) | Kind::Short { why, .. } | Kind::Unreachable(why) => Kind::Spent(why),
        Kind::Missed(_) | Kind::Refused { .. } | Kind::Stale | Kind::Spent(_) => kind,
    }
}
