//! Message-IDs of the mail that this side composes: `<id>.zegel@domain`, the id being 32 hexadecimal digits. An answer to such
//! a mail names it in `References`, and so shows that it stands in a secured thread. Anybody can write one: what follows from
//! it is more protection, never less.

use std::fmt;

use crate::address::Domain;

const MARK: &str = ".zegel";

/// Digits of an id: 128 bits.
const ID_LENGTH: usize = 32;

/// The Message-ID, without angle brackets, of the mail with this id. `id` shows itself as 32 hexadecimal digits.
pub fn make(id: &impl fmt::Display, domain: &Domain) -> String {
    format!("{id}{MARK}@{domain}")
}

/// The domain in a Message-ID of this form; of any other, none. `message_id` has no angle brackets.
pub fn domain(message_id: &str) -> Option<Domain> {
    let (local, domain) = message_id.split_once('@')?;
    let (id, mark) = local.split_at_checked(ID_LENGTH)?;
    let is_own =
        id.bytes().all(|digit| digit.is_ascii_hexdigit()) && mark.eq_ignore_ascii_case(MARK);
    is_own.then(|| domain.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a1b2c3d47e5f8a9b0c1d2e3f4a5d";

    #[track_caller]
    fn check(message_id: &str, want: Option<&str>) {
        assert_eq!(domain(message_id).as_ref().map(Domain::as_str), want, "{message_id:?}");
    }

    #[test]
    fn what_is_made_is_recognised_in_any_case() {
        let made = make(&ID, &"gemeente.example".parse().unwrap());
        check(&made, Some("gemeente.example"));
        check(&made.to_uppercase(), Some("gemeente.example"));
    }

    #[test]
    fn no_other_form_is_taken_for_our_own() {
        for text in [
            "",
            "zegel@gemeente.example",
            &format!("{ID}@gemeente.example"),
            &format!("{ID}.zegel"),
            &format!("{ID}.zegel@"),
            &format!("{ID}a.zegel@gemeente.example"),
            &format!("{}.zegel@gemeente.example", ID.trim_start_matches('0')),
            &format!("g{}.zegel@gemeente.example", ID.trim_start_matches('0')),
            &format!("{ID}.zegel.x@gemeente.example"),
            "é190a1b2c3d47e5f8a9b0c1d2e3f4a5.zegel@gemeente.example",
        ] {
            check(text, None);
        }
    }
}
