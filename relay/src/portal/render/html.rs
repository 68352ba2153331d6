//! The sanitiser: an allowlist of elements, attributes and values; what is not on it goes (portal.md, section 4.2).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ammonia::{Builder, UrlRelative};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{names, style};

const ELEMENTS: [&str; 63] = [
    "a",
    "abbr",
    "address",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figure",
    "figcaption",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Elements that go with all that is in them.
const GONE_WITH_CONTENT: [&str; 20] = [
    "script", "style", "title", "template", "noscript", "noembed", "noframes", "iframe", "object",
    "embed", "applet", "svg", "math", "textarea", "select", "option", "xmp", "audio", "video",
    "canvas",
];

const ON_ALL: [&str; 5] = ["style", "dir", "lang", "title", "align"];

const ON_ONE: [(&str, &[&str]); 12] = [
    ("a", &["href"]),
    ("img", &["src", "alt", "width", "height", "border"]),
    ("td", &["colspan", "rowspan", "width", "height", "valign", "bgcolor", "nowrap", "scope"]),
    ("th", &["colspan", "rowspan", "width", "height", "valign", "bgcolor", "nowrap", "scope"]),
    ("table", &["width", "height", "border", "cellpadding", "cellspacing", "bgcolor"]),
    ("tr", &["valign", "bgcolor", "height"]),
    ("col", &["span", "width"]),
    ("ol", &["start", "type", "reversed"]),
    ("ul", &["type"]),
    ("li", &["value"]),
    ("font", &["color", "face", "size"]),
    ("time", &["datetime"]),
];

/// Where a link may lead. `cid` and `data` are for images only; the filter sees to that.
const SCHEMES: [&str; 6] = ["http", "https", "mailto", "tel", "cid", "data"];

/// Octets of one image that stands in the text itself.
const DATA_IMAGE_MAX: usize = 1024 * 1024;

/// Sanitised HTML, and what became of its images.
#[derive(Debug)]
pub(super) struct Clean {
    pub(super) html: String,
    /// Content-IDs of the images that are inside it now.
    pub(super) images_used: BTreeSet<String>,
    /// Images of the internet that were left out.
    pub(super) images_blocked: usize,
}

/// `images` maps Content-IDs to `data:` URLs.
pub(super) fn sanitise(source: &str, images: BTreeMap<String, String>) -> Clean {
    let found = Arc::new(Found::default());
    let html = builder(images, Arc::clone(&found)).clean(source).to_string();
    let images_used =
        found.used.lock().map(|mut used| std::mem::take(&mut *used)).unwrap_or_default();
    Clean { html, images_used, images_blocked: found.blocked.load(Ordering::Relaxed) }
}

/// What the filter came upon.
#[derive(Default)]
struct Found {
    used: Mutex<BTreeSet<String>>,
    blocked: AtomicUsize,
}

fn builder(images: BTreeMap<String, String>, found: Arc<Found>) -> Builder<'static> {
    let on_one: HashMap<_, HashSet<_>> = ON_ONE
        .iter()
        .map(|(element, attributes)| (*element, attributes.iter().copied().collect()))
        .collect();
    let mut builder = Builder::empty();
    builder
        .tags(ELEMENTS.into_iter().collect())
        .clean_content_tags(GONE_WITH_CONTENT.into_iter().collect())
        .generic_attributes(ON_ALL.into_iter().collect())
        .tag_attributes(on_one)
        .set_tag_attribute_value("a", "target", "_blank")
        .link_rel(Some("noopener noreferrer nofollow"))
        .url_schemes(SCHEMES.into_iter().collect())
        .url_relative(UrlRelative::Deny)
        .strip_comments(true)
        .attribute_filter(move |element, attribute, value| match (element, attribute) {
            (_, "style") => {
                Some(style::clean(value)).filter(|kept| !kept.is_empty()).map(Cow::Owned)
            }
            ("img", "src") => image_source(value, &images, &found),
            // Those that are set here and not by the author.
            ("a", "target" | "rel") => Some(Cow::Borrowed(value)),
            ("a", "href") => is_link(value).then_some(Cow::Borrowed(value)),
            (_, name) => is_plain(name, value).then_some(Cow::Borrowed(value)),
        });
    builder
}

/// The source that an image may have: one of the message's own, or the image itself.
fn image_source<'v>(
    source: &'v str,
    images: &BTreeMap<String, String>,
    found: &Found,
) -> Option<Cow<'v, str>> {
    let source = source.trim();
    if let Some(id) = strip_scheme(source, "cid:") {
        let url = images.get(id)?;
        if let Ok(mut used) = found.used.lock() {
            used.insert(id.to_owned());
        }
        return Some(Cow::Owned(url.clone()));
    }
    if strip_scheme(source, "data:").is_some() {
        return is_image_data(source).then_some(Cow::Borrowed(source));
    }
    found.blocked.fetch_add(1, Ordering::Relaxed);
    None
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    url.get(..scheme.len())
        .filter(|start| start.eq_ignore_ascii_case(scheme))
        .and_then(|_| url.get(scheme.len()..))
}

/// Whether a `data:` URL is the image that it says it is.
fn is_image_data(url: &str) -> bool {
    let Some((kind, encoded)) =
        strip_scheme(url, "data:").and_then(|rest| rest.split_once(";base64,"))
    else {
        return false;
    };
    if encoded.len() > DATA_IMAGE_MAX {
        return false;
    }
    STANDARD.decode(encoded).is_ok_and(|octets| names::image_type(&octets) == Some(kind))
}

fn is_link(url: &str) -> bool {
    ["http:", "https:", "mailto:", "tel:"]
        .iter()
        .any(|scheme| strip_scheme(url.trim(), scheme).is_some())
}

/// Values of attributes that are numbers, colours, names or words.
fn is_plain(attribute: &str, value: &str) -> bool {
    match attribute {
        "title" | "alt" => true,
        "face" => value
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | ',' | '-' | '_' | '\'' | '"')),
        _ => {
            value.len() <= 64
                && value.chars().all(|c| {
                    c.is_ascii_alphanumeric() || matches!(c, '#' | '%' | '.' | '-' | '+' | ':')
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(source: &str) -> String {
        sanitise(source, BTreeMap::new()).html
    }

    #[track_caller]
    fn check(source: &str, kept: &str) {
        assert_eq!(clean(source), kept, "{source}");
    }

    #[test]
    fn what_mail_is_made_of_stays() {
        check(
            "<p align=\"center\" style=\"color:red\">x</p>",
            "<p align=\"center\" style=\"color:red;\">x</p>",
        );
        check("<font face='Arial' onclick=x>y</font>", "<font face=\"Arial\">y</font>");
        check(
            "<a href='https://example.org/?a=1'>z</a>",
            "<a href=\"https://example.org/?a=1\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">z</a>",
        );
    }

    #[test]
    fn nothing_is_loaded_and_nothing_runs() {
        check("<img src=http://x.test/a.png>", "<img>");
        check("<img src='data:image/svg+xml;base64,PHN2Zz4='>", "<img>");
        for bad in ["javascript:alert(1)", "data:text/html,x", "//x.test/", "vbscript:x", "cid:a"] {
            assert!(!clean(&format!("<a href='{bad}'>x</a>")).contains("href"), "{bad}");
        }
        check("<svg><style><img src=x onerror=alert(1)></style></svg>", "<img>");
        check("<form action=x><input name=a><button>b</button></form>", "b");
        check("<p id=a class=b name=c>x</p><!--[if mso]>y<![endif]-->", "<p>x</p>");
    }

    /// Payloads that break out of mail programs' sanitisers, each with an id.
    #[derive(serde::Deserialize)]
    struct Vector {
        id: String,
        html: String,
    }

    #[test]
    fn no_known_payload_survives() {
        let vectors: Vec<Vector> =
            serde_json::from_str(include_str!("../../../vectors/email-html.json")).unwrap();
        assert!(vectors.len() >= 100);
        for Vector { id, html } in vectors {
            let clean = clean(&html).to_lowercase();
            let tags: Vec<&str> =
                clean.split('<').skip(1).filter_map(|tag| tag.split('>').next()).collect();
            for tag in tags {
                let names: String = tag.split('"').step_by(2).collect();
                for bad in [
                    "svg", "math", "script", "style ", "srcset", "meta", "base", "form", "input",
                    " id", " on",
                ] {
                    assert!(!names.contains(bad), "{id}: {bad} in {tag}");
                }
                assert!(
                    !tag.contains("src=\"http") && !tag.contains("href=\"javascript"),
                    "{id}: {tag}"
                );
                let style = tag
                    .split("style=\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next())
                    .unwrap_or_default();
                for bad in ["url", "image", "attr(", "var(", "if(", "position", "\\", "expression"]
                {
                    assert!(!style.contains(bad), "{id}: {bad} in {style}");
                }
            }
        }
    }

    #[test]
    fn a_data_image_must_be_one() {
        let png = "data:image/png;base64,iVBORw0KGgo=";
        check(&format!("<img src='{png}'>"), &format!("<img src=\"{png}\">"));
        check("<img src='data:image/png;base64,R0lGODlh'>", "<img>");
    }
}
