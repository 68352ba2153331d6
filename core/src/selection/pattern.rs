//! Texts that a rule looks for, and the ways in which a text can be read.

use std::fmt;
use std::ops::Range;

use regex::RegexBuilder;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::words::{Folded, Words, is_invisible};
use crate::text::{decode_words, one_line, unfold};

/// What to look for in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    Words(Words),
    Regex(Expression),
}

/// A regular expression, in the syntax of the `regex` crate: it takes linear time on any text. Case counts, unless it begins
/// with `(?i)`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression(regex::Regex);

/// Why a text is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    #[error(
        "an expression that matches the empty text is found everywhere: write what to look for"
    )]
    Empty,
    #[error("not a regular expression: {0}")]
    Syntax(String),
}

/// Octets of a compiled expression: a thousand times what a trigger word takes, and small enough for hundreds of rules.
const EXPRESSION_MAX: usize = 1024 * 1024;

/// Octets that each thread may keep of an expression while it searches; with less it searches more slowly, and as well.
const CACHE_MAX: usize = 256 * 1024;

/// One value in all the readings that mail programs make of it: with its encoded-words decoded, and as it stands.
#[derive(Clone, Debug)]
pub(super) struct Text(Vec<Reading>);

#[derive(Clone, Debug)]
struct Reading {
    /// On one line.
    plain: String,
    /// Besides, without what nobody sees, and with compatibility forms evened out.
    even: String,
    folded: Folded,
}

impl Pattern {
    /// As the rule has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Words(words) => words.as_str(),
            Self::Regex(expression) => expression.0.as_str(),
        }
    }

    pub(super) fn is_in(&self, text: &Text) -> bool {
        text.0.iter().any(|reading| match self {
            Self::Words(words) => words.is_in(&reading.folded),
            Self::Regex(expression) => {
                expression.0.is_match(&reading.plain) || expression.0.is_match(&reading.even)
            }
        })
    }

    /// Where in a text it stands first.
    pub(super) fn find(&self, text: &str) -> Option<Range<usize>> {
        match self {
            Self::Words(words) => words.find(text),
            Self::Regex(expression) => expression.0.find(text).map(|found| found.range()),
        }
    }
}

impl Text {
    /// Reads a header's value.
    pub(super) fn of_header(value: &[u8]) -> Self {
        let raw = unfold(value);
        let decoded = decode_words(&raw);
        let mut readings = vec![Reading::new(&decoded)];
        if decoded != raw {
            readings.push(Reading::new(&raw));
        }
        Self(readings)
    }

    /// Whether something in it is encoded in a way that is not known here, and may well be known to a mail program.
    pub(super) fn is_undecoded(&self) -> bool {
        self.0.first().is_some_and(|reading| has_encoded_word(&reading.plain))
    }

    /// Takes a text as it is.
    pub(super) fn plain(text: &str) -> Self {
        Self(vec![Reading::new(text)])
    }
}

/// `=?charset?B?…?=`, or with `Q`.
fn has_encoded_word(text: &str) -> bool {
    text.split("=?").skip(1).any(|rest| {
        let mut pieces = rest.split('?');
        let charset = pieces.next().is_some_and(|piece| !piece.is_empty());
        let encoding = pieces.next().is_some_and(|piece| matches!(piece, "B" | "b" | "Q" | "q"));
        let end = pieces.nth(1).is_some_and(|piece| piece.starts_with('='));
        charset && encoding && end
    })
}

impl Reading {
    fn new(text: &str) -> Self {
        let even: String = text.chars().filter(|c| !is_invisible(*c)).nfkc().collect();
        Self { plain: one_line(text), even: one_line(&even), folded: Folded::new(text) }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Expression {}

impl TryFrom<String> for Expression {
    type Error = ExpressionError;

    fn try_from(text: String) -> Result<Self, ExpressionError> {
        let expression = RegexBuilder::new(&text)
            .size_limit(EXPRESSION_MAX)
            .dfa_size_limit(CACHE_MAX)
            .build()
            .map_err(|error| ExpressionError::Syntax(error.to_string()))?;
        if expression.is_match("") { Err(ExpressionError::Empty) } else { Ok(Self(expression)) }
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.0.as_str().to_owned()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => write!(f, "{:?}", words.as_str()),
            Self::Regex(expression) => write!(f, "/{}/", expression.0.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Result<Expression, ExpressionError> {
        Expression::try_from(text.to_owned())
    }

    #[track_caller]
    fn check(pattern: &str, value: &str, want: bool) {
        let pattern = Pattern::Regex(expression(pattern).unwrap());
        assert_eq!(
            pattern.is_in(&Text::of_header(value.as_bytes())),
            want,
            "{pattern} in {value:?}"
        );
    }

    #[test]
    fn an_expression_sees_the_decoded_unfolded_value_from_end_to_end() {
        check("^secure:", " secure: offer", true);
        check("^secure:", "re: secure: offer", false);
        check(r"case \d{6}$", "case\r\n 123456 ", true);
        check("^caf\u{e9}$", "=?utf-8?Q?caf=C3=A9?=", true);
    }

    #[test]
    fn case_counts_unless_the_expression_says_otherwise() {
        check("secure", "Secure", false);
        check("(?i)secure", "SeCuRe", true);
    }

    #[test]
    fn what_nobody_sees_hides_nothing_from_an_expression() {
        check("secure", "se\u{ad}cu\u{200b}re", true);
        check("secure", "ｓｅｃｕｒｅ", true);
    }

    #[test]
    fn a_program_that_does_not_decode_is_thought_of_too() {
        check(r"utf-8\?Q\?secure", "=?utf-8?Q?secure?=", true);
    }

    #[test]
    fn what_would_match_everything_or_take_too_much_is_refused() {
        for text in ["", "a*", "(secure)?", "^"] {
            assert_eq!(expression(text), Err(ExpressionError::Empty), "{text:?}");
        }
        for text in ["(", "(?=a)a", r"(a)\1", &format!("(?:{}){{500}}", r"\w{50}")] {
            assert!(matches!(expression(text), Err(ExpressionError::Syntax(_))), "{text:?}");
        }
    }

    #[test]
    fn a_megabyte_takes_no_quadratic_time() {
        check("(?:a+)+b", &"a".repeat(1024 * 1024), false);
    }
}
