//! Inline styles: declarations of harmless properties, with values of harmless tokens, written anew from the tokens. That
//! keeps out `url()`, `image-set()`, `var()`, `attr()`, `if()`, escapes and comments in one rule (portal.md, section 4.2).

use cssparser::{Delimiter, ParseError, Parser, ToCss, Token};

/// More declarations than any mail program writes.
const DECLARATIONS_MAX: usize = 100;

const PROPERTIES: [&str; 20] = [
    "color",
    "background-color",
    "direction",
    "display",
    "float",
    "clear",
    "height",
    "width",
    "max-width",
    "min-width",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "list-style-position",
    "table-layout",
    "text-indent",
    "vertical-align",
    "white-space",
    "word-break",
    "overflow-wrap",
];
/// Every property that starts so.
const FAMILIES: [&str; 6] =
    ["font", "text-align", "text-decoration", "margin", "padding", "border"];
/// Of those families, what can refer to something outside.
const NOT_OF_THEM: [&str; 1] = ["border-image"];

const FUNCTIONS: [&str; 4] = ["rgb", "rgba", "hsl", "hsla"];

/// The harmless declarations of a `style` attribute; empty when there are none.
pub(super) fn clean(style: &str) -> String {
    let mut parser = Parser::new(style);
    let mut kept = String::new();
    for _ in 0..DECLARATIONS_MAX {
        if parser.is_exhausted() {
            break;
        }
        if let Ok(declaration) = parser.parse_until_after(Delimiter::Semicolon, declaration) {
            kept.push_str(&declaration);
            kept.push(';');
        }
    }
    kept
}

fn declaration(parser: &mut Parser<'_>) -> Result<String, ParseError<()>> {
    let property = parser.expect_ident_cloned()?.to_ascii_lowercase();
    parser.expect_colon()?;
    if !is_allowed(&property) {
        return Err(ParseError::custom(()));
    }
    let mut value = String::new();
    values(parser, property.starts_with("font"), &mut value)?;
    Ok(format!("{property}:{}", value.trim()))
}

fn is_allowed(property: &str) -> bool {
    let of_family = FAMILIES.iter().any(|family| property.starts_with(family));
    let excepted = NOT_OF_THEM.iter().any(|family| property.starts_with(family));
    PROPERTIES.contains(&property) || (of_family && !excepted)
}

/// Writes the tokens of a value anew; any token that is not harmless ends the declaration.
fn values(
    parser: &mut Parser<'_>,
    may_quote: bool,
    out: &mut String,
) -> Result<(), ParseError<()>> {
    while let Ok(token) = parser.next_including_whitespace().cloned() {
        match &token {
            Token::WhiteSpace(_) => out.push(' '),
            Token::Ident(name) if is_plain(name) => out.push_str(name),
            Token::Number { .. }
            | Token::Percentage { .. }
            | Token::Dimension { .. }
            | Token::Hash(_)
            | Token::IDHash(_)
            | Token::Comma
            | Token::Delim('/' | '!' | '+' | '-') => out.push_str(&token.to_css_string()),
            Token::QuotedString(text) if may_quote && is_plain(text) => {
                out.extend(["'", text, "'"]);
            }
            Token::Function(name)
                if FUNCTIONS.iter().any(|function| name.eq_ignore_ascii_case(function)) =>
            {
                out.push_str(name);
                out.push('(');
                parser.parse_nested_block(|inner| values(inner, false, out))?;
                out.push(')');
            }
            _ => return Err(ParseError::custom(())),
        }
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(style: &str, kept: &str) {
        assert_eq!(clean(style), kept, "{style}");
    }

    #[test]
    fn what_mail_programs_write_stays() {
        check(
            "color:#1F497D; font-family:\"Segoe UI\",sans-serif",
            "color:#1F497D;font-family:'Segoe UI',sans-serif;",
        );
        check("margin: 0 0 1.5em -4px !important", "margin:0 0 1.5em -4px !important;");
        check(
            "border:solid rgb(1, 2, 3) 1.0pt;background-color:hsla(1,2%,3%,.5)",
            "border:solid rgb(1, 2, 3) 1.0pt;background-color:hsla(1,2%,3%,0.5);",
        );
    }

    #[test]
    fn what_can_load_or_cover_goes() {
        check("background:url(http://x.test)", "");
        check("background-color:\\75 rl(http://x.test)", "");
        check("width:attr(x);width:var(--a);--a:1;width:calc(1px)", "");
        check("position:fixed;top:0;z-index:9;color:red", "color:red;");
        check("border-image:url(x) 1;border-image-source:image-set('x' 1x)", "");
        check("font-family:'a\\';}x{'", "");
        check("color:red}body{color:blue", "");
        check("list-style-type:'x'", "");
    }
}
