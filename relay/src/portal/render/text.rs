//! Plain text as HTML: escaped first, then given links, quotes and line ends. No pattern ever runs over HTML.

use std::fmt::Write as _;

/// Quotes inside quotes that are shown as such; deeper ones stay at this level.
const QUOTE_MAX: usize = 8;

/// Makes a fragment of HTML. Line ends stay as they are: the frame shows white space as it stands.
pub(super) fn to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let mut level = 0;
    for line in text.trim_end().lines() {
        let (depth, content) = unquote(line);
        while level < depth {
            html.push_str("<blockquote>");
            level += 1;
        }
        while level > depth {
            html.push_str("</blockquote>");
            level -= 1;
        }
        push_line(content, &mut html);
        html.push('\n');
    }
    if html.ends_with('\n') {
        html.pop();
    }
    for _ in 0..level {
        html.push_str("</blockquote>");
    }
    html
}

/// How many `>` stand before a line, and the line without them.
fn unquote(line: &str) -> (usize, &str) {
    let mut depth = 0;
    let mut rest = line;
    while let Some(inner) = rest.strip_prefix('>').filter(|_| depth < QUOTE_MAX) {
        depth += 1;
        rest = inner.strip_prefix(' ').unwrap_or(inner);
    }
    (depth, rest)
}

fn push_line(line: &str, html: &mut String) {
    for word in line.split_inclusive([' ', '\t']) {
        let bare = word.trim_end_matches([' ', '\t']);
        match link(bare) {
            Some((before, url, behind)) => {
                escape(before, html);
                html.push_str("<a href=\"");
                escape(url, html);
                html.push_str("\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">");
                escape(url, html);
                html.push_str("</a>");
                escape(behind, html);
                escape(word.get(bare.len()..).unwrap_or_default(), html);
            }
            None => escape(word, html),
        }
    }
}

/// A web address inside a word: what stands before it, itself, and the punctuation behind it.
fn link(word: &str) -> Option<(&str, &str, &str)> {
    let start = ["https://", "http://"].iter().find_map(|scheme| word.find(scheme))?;
    let (before, rest) = word.split_at(start);
    let end = rest
        .find(|c: char| matches!(c, '<' | '>' | '"' | '\'') || c.is_control())
        .unwrap_or(rest.len());
    let url = rest.get(..end)?.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']);
    let host = url.split_once("://").map_or("", |(_, host)| host);
    let behind = rest.get(url.len()..)?;
    (!host.is_empty()).then_some((before, url, behind))
}

fn escape(text: &str, html: &mut String) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\t' => html.push(c),
            c if is_deceptive(c) => push_name(c, html),
            c if c.is_control() => html.push('\u{fffd}'),
            c => html.push(c),
        }
    }
}

/// Characters that turn the direction of what follows: shown by their number instead of obeyed.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_name(c: char, html: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(html, "[U+{:04X}]", u32::from(c));
}

/// One line of a header for reading: deceptive characters by their number, and cut to `characters_max`.
pub(super) fn visible(text: &str, characters_max: usize) -> String {
    let mut line = String::new();
    for c in text.chars().take(characters_max) {
        match c {
            c if is_deceptive(c) => push_name(c, &mut line),
            c if c.is_control() => line.push(' '),
            c => line.push(c),
        }
    }
    if text.chars().nth(characters_max).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, html: &str) {
        assert_eq!(to_html(text), html, "{text:?}");
    }

    #[test]
    fn markup_is_text() {
        check(
            "<script>alert('1')</script> & \"x\"",
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;",
        );
    }

    #[test]
    fn web_addresses_become_links_and_nothing_else_does() {
        const A: &str = "target=\"_blank\" rel=\"noopener noreferrer nofollow\"";
        check(
            "(see https://a.test/?x=1&y=2).",
            &format!(
                "(see <a href=\"https://a.test/?x=1&amp;y=2\" {A}>https://a.test/?x=1&amp;y=2</a>)."
            ),
        );
        check(
            "https://a.test/\"onmouseover=x",
            &format!("<a href=\"https://a.test/\" {A}>https://a.test/</a>&quot;onmouseover=x"),
        );
        check("javascript:alert(1) https://", "javascript:alert(1) https://");
    }

    #[test]
    fn quotes_are_nested() {
        check("a\n> b\n>> c\nd", "a\n<blockquote>b\n<blockquote>c\n</blockquote></blockquote>d");
        check(
            &"> ".repeat(5000),
            &format!(
                "{}{}{}",
                "<blockquote>".repeat(8),
                "&gt; ".repeat(4991).as_str().to_owned() + "&gt;",
                "</blockquote>".repeat(8)
            ),
        );
    }

    #[test]
    fn direction_tricks_are_shown() {
        check("a\u{202e}b", "a[U+202E]b");
    }
}
