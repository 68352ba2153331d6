//! Access codes: agreed on by sender and recipient, outside the mail.

use unicode_normalization::UnicodeNormalization;

use super::{CodeMac, Limits, Passed, Tally, Verdict, digit, is_between, refuses};
use crate::moment::Moment;
use crate::secret::{Secret, same};

/// An access code in the one form that is hashed and compared: NFKC, lower case, ASCII digits, and nothing of what people
/// put between. Codes are told by telephone, and telephones write the first letter large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessCode(Secret);

/// It has fewer characters than a code may have, or more.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an access code has 6 to 64 characters, not counting spaces, hyphens and dots")]
pub struct NotAnAccessCode;

/// Characters of an access code: below 6 it is guessed, above 64 nobody types it.
const CHARACTERS: std::ops::RangeInclusive<usize> = 6..=64;

/// Characters that are read: the longest code with one between any two.
const READ_MAX: usize = 128;

/// Wrong answers in a row that lock a code: six random digits are then guessed once in a hundred thousand.
const FAILURES_MAX: u32 = 10;

impl AccessCode {
    /// Reads what the sender wrote or the recipient typed.
    pub fn parse(typed: &str) -> Result<Self, NotAnAccessCode> {
        if typed.chars().count() > READ_MAX {
            return Err(NotAnAccessCode);
        }
        let code: String = typed
            .nfkc()
            .filter(|c| !is_between(*c) && !c.is_control())
            .flat_map(|c| digit(c).unwrap_or(c).to_lowercase())
            .collect();
        let code = Secret::new(code);
        if CHARACTERS.contains(&code.reveal().chars().count()) {
            Ok(Self(code))
        } else {
            Err(NotAnAccessCode)
        }
    }

    /// Whether it is among the first that anybody would try: one character over and over, or one after the other.
    pub fn is_obvious(&self) -> bool {
        let characters: Vec<u32> = self.0.reveal().chars().map(u32::from).collect();
        [-1, 0, 1].into_iter().any(|step| {
            let mut pairs = characters.iter().zip(characters.iter().skip(1));
            pairs.all(|(one, next)| one.checked_add_signed(step) == Some(*next))
        })
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl Limits {
    /// For access codes, which live as long as the message: whoever fails ten times in a row is stopped for good.
    #[must_use]
    pub fn for_access_codes() -> Self {
        Self { failures_total_max: FAILURES_MAX, ..Self::default() }
    }
}

/// Judges a typed access code. `expected` and `typed` are the hashes of the right one and of the typed one, made in the
/// same way. The tally must already count this attempt as failed.
pub fn answer_given(
    delivery: &str,
    expected: &CodeMac,
    typed: &CodeMac,
    tally: &Tally,
    limits: &Limits,
    now: Moment,
) -> Verdict {
    if let Some(refused) = refuses(&tally.before_last(), limits, now) {
        return refused;
    }
    if same(&expected.0, &typed.0) {
        let passed = Passed { delivery: delivery.to_owned(), at: now };
        return Verdict::Passed { challenge: None, passed };
    }
    match limits.failures_total_max.saturating_sub(tally.failures_total) {
        0 => Verdict::Locked,
        tries_left => Verdict::Wrong { tries_left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_000_000);

    #[track_caller]
    fn check_read(typed: &str, expected: Option<&str>) {
        let read = AccessCode::parse(typed).ok();
        assert_eq!(read.as_ref().map(|code| code.secret().reveal()), expected, "{typed:?}");
    }

    /// The `failures`th answer in a row, all within a minute.
    #[track_caller]
    fn check(failures: u32, is_right: bool, expected: &Verdict) {
        let mut tally = Tally::default();
        (0..failures).for_each(|_| tally.failed(NOW));
        let typed = CodeMac(vec![u8::from(is_right); 32]);
        let (right, limits) = (CodeMac(vec![1; 32]), Limits::for_access_codes());
        let verdict = answer_given("d1", &right, &typed, &tally, &limits, NOW);
        assert_eq!(verdict, *expected, "answer {failures}, right: {is_right}");
    }

    #[test]
    fn a_code_is_the_same_however_it_is_told_and_typed() {
        for typed in [
            "blauwe7ganzen",
            "Blauwe 7 Ganzen",
            "BLAUWE-7-GANZEN.",
            "ｂｌａｕｗｅ\u{2013}７\u{200B}ganzen",
        ] {
            check_read(typed, Some("blauwe7ganzen"));
        }
        check_read("٠١٢ ٣٤٥", Some("012345"));
        check_read("Ca\u{301}rlos", Some("cárlos"));
        check_read("p@ss_wörd!", Some("p@ss_wörd!"));
    }

    #[test]
    fn too_little_and_too_much_is_no_code() {
        check_read(&"x".repeat(64), Some(&"x".repeat(64)));
        for typed in ["", "12345", "1-2-3-4-5", "- - - - - -", &"x".repeat(65), &" ".repeat(129)] {
            check_read(typed, None);
        }
    }

    #[test]
    fn a_code_that_anybody_would_try_is_known() {
        for (code, expected) in [
            ("111111", true),
            ("123-456", true),
            ("987654", true),
            ("Abcdefg", true),
            ("135789", false),
            ("112233", false),
            ("890123", false),
            ("blauwe7ganzen", false),
        ] {
            assert_eq!(AccessCode::parse(code).unwrap().is_obvious(), expected, "{code}");
        }
    }

    #[test]
    fn ten_wrong_answers_in_a_row_lock_and_a_right_one_comes_through_until_then() {
        let passed =
            Verdict::Passed { challenge: None, passed: Passed { delivery: "d1".into(), at: NOW } };
        for failures in 1..=10 {
            check(failures, true, &passed);
        }
        for failures in 1..=9 {
            check(failures, false, &Verdict::Wrong { tries_left: 10 - failures });
        }
        check(10, false, &Verdict::Locked);
        for failures in 11..=12 {
            check(failures, true, &Verdict::Locked);
            check(failures, false, &Verdict::Locked);
        }
    }

    #[test]
    fn hash_of_another_length_is_a_wrong_one() {
        let mut tally = Tally::default();
        tally.failed(NOW);
        for typed in [vec![], vec![1; 31], vec![1; 33]] {
            let verdict = answer_given(
                "d1",
                &CodeMac(vec![1; 32]),
                &CodeMac(typed),
                &tally,
                &Limits::for_access_codes(),
                NOW,
            );
            assert_eq!(verdict, Verdict::Wrong { tries_left: 9 });
        }
    }
}
