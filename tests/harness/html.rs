//! Just enough HTML to use the portal as a browser does: its forms, links and frames. The pages are ours, so a scanner
//! of tags is all that this takes; whether they are good HTML is asked of a real browser ([`crate::browser`]).

/// One start tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    attributes: Vec<(String, String)>,
}

/// A form with the fields that a browser would send untouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub action: String,
    pub post: bool,
    /// Names and values, visible fields and the first button included.
    pub fields: Vec<(String, String)>,
    /// The name of the field that a code is typed into.
    pub code_field: Option<String>,
}

impl Tag {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Form {
    /// The same form with something typed into a field.
    #[must_use]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(found, _)| found != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Every start tag of a page, in order; end tags come as `/name`.
pub fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, behind)| behind);
            continue;
        }
        let (tag, behind) = one_tag(after);
        tags.extend(tag);
        rest = behind;
    }
    tags
}

/// The forms of a page.
pub fn forms(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    for tag in tags(html) {
        match tag.name.as_str() {
            "form" => {
                forms.push(form(&tag));
                open = true;
            }
            "/form" => open = false,
            "input" | "button" | "textarea" | "select" if open => {
                if let Some(form) = forms.last_mut() {
                    add_field(form, &tag);
                }
            }
            _ => {}
        }
    }
    forms
}

/// What the attribute `attribute` of all tags `name` says.
pub fn values(html: &str, name: &str, attribute: &str) -> Vec<String> {
    let found = tags(html).into_iter().filter(|tag| tag.name == name);
    found.filter_map(|tag| tag.attribute(attribute).map(str::to_owned)).collect()
}

/// What a reader sees, without any layout.
pub fn text(html: &str) -> String {
    mail_parser::decoders::html::html_to_text(html)
}

fn form(tag: &Tag) -> Form {
    Form {
        action: tag.attribute("action").unwrap_or_default().to_owned(),
        post: tag.attribute("method").is_some_and(|method| method.eq_ignore_ascii_case("post")),
        fields: Vec::new(),
        code_field: None,
    }
}

fn add_field(form: &mut Form, tag: &Tag) {
    let Some(name) = tag.attribute("name") else { return };
    if tag.attribute("autocomplete") == Some("one-time-code") || name == "code" {
        form.code_field = Some(name.to_owned());
    }
    form.fields.push((name.to_owned(), tag.attribute("value").unwrap_or_default().to_owned()));
}

/// Reads the tag that starts behind a `<`, and gives back what follows it.
fn one_tag(text: &str) -> (Option<Tag>, &str) {
    let end = text.find(|char: char| char.is_whitespace() || char == '>').unwrap_or(text.len());
    let (name, mut rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '/');
        if let Some(behind) = rest.strip_prefix('>') {
            return (Some(Tag { name: name.to_ascii_lowercase(), attributes }), behind);
        }
        let Some((attribute, behind)) = one_attribute(rest) else { return (None, "") };
        attributes.push(attribute);
        rest = behind;
    }
}

fn one_attribute(text: &str) -> Option<((String, String), &str)> {
    let end = text.find(|char: char| char.is_whitespace() || matches!(char, '=' | '>'))?;
    let (name, rest) = text.split_at_checked(end)?;
    let name = name.to_ascii_lowercase();
    let Some(value) = rest.strip_prefix('=') else { return Some(((name, String::new()), rest)) };
    let quote = value.chars().next().filter(|char| matches!(char, '"' | '\''));
    let (value, rest) = match quote {
        Some(quote) => value.strip_prefix(quote)?.split_once(quote)?,
        None => {
            value.split_at_checked(value.find(|char: char| char.is_whitespace() || char == '>')?)?
        }
    };
    Some(((name, unescaped(value)), rest))
}

fn unescaped(value: &str) -> String {
    let pairs = [
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x2f;", "/"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ];
    let text =
        pairs.iter().fold(value.to_owned(), |text, (entity, char)| text.replace(entity, char));
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_come_with_what_a_browser_would_send() {
        let html = "<!-- <form action=no> --><form action='/m/a&amp;b' method=post novalidate>\
            <input type=\"hidden\" name=\"a\" value='x &quot;y&quot;'/><input name=code autocomplete=\"one-time-code\">\
            <button>Go</button></form><input name=outside><form action=\"/other\"></form>";
        let want = Form {
            action: "/m/a&b".to_owned(),
            post: true,
            fields: vec![
                ("a".to_owned(), "x \"y\"".to_owned()),
                ("code".to_owned(), String::new()),
            ],
            code_field: Some("code".to_owned()),
        };
        let found = forms(html);
        assert_eq!(found.first(), Some(&want));
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].clone().fill("code", "1").fields[1],
            ("code".to_owned(), "1".to_owned())
        );
    }
}
