//! Words and phrases, found the way Exchange's "Words" rules find them: whole, in any case, between white space,
//! punctuation or the ends.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word or phrase to look for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words {
    written: String,
    folded: String,
}

/// Why a text is not something to look for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an empty word would be found everywhere: write the word or phrase to look for")]
pub struct WordsError;

/// A text made ready to be searched: compatibility forms, case and runs of white space are evened out.
#[derive(Clone, Debug)]
pub struct Folded(String);

impl Words {
    /// As the rule has it.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether a text is these words and nothing else. White space does not count: where a mail server broke the line, there
    /// is some inside a word.
    pub(super) fn is_whole(&self, text: &Folded) -> bool {
        let solid = |text: &str| text.replace(' ', "");
        solid(&text.0) == solid(&self.folded)
    }

    pub fn is_in(&self, text: &Folded) -> bool {
        // Not `match_indices`: it goes on behind a match, and would step over one that overlaps a refused one.
        text.0.char_indices().any(|(at, _)| {
            let (before, rest) = text.0.split_at(at);
            rest.strip_prefix(&self.folded).is_some_and(|after| {
                !runs_on(before.chars().next_back(), self.folded.chars().next())
                    && !runs_on(self.folded.chars().next_back(), after.chars().next())
            })
        })
    }
}

/// Characters of a text beyond twice those of a word within which it is found: a ligature is one for three, and what nobody
/// sees may stand between.
const SLACK: usize = 16;

impl Words {
    /// Where in a text they stand first, as it is written there.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        let first = self.folded.nfkd().next();
        let window = 2 * self.folded.chars().count() + SLACK;
        let starts = text.char_indices().filter(|(_, c)| {
            caseless::default_case_fold_str(c.encode_utf8(&mut [0; 4])).nfkd().next() == first
        });
        starts.into_iter().find_map(|(start, _)| {
            let (before, rest) = text.split_at_checked(start)?;
            let ends = rest.char_indices().take(window).map(|(at, c)| at + c.len_utf8());
            // The longest: a word ends behind the marks on its last letter.
            let end = ends.filter(|end| self.stands_as(before, rest, *end)).last()?;
            Some(start..start + end)
        })
    }

    /// Whether the first `end` octets of `rest` are these words, and no part of longer ones.
    fn stands_as(&self, before: &str, rest: &str, end: usize) -> bool {
        rest.split_at_checked(end).is_some_and(|(found, after)| {
            Folded::new(found).0 == self.folded
                && !runs_on(seen(before).next_back(), self.folded.chars().next())
                && !runs_on(self.folded.chars().next_back(), seen(after).next())
        })
    }
}

fn seen(text: &str) -> impl DoubleEndedIterator<Item = char> {
    text.chars().filter(|c| !is_invisible(*c))
}

impl Folded {
    /// NFKC and full case folding (Unicode, section 3.13, D147), less the marks that NFKC leaves in although nobody sees them.
    pub fn new(text: &str) -> Self {
        let compatible: String = text.chars().filter(|c| !is_invisible(*c)).nfkc().collect();
        let folded: String = caseless::default_case_fold_str(&compatible).nfkc().collect();
        Self(folded.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Whether a word goes on from one character to the next.
fn runs_on(left: Option<char>, right: Option<char>) -> bool {
    left.is_some_and(is_of_a_word) && right.is_some_and(is_of_a_word)
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Soft hyphen, joiners, directional marks: a trigger word with one inside looks like the trigger word to everybody.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

impl TryFrom<String> for Words {
    type Error = WordsError;

    fn try_from(written: String) -> Result<Self, WordsError> {
        let folded = Folded::new(&written).0;
        if folded.is_empty() { Err(WordsError) } else { Ok(Self { written, folded }) }
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, text: &str, want: bool) {
        let words = Words::try_from(words.to_owned()).unwrap();
        assert_eq!(words.is_in(&Folded::new(text)), want, "{words:?} in {text:?}");
        assert_eq!(words.find(text).is_some(), want, "{words:?} not found where it is: {text:?}");
    }

    #[test]
    fn a_word_is_found_between_spaces_punctuation_and_the_ends() {
        for text in [
            "secure",
            "Secure: offer",
            "[SECURE] offer",
            "offer (secure)",
            "re:secure",
            "an_secure-offer",
            "ok secure",
        ] {
            check("secure", text, true);
        }
    }

    #[test]
    fn part_of_a_word_is_not_the_word() {
        for text in ["insecure", "securely", "secure2", "sécure", "secure\u{301}", ""] {
            check("secure", text, false);
        }
        check("secure", "insecure but secure", true);
        check("ab ab", "xab ab ab", true);
    }

    #[test]
    fn case_width_and_ligatures_do_not_matter() {
        check("STRASSE", "straße", true);
        check("vertraulich", "ＶＥＲＴＲＡＵＬＩＣＨ", true);
        check("offiziell", "oﬃziell", true);
        check("ΜΥΣΤΙΚΟΣ", "μυστικος", true);
        check("café", "cafe\u{301}", true);
    }

    #[test]
    fn a_phrase_spans_any_white_space_and_nothing_else() {
        check("strictly private", "Re: strictly\t  private", true);
        check("strictly private", "strictly\u{a0}private", true);
        check("strictly private", "strictly, private", false);
    }

    #[test]
    fn punctuation_in_the_rule_is_literal_and_delimits_itself() {
        check("[secure]", "offer[Secure]now", true);
        check("[secure]", "secure", false);
        check("*", "anything", false);
    }

    #[test]
    fn invisible_characters_hide_no_word() {
        check("secure", "se\u{ad}cu\u{200b}re", true);
    }

    #[test]
    fn an_empty_word_is_no_word() {
        for text in ["", "  ", "\u{200b}"] {
            assert_eq!(Words::try_from(text.to_owned()), Err(WordsError));
        }
    }
}
