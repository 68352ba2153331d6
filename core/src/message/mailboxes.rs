//! Address lists (RFC 5322, section 3.4): To, Cc, From.
//!
//! One pass over the characters, without recursion: comments nest by a counter, so however deep they go, time is
//! linear and the stack stays flat. What is not plainly an address comes out as [`Element::Unreadable`]; nothing is
//! guessed, because a guess could show one recipient to another.

use std::str::Chars;

use super::Mailbox;
use crate::text::{decode_words, one_line};

/// What stands between two commas.
pub(super) enum Element {
    Mailbox(Mailbox),
    /// The name of a group; its members follow as elements of their own.
    Group,
    Unreadable,
}

/// The elements of an unfolded address list. A semicolon separates as a comma does: it ends a group, and some
/// programs write it between addresses.
pub(super) struct Mailboxes<'a>(Chars<'a>);

impl<'a> Mailboxes<'a> {
    pub(super) fn of(list: &'a str) -> Self {
        Self(list.chars())
    }
}

impl Iterator for Mailboxes<'_> {
    type Item = Element;

    fn next(&mut self) -> Option<Element> {
        loop {
            let mut entry = Entry::default();
            match entry.read(&mut self.0) {
                Some(':') => return Some(Element::Group),
                end if entry.is_blank() => end?,
                _ => return Some(entry.settle()),
            };
        }
    }
}

/// One element while it is read.
#[derive(Default)]
struct Entry {
    /// As it stands, less its comments: an address if there is no angle bracket.
    bare: String,
    /// The same with quotes and escapes undone: the name before an angle bracket.
    phrase: String,
    angle: Option<String>,
    /// The last comment, where old programs put the name.
    comment: String,
    has_at: bool,
    broken: bool,
}

impl Entry {
    /// Reads up to the end of the element and says what ended it.
    fn read(&mut self, chars: &mut Chars<'_>) -> Option<char> {
        while let Some(c) = chars.next() {
            match c {
                ',' | ';' => return Some(c),
                // Behind an @ it is part of an IPv6 literal, or junk, but never the end of a group's name.
                ':' if self.angle.is_none() && !self.has_at => return Some(c),
                '(' => self.read_comment(chars),
                '"' => self.read_quoted(chars),
                '<' => self.read_angle(chars),
                '>' | ')' => self.broken = true,
                _ => self.push(c),
            }
        }
        None
    }

    fn push(&mut self, c: char) {
        self.has_at |= c == '@';
        self.broken |= self.angle.is_some() && !c.is_ascii_whitespace();
        self.bare.push(c);
        self.phrase.push(c);
    }

    fn read_quoted(&mut self, chars: &mut Chars<'_>) {
        self.broken |= self.angle.is_some();
        self.bare.push('"');
        while let Some(c) = chars.next() {
            self.bare.push(c);
            match c {
                '"' => return,
                '\\' => {
                    let escaped = chars.next();
                    self.bare.extend(escaped);
                    self.phrase.extend(escaped);
                }
                _ => self.phrase.push(c),
            }
        }
        self.broken = true;
    }

    fn read_comment(&mut self, chars: &mut Chars<'_>) {
        self.comment.clear();
        let mut depth = 1_usize;
        while let Some(c) = chars.next() {
            match c {
                '\\' => self.comment.extend(chars.next()),
                ')' if depth == 1 => return,
                _ => {
                    depth = match c {
                        '(' => depth + 1,
                        ')' => depth - 1,
                        _ => depth,
                    };
                    self.comment.push(c);
                }
            }
        }
        self.broken = true;
    }

    fn read_angle(&mut self, chars: &mut Chars<'_>) {
        self.broken |= self.angle.is_some();
        let mut content = String::new();
        let mut quoted = false;
        while let Some(c) = chars.next() {
            match c {
                '>' if !quoted => {
                    self.angle = Some(content);
                    return;
                }
                '"' => quoted = !quoted,
                _ => {}
            }
            content.push(c);
            if c == '\\' {
                content.extend(chars.next());
            }
        }
        self.broken = true;
    }

    /// Whether nothing but white space and comments was read.
    fn is_blank(&self) -> bool {
        self.angle.is_none() && !self.broken && self.bare.trim_ascii().is_empty()
    }

    fn settle(self) -> Element {
        let (address, phrase) = match &self.angle {
            Some(angle) => (angle, self.phrase.trim_ascii()),
            None => (&self.bare, ""),
        };
        let name = one_line(&decode_words(if phrase.is_empty() { &self.comment } else { phrase }));
        match address.trim_ascii().parse() {
            Ok(address) if !self.broken => {
                Element::Mailbox(Mailbox { name: Some(name).filter(|n| !n.is_empty()), address })
            }
            _ => Element::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements as text: `name|address`, `group` or `?`.
    fn read(list: &str) -> Vec<String> {
        Mailboxes::of(list)
            .map(|element| match element {
                Element::Mailbox(Mailbox { name, address }) => {
                    format!("{}|{address}", name.unwrap_or_default())
                }
                Element::Group => "group".to_owned(),
                Element::Unreadable => "?".to_owned(),
            })
            .collect()
    }

    #[track_caller]
    fn check(list: &str, expected: &[&str]) {
        assert_eq!(read(list), expected, "{list:?}");
    }

    #[test]
    fn mailboxes_are_read_with_their_names() {
        check("", &[]);
        check(" , ,(x), ", &[]);
        check("a@x.nl,b@x.nl", &["|a@x.nl", "|b@x.nl"]);
        check("Jan de Vries <a@x.nl>", &["Jan de Vries|a@x.nl"]);
        check(
            "\"Vries, Jan \\\"J\\\" de\" < a@x.nl >, b@x.nl",
            &["Vries, Jan \"J\" de|a@x.nl", "|b@x.nl"],
        );
        check("a@x.nl (Jan (de) Vries\\))", &["Jan (de) Vries)|a@x.nl"]);
        check("(c1) a@x.nl(c2, b@x.nl)", &["c2, b@x.nl|a@x.nl"]);
        check("=?utf-8?Q?Vries=2C_Jan?= <a@x.nl>", &["Vries, Jan|a@x.nl"]);
        check("\"=?utf-8?Q?Jan=0D=0ABcc:_x?=\" <a@x.nl>", &["Jan Bcc: x|a@x.nl"]);
        check("\"jan jansen\"@x.nl", &["|\"jan jansen\"@x.nl"]);
        check("<\"a>b,c\"@x.nl>", &["|\"a>b,c\"@x.nl"]);
        check("b@x.nl <a@x.nl>", &["b@x.nl|a@x.nl"]);
        check("J. O'Brien <a@x.nl>; b@x.nl;", &["J. O'Brien|a@x.nl", "|b@x.nl"]);
    }

    #[test]
    fn members_of_groups_are_elements() {
        check("Team: a@x.nl, B <b@x.nl>; c@x.nl", &["group", "|a@x.nl", "B|b@x.nl", "|c@x.nl"]);
        check("undisclosed-recipients:;", &["group"]);
        check("\"a@b\": c@x.nl;", &["group", "|c@x.nl"]);
    }

    #[test]
    fn nothing_is_guessed() {
        check("<a@x.nl> <b@x.nl>", &["?"]);
        check("<a@x.nl> b", &["?"]);
        check("<a@x.nl> \"b\"", &["?"]);
        check("a@x.nl b@x.nl", &["?"]);
        check("<a@x.nl", &["?"]);
        check("\"a@x.nl", &["?"]);
        check("a@x.nl (b", &["?"]);
        check("a@x.nl), b@x.nl", &["?", "|b@x.nl"]);
        check("a@[192.0.2.1], a@[IPv6:2001:db8::1], b@x.nl", &["?", "?", "|b@x.nl"]);
        check("<>", &["?"]);
        check("<@a.nl,@b.nl:c@x.nl>", &["?"]);
        check("a@x.nl\\", &["?"]);
        check("Vries, Jan <a@x.nl>", &["?", "Jan|a@x.nl"]);
    }

    #[test]
    fn a_megabyte_of_anything_takes_no_quadratic_time_and_no_stack() {
        for piece in [
            "(", ")", "<", ">", "\"", "\\", ",", ":", ";", "@", "a:", "a@", "a,", "(\"", "<\"",
            "a@x.nl:", "=?",
        ] {
            let elements = Mailboxes::of(&piece.repeat(1024 * 1024 / piece.len())).count();
            assert!(elements <= 1024 * 1024, "{piece:?}");
        }
    }

    #[test]
    fn every_short_list_of_syntax_characters_is_read_to_its_end() {
        const SYNTAX: [char; 11] = ['a', '@', '.', ',', ';', ':', '<', '>', '"', '(', '\\'];
        for code in 0..SYNTAX.len().pow(5) {
            let list: String =
                (0..5).map(|place| SYNTAX[code / SYNTAX.len().pow(place) % SYNTAX.len()]).collect();
            // No address fits in five characters of these but `a@a.a`.
            let found = read(&list).iter().filter(|element| element.contains('|')).count();
            assert_eq!(found, usize::from(list == "a@a.a"), "{list:?}");
        }
    }
}
