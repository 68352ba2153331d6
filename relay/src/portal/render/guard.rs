//! Looks at HTML token by token before anything builds a tree of it: trees of deep or crowded documents take quadratic
//! time (portal.md, section 4.2).

use std::cell::{Cell, RefCell};

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Open elements inside one another; browsers cap at 512.
const DEPTH_MAX: usize = 256;
const ELEMENTS_MAX: usize = 50_000;
const ATTRIBUTES_MAX: usize = 64;
const ATTRIBUTES_SIZE_MAX: usize = 16 * 1024;
/// Octets without a token in them: one tag or comment. The tokenizer compares each attribute's name with all before it.
const TOKEN_MAX: usize = 48 * 1024;
/// Octets that are fed at once.
const STEP: usize = 4 * 1024;

/// Elements that the next of their kind, or their parent's end, closes without an end tag: they do not nest by
/// themselves.
const END_IMPLIED: [&str; 12] =
    ["p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody", "tfoot", "optgroup"];
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements whose end tag closes only themselves and leaves open what was opened inside (HTML, "adoption agency").
const FORMATTING: [&str; 14] = [
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
];

/// The document is too deep or too crowded to be shown formatted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooComplex;

pub(super) fn check(html: &str) -> Result<(), TooComplex> {
    let tokenizer = Tokenizer::new(Counter::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut silent = 0;
    let mut rest = html;
    while !rest.is_empty() {
        let (step, later) = rest.split_at(rest.floor_char_boundary(STEP.min(rest.len())));
        rest = later;
        let before = tokenizer.sink.tokens.get();
        input.push_back(StrTendril::from_slice(step));
        let _ = tokenizer.feed(&input);
        silent = if tokenizer.sink.tokens.get() == before { silent + step.len() } else { 0 };
        if tokenizer.sink.breached.get() || silent > TOKEN_MAX {
            return Err(TooComplex);
        }
    }
    tokenizer.end();
    if tokenizer.sink.breached.get() { Err(TooComplex) } else { Ok(()) }
}

/// Counts what a tree would be made of.
#[derive(Default)]
struct Counter {
    open: RefCell<Vec<String>>,
    elements: Cell<usize>,
    tokens: Cell<usize>,
    breached: Cell<bool>,
}

impl TokenSink for Counter {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            // Errors come inside a tag too: they are no progress.
            Token::ParseError(_) => return TokenSinkResult::Continue,
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.start(&tag),
            Token::TagToken(tag) => self.end(&tag.name),
            _ => {}
        }
        self.tokens.set(self.tokens.get() + 1);
        TokenSinkResult::Continue
    }
}

impl Counter {
    fn start(&self, tag: &Tag) {
        self.elements.set(self.elements.get() + 1);
        let size: usize = tag
            .attrs
            .iter()
            .filter(|attribute| !attribute.value.starts_with("data:"))
            .map(|attribute| attribute.name.local.len() + attribute.value.len())
            .sum();
        let name = &*tag.name;
        let mut open = self.open.borrow_mut();
        if !VOID.contains(&name) && !END_IMPLIED.contains(&name) {
            open.push(name.to_owned());
        }
        let breach = open.len() > DEPTH_MAX
            || self.elements.get() > ELEMENTS_MAX
            || tag.attrs.len() > ATTRIBUTES_MAX
            || size > ATTRIBUTES_SIZE_MAX;
        self.breached.set(self.breached.get() || breach);
    }

    fn end(&self, name: &str) {
        let mut open = self.open.borrow_mut();
        let Some(at) = open.iter().rposition(|candidate| candidate == name) else { return };
        if FORMATTING.contains(&name) {
            open.remove(at);
        } else {
            open.truncate(at);
        }
    }
}

/// The text of HTML that is not worth a tokenizer's risk: what stands outside of tags, scripts and styles.
pub(super) fn bare_text(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let starts = |name: &str| {
            tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let end = match () {
            () if starts("!--") => "-->",
            () if starts("script") => "</script",
            () if starts("style") => "</style",
            () => ">",
        };
        if ["br", "p", "/p", "div", "/div", "tr", "/tr", "li"].iter().any(|name| starts(name)) {
            text.push('\n');
        }
        rest = find_ignoring_case(tag, end)
            .and_then(|at| tag.get(at + end.len()..))
            .unwrap_or_default();
        if end.starts_with("</") {
            rest = rest.split_once('>').map_or("", |(_, behind)| behind);
        }
    }
    text.push_str(rest);
    for (entity, character) in
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
    {
        text = text.replace(entity, character);
    }
    text.trim().to_owned()
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes()
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_all(html: &str, fine: bool) {
        let start = html.chars().take(60).collect::<String>();
        assert_eq!(check(html).is_ok(), fine, "{start}…");
    }

    #[test]
    fn ordinary_mail_passes() {
        check_all(&"<p>text<br><li>item<td>cell".repeat(5000), true);
        check_all(&"<table><tr><td><b>x</b></td></tr></table>".repeat(5000), true);
        check_all(&format!("<img src='data:image/png;base64,{}'>", "A".repeat(30_000)), true);
    }

    #[test]
    fn depth_is_counted_as_a_browser_counts_it() {
        check_all(&"<div>".repeat(257), false);
        check_all(&"<div></b>".repeat(257), false);
        check_all(&"<b><div></b>".repeat(257), false);
        check_all(&"<li><ul>".repeat(257), false);
    }

    #[test]
    fn crowds_are_refused() {
        check_all(&"<i></i>".repeat(50_001), false);
        let crowd = (0..65).map(|n| format!(" a{n}=1")).collect::<Vec<_>>().concat();
        check_all(&format!("<p{crowd}>"), false);
        let endless = (0..200_000).map(|n| format!("/a{n}")).collect::<Vec<_>>().concat();
        check_all(&format!("<p{endless}>"), false);
    }

    #[test]
    fn bare_text_leaves_out_what_is_not_for_readers() {
        let html = "<style>p{}</style><p>one &lt;two&gt;<!-- > x --><script>alert('<p>')</script ><br>three";
        assert_eq!(bare_text(html), "one <two>\nthree");
    }
}
