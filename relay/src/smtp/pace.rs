//! How long a client is waited for. Only the time that it lets us wait counts, never our own.

use std::time::Duration;

use super::session::Patience;

/// For a whole command since the last reply (RFC 5321, section 4.5.3.2.7). Octets that trickle in do not prolong it.
const COMMAND_MAX: Duration = Duration::from_mins(5);

/// Between two pieces of a text. Clients give us ten minutes for the reply to its end (RFC 5321, section 4.5.3.2.6), so
/// a slow disk of theirs deserves as much.
const PIECE_MAX: Duration = Duration::from_mins(10);

/// For a text, besides what its octets take at [`RATE_MIN`].
const TEXT_MAX: Duration = Duration::from_mins(10);

/// Octets of a text per second, on average: half of what an ISDN line carries.
const RATE_MIN: u64 = 4 * 1024;

/// Since the greeting, or since the last message, until the next begins. A client that keeps a connection open for mail to
/// come makes a new one.
const FRUITLESS_MAX: Duration = Duration::from_mins(30);

/// When the process is to stop. The client keeps what it could not hand over.
const STOPPING_MAX: Duration = Duration::from_secs(10);

/// What one client has taken of our patience.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since_reply: Duration,
    since_message: Duration,
    replies: usize,
    text: Option<Text>,
}

/// A message in hand.
#[derive(Debug, Default)]
struct Text {
    waited: Duration,
    octets: u64,
}

impl Pace {
    /// How long it may let us wait now.
    pub(super) fn allowance(&self, patience: Patience, stopping: bool) -> Duration {
        let next = match patience {
            _ if stopping => STOPPING_MAX,
            Patience::Command => COMMAND_MAX.saturating_sub(self.since_reply),
            Patience::Text => PIECE_MAX,
        };
        let whole = match &self.text {
            Some(Text { waited, octets }) => {
                (TEXT_MAX + Duration::from_secs(octets / RATE_MIN)).saturating_sub(*waited)
            }
            None => FRUITLESS_MAX.saturating_sub(self.since_message),
        };
        next.min(whole)
    }

    /// It let us wait for so long, and then sent so many octets.
    pub(super) fn waited(&mut self, waited: Duration, octets: usize) {
        self.since_reply += waited;
        match &mut self.text {
            Some(text) => {
                text.waited += waited;
                text.octets += octets as u64;
            }
            None => self.since_message += waited,
        }
    }

    /// It was given a reply.
    pub(super) fn answered(&mut self) {
        self.since_reply = Duration::ZERO;
        self.replies += 1;
    }

    /// A message begins.
    pub(super) fn began(&mut self) {
        self.text = Some(Text::default());
    }

    /// The message in hand came to an end.
    pub(super) fn ended(&mut self) {
        *self = Self::default();
    }

    /// Replies since the greeting or the last message.
    pub(super) fn replies(&self) -> usize {
        self.replies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pace: &Pace, patience: Patience, minutes: u64) {
        let allowance = pace.allowance(patience, false);
        assert_eq!(allowance, Duration::from_mins(minutes), "{pace:?}");
    }

    #[test]
    fn command_that_trickles_in_gets_no_more_time_than_one_that_does_not_come() {
        let mut pace = Pace::default();
        check(&pace, Patience::Command, 5);
        pace.waited(Duration::from_mins(4), 1);
        check(&pace, Patience::Command, 1);
        pace.answered();
        check(&pace, Patience::Command, 5);
    }

    #[test]
    fn client_that_never_comes_to_a_message_is_not_waited_for_for_ever() {
        let mut pace = Pace::default();
        for _ in 0..29 {
            pace.waited(Duration::from_mins(1), 6);
            pace.answered();
        }
        check(&pace, Patience::Command, 1);
        assert_eq!(pace.replies(), 29);
        pace.began();
        check(&pace, Patience::Command, 5);
        pace.ended();
        check(&pace, Patience::Command, 5);
        assert_eq!(pace.replies(), 0);
    }

    #[test]
    fn text_may_be_slow_but_not_endless() {
        let mut pace = Pace::default();
        pace.began();
        check(&pace, Patience::Text, 10);
        pace.waited(Duration::from_mins(9), 1);
        check(&pace, Patience::Text, 1);
        // Five minutes at the lowest rate.
        pace.waited(Duration::ZERO, 5 * 60 * 4096);
        check(&pace, Patience::Text, 6);
        pace.waited(Duration::from_mins(9), 1);
        check(&pace, Patience::Text, 0);
    }

    #[test]
    fn process_that_is_to_stop_waits_less() {
        let mut pace = Pace::default();
        pace.began();
        assert_eq!(pace.allowance(Patience::Text, true), Duration::from_secs(10));
    }
}
