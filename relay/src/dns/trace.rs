//! What was asked of the DNS in one decision, and what it said.

use std::sync::{Arc, Mutex, PoisonError};

use hickory_resolver::proto::rr::RecordType;

use super::{Answer, Nothing};

/// Ten hosts with all that is asked about each fit in twice.
const LINES_MAX: usize = 100;

/// A line for each look-up. Clones write on one sheet.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(super) fn note<T>(&self, name: &str, kind: RecordType, answer: &Answer<T>) {
        self.write(format!("{kind} {name}: {}", word(answer)));
    }

    pub(super) fn write(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(line);
        }
    }

    /// What was written since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn word<T>(answer: &Answer<T>) -> String {
    match answer {
        Answer::Found(found) => {
            let believed = if found.secure { "secure" } else { "insecure" };
            format!("found, {believed}")
        }
        Answer::Nothing(Nothing { no_such_name: true }) => "no such name".to_owned(),
        Answer::Nothing(Nothing { no_such_name: false }) => "no such record".to_owned(),
        Answer::Unknown(why) => format!("unknown, {why}"),
    }
}
