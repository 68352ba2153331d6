//! What the directory said, for as long as it counts. Bounded, whoever asks for what: made-up authors drive each other out,
//! never those who have an account.

use std::collections::{HashMap, VecDeque};

use zegel_core::moment::Moment;

use crate::store::Standing;

/// Authors with an active account: more than write in five minutes in the largest organisation. An entry is some 200
/// octets.
const ACTIVE_MAX: usize = 10_000;

/// All others: mistakes are few, and a flood is no reason to remember more.
const REFUSED_MAX: usize = 1_000;

/// Seconds. A closed account is shut out this late.
const ACTIVE_TIME: i64 = 5 * 60;

/// Seconds. A new account is let in this late.
const REFUSED_TIME: i64 = 60;

#[derive(Debug)]
pub(super) struct Cache {
    active: Part,
    refused: Part,
}

/// Answers that count equally long, so that the oldest is always the next to go.
#[derive(Debug)]
struct Part {
    answers: HashMap<String, (Standing, Moment)>,
    oldest_first: VecDeque<String>,
    entries_max: usize,
    /// Seconds.
    time: i64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            active: Part::new(ACTIVE_MAX, ACTIVE_TIME),
            refused: Part::new(REFUSED_MAX, REFUSED_TIME),
        }
    }
}

impl Cache {
    /// What was said and still counts.
    pub(super) fn standing(&self, key: &str, now: Moment) -> Option<Standing> {
        self.active.standing(key, now).or_else(|| self.refused.standing(key, now))
    }

    pub(super) fn remember(&mut self, key: String, standing: Standing, now: Moment) {
        match standing {
            Standing::Active => self.active.remember(key, standing, now),
            Standing::Suspended | Standing::Unknown => self.refused.remember(key, standing, now),
        }
    }
}

impl Part {
    fn new(entries_max: usize, time: i64) -> Self {
        Self { answers: HashMap::new(), oldest_first: VecDeque::new(), entries_max, time }
    }

    fn standing(&self, key: &str, now: Moment) -> Option<Standing> {
        let (standing, said) = self.answers.get(key)?;
        self.counts(*said, now).then_some(*standing)
    }

    /// One from the future does not count: the clock was set back, and nobody knows how old it is.
    fn counts(&self, said: Moment, now: Moment) -> bool {
        (0..self.time).contains(&now.0.saturating_sub(said.0))
    }

    fn remember(&mut self, key: String, standing: Standing, now: Moment) {
        self.forget_old(now);
        if self.answers.insert(key.clone(), (standing, now)).is_some() {
            self.oldest_first.retain(|other| *other != key);
        }
        self.oldest_first.push_back(key);
        if self.oldest_first.len() > self.entries_max {
            self.forget_oldest();
        }
    }

    fn forget_old(&mut self, now: Moment) {
        while let Some((_, said)) = self.oldest_first.front().and_then(|key| self.answers.get(key))
            && !self.counts(*said, now)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(key) = self.oldest_first.pop_front() {
            self.answers.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000);

    fn later(seconds: i64) -> Moment {
        Moment(NOW.0 + seconds)
    }

    #[test]
    fn an_answer_counts_for_its_time() {
        for (standing, time) in
            [(Standing::Active, 300), (Standing::Suspended, 60), (Standing::Unknown, 60)]
        {
            let mut cache = Cache::default();
            cache.remember("jan".into(), standing, NOW);
            for (after, expected) in [
                (0, Some(standing)),
                (time - 1, Some(standing)),
                (time, None),
                // The clock was set back.
                (-1, None),
            ] {
                assert_eq!(cache.standing("jan", later(after)), expected, "{standing:?} {after}");
            }
            assert_eq!(cache.standing("els", NOW), None);
        }
    }

    #[test]
    fn a_newer_answer_replaces_an_older_one() {
        let mut cache = Cache::default();
        cache.remember("jan".into(), Standing::Unknown, NOW);
        cache.remember("jan".into(), Standing::Suspended, later(30));
        assert_eq!(cache.standing("jan", later(80)), Some(Standing::Suspended));
        cache.remember("jan".into(), Standing::Active, later(90));
        assert_eq!(cache.standing("jan", later(100)), Some(Standing::Active));
        assert_eq!(cache.refused.oldest_first.len(), cache.refused.answers.len());
    }

    #[test]
    fn a_flood_of_made_up_authors_takes_a_bounded_place_and_drives_nobody_out() {
        let mut cache = Cache::default();
        cache.remember("jan".into(), Standing::Active, NOW);
        for one in 0..3 * REFUSED_MAX {
            cache.remember(format!("x{one}"), Standing::Unknown, NOW);
            assert!(cache.refused.answers.len() <= REFUSED_MAX);
        }
        assert_eq!(cache.refused.oldest_first.len(), REFUSED_MAX);
        assert_eq!(cache.standing("jan", NOW), Some(Standing::Active));
        let last = format!("x{}", 3 * REFUSED_MAX - 1);
        assert_eq!(cache.standing(&last, NOW), Some(Standing::Unknown));
        assert_eq!(cache.standing("x0", NOW), None);
    }

    #[test]
    fn what_no_longer_counts_leaves() {
        let mut cache = Cache::default();
        for one in 0..100 {
            cache.remember(format!("x{one}"), Standing::Active, NOW);
        }
        cache.remember("jan".into(), Standing::Active, later(ACTIVE_TIME));
        assert_eq!(cache.active.answers.len(), 1);
        assert_eq!(cache.active.oldest_first, ["jan"]);
    }
}
