//! Chance that can be repeated.

use std::time::{SystemTime, UNIX_EPOCH};

/// xorshift, because a failure must be repeatable from one number.
#[derive(Debug)]
pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// From `ZEGEL_TESTS_SEED`, or the clock.
    pub fn new() -> Self {
        let given = std::env::var("ZEGEL_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(1, |since| since.subsec_nanos().into())
        };
        let seed = given.unwrap_or_else(clock) | 1;
        Self { seed, state: seed }
    }

    /// What to say of a failure: with it in `ZEGEL_TESTS_SEED` the same choices are made.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % end
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
