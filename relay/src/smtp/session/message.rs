//! How a message comes in: as a text up to its dot, or in chunks up to their lengths.

use std::sync::Arc;

use bytes::Buf;

use super::{Action, Session, State};
use crate::smtp::chunk::{Chunk, Chunks};
use crate::smtp::data::{DataError, Taken};
use crate::smtp::reply::Reply;

impl Session {
    /// Takes what has come of the text.
    pub(super) fn take_text(&mut self) -> bool {
        let State::Text { recipients, data } = &mut self.state else { return false };
        let (recipients, input) = (*recipients, self.input.rest());
        if input.is_empty() {
            return false;
        }
        let mut text = Vec::new();
        let taken = data.take(input, &mut text);
        self.tell(text);
        match taken {
            Taken::All => self.input.rest().clear(),
            Taken::Ended(used, end) => {
                self.input.rest().advance(used);
                self.end(recipients, end);
            }
        }
        true
    }

    /// A chunk begins. One that does not fit is refused before any of it has come.
    pub(super) fn open(&mut self, recipients: usize, chunks: Chunks, chunk: Chunk) {
        if chunks.has_room(chunk) {
            self.state = State::Chunk { recipients, chunks, chunk };
        } else {
            self.abandon_chunk(recipients, chunk, DataError::TooLong);
        }
    }

    /// Takes what has come of a chunk.
    pub(super) fn take_chunk(&mut self) -> bool {
        let State::Chunk { recipients, chunks, chunk } = &mut self.state else { return false };
        let recipients = *recipients;
        let input = self.input.rest();
        if chunk.left > 0 && input.is_empty() {
            return false;
        }
        let octets = input.split_to(length(chunk.left, input.len()));
        chunk.left -= octets.len() as u64;
        let (mut text, chunk) = (Vec::new(), *chunk);
        let end = chunks.take(&octets, &mut text);
        let end = end.and_then(|()| if is_whole(chunk) { chunks.end() } else { Ok(()) });
        self.tell(text);
        match end {
            Err(error) => self.abandon_chunk(recipients, chunk, error),
            Ok(()) if is_whole(chunk) => self.end(recipients, Ok(())),
            Ok(()) if chunk.left == 0 => self.await_chunk(),
            Ok(()) => {}
        }
        true
    }

    /// Takes what has come of a chunk that is refused.
    pub(super) fn swallow(&mut self) -> bool {
        let State::Swallowing { left, replies, next } = &mut self.state else { return false };
        let input = self.input.rest();
        if *left > 0 && input.is_empty() {
            return false;
        }
        let swallowed = length(*left, input.len());
        input.advance(swallowed);
        *left -= swallowed as u64;
        if *left == 0 {
            self.actions.push_back(Action::Reply(std::mem::take(replies)));
            self.state = std::mem::replace(next, State::Closed);
            self.show_out();
        }
        true
    }

    /// Refuses a chunk whose octets are still to come (RFC 3030, section 2: the reply comes after them).
    pub(super) fn refuse_chunk(
        &mut self,
        chunk: Chunk,
        recipients: usize,
        reply: &Reply<'_>,
        next: State,
    ) {
        self.errors += u32::from(reply.is_mistake());
        let replies = self.replies(recipients, reply);
        self.state = State::Swallowing { left: chunk.left, replies, next: Box::new(next) };
    }

    /// Refuses the message with a chunk of it. What the client has sent ahead of it finds no transaction.
    fn abandon_chunk(&mut self, recipients: usize, chunk: Chunk, error: DataError) {
        let terms = Arc::clone(&self.terms);
        self.actions.push_back(Action::Abandon);
        // Only the last chunk speaks for every recipient.
        let recipients = if chunk.last { recipients } else { 1 };
        self.refuse_chunk(chunk, recipients, &refusal(error, &terms), State::Idle);
    }

    fn await_chunk(&mut self) {
        if let State::Chunk { recipients, chunks, .. } =
            std::mem::replace(&mut self.state, State::Closed)
        {
            self.state = State::Chunks { recipients, chunks };
            self.reply(&Reply::ChunkTaken);
        }
    }

    fn tell(&mut self, text: Vec<u8>) {
        if !text.is_empty() {
            self.actions.push_back(Action::Text(text));
        }
    }

    /// The message has come whole.
    fn end(&mut self, recipients: usize, end: Result<(), DataError>) {
        let terms = Arc::clone(&self.terms);
        match end {
            Ok(()) => {
                self.actions.push_back(Action::End);
                self.state = State::Settling { recipients };
            }
            Err(error) => {
                self.actions.push_back(Action::Abandon);
                self.finish(recipients, &refusal(error, &terms));
            }
        }
    }
}

fn refusal(error: DataError, terms: &super::Terms) -> Reply<'_> {
    match error {
        DataError::BareControl => Reply::BareControlInText,
        DataError::TooLong => Reply::TooBig(terms),
    }
}

fn is_whole(chunk: Chunk) -> bool {
    chunk.last && chunk.left == 0
}

/// Octets of those that are there, when so many are wanted.
fn length(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).map_or(there, |wanted| wanted.min(there))
}
