//! Who sees whom: To and Cc share one conversation, every Bcc recipient has one alone.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::envelope::Recipient;

/// The recipients who see each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub kind: Kind,
    pub recipients: Vec<Recipient>,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Shared,
    /// One Bcc recipient.
    Alone,
}

/// Groups the recipients of one submission. `addressees` are the message's To and Cc. A recipient named twice stands
/// once; the order of the envelope stays; the shared conversation, if there is one, comes first.
pub fn split(recipients: &[Recipient], addressees: &[Address]) -> Vec<Conversation> {
    let addressees: BTreeSet<&Address> = addressees.iter().collect();
    let mut seen = BTreeSet::new();
    let (shared, alone): (Vec<Recipient>, Vec<Recipient>) = recipients
        .iter()
        .filter(|recipient| seen.insert(&recipient.address))
        .cloned()
        .partition(|recipient| addressees.contains(&recipient.address));
    let shared = Some(shared).filter(|recipients| !recipients.is_empty());
    let shared = shared.map(|recipients| Conversation { kind: Kind::Shared, recipients });
    let alone = alone
        .into_iter()
        .map(|recipient| Conversation { kind: Kind::Alone, recipients: vec![recipient] });
    shared.into_iter().chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of one letter stand for recipients. The conversations are written as `ab c d`: the first is shared if
    /// `has_shared`, the others have one recipient each.
    #[track_caller]
    fn check(envelope: &str, addressees: &str, expected: &str, has_shared: bool) {
        let address =
            |letter: char| -> Address { format!("{letter}@example.org").parse().unwrap() };
        let recipients: Vec<_> =
            envelope.chars().map(|letter| Recipient::plain(address(letter))).collect();
        let conversations =
            split(&recipients, &addressees.chars().map(address).collect::<Vec<_>>());
        let seen: Vec<String> = conversations
            .iter()
            .map(|one| one.recipients.iter().map(|recipient| recipient.address.local()).collect())
            .collect();
        assert_eq!(seen.join(" "), expected, "{envelope} to {addressees}");
        for (index, one) in conversations.iter().enumerate() {
            let kind = if has_shared && index == 0 { Kind::Shared } else { Kind::Alone };
            assert_eq!(one.kind, kind, "{envelope} to {addressees}");
        }
    }

    #[test]
    fn to_and_cc_share_one_conversation_and_each_bcc_has_one_alone() {
        check("abcd", "bd", "bd a c", true);
        check("ab", "ab", "ab", true);
        check("ab", "a", "a b", true);
    }

    #[test]
    fn without_addressees_everyone_is_alone() {
        check("abc", "", "a b c", false);
        check("abc", "xyz", "a b c", false);
        check("", "a", "", false);
    }

    #[test]
    fn a_recipient_named_twice_stands_once_whatever_the_case() {
        check("abAcC", "a", "a b c", true);
        check("aAb", "bAB", "ab", true);
    }

    #[test]
    fn an_addressee_outside_the_envelope_takes_no_part() {
        check("a", "abc", "a", true);
    }

    #[test]
    fn no_bcc_ever_meets_anyone() {
        // Each of five recipients is in To or not, in all 32 ways.
        for code in 0..32_u32 {
            let to: String = "abcde"
                .chars()
                .enumerate()
                .filter(|(bit, _)| code >> bit & 1 == 1)
                .map(|(_, c)| c)
                .collect();
            let bcc: Vec<String> =
                "abcde".chars().filter(|c| !to.contains(*c)).map(String::from).collect();
            let expected: Vec<String> =
                Some(to.clone()).filter(|to| !to.is_empty()).into_iter().chain(bcc).collect();
            check("abcde", &to, &expected.join(" "), !to.is_empty());
        }
    }
}
