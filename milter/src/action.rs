//! What is done to a message: planned from what the rules said, then applied through the mail server.

use std::collections::BTreeMap;

use indymilter::{ActionError, ContextActions, EomActions};
use zegel_core::directive::is_control;
use zegel_core::marker;
use zegel_core::message::{Head, HeadError};
use zegel_core::route::RouteError;
use zegel_core::selection::{Directive, Mode, NewSubject, Outcome, Pass, Selection};
use zegel_core::text::HeaderText;

use crate::route;

/// One change to the header section or to the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Takes out a field: the `index`th of its name, counted from 1 and without case, as the mail server counts.
    Delete {
        name: String,
        index: i32,
    },
    /// Gives a field, counted likewise, another value; its lines are separated by LF and a space.
    Change {
        name: &'static str,
        index: i32,
        value: String,
    },
    Add {
        name: &'static str,
        value: String,
    },
    /// `wishes`: NOTIFY and ORCPT.
    AddRecipient {
        address: String,
        wishes: Option<String>,
    },
    DeleteRecipient(String),
    /// `wishes`: RET, which has the mail server's own reports to this sender come without the message's content (RFC 3461,
    /// section 4.3), and ENVID.
    ChangeSender {
        address: String,
        wishes: String,
    },
}

/// Why a message is not taken. Its text goes to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Trying again would not mend it, and the client would only tell its user in days: refused for good.
    #[error("the header section cannot be read: {0}")]
    Malformed(#[from] HeadError),
    /// Likewise. The text says what could not be seen.
    #[error(
        "cannot tell whether this message must be secured: {0}; correct that and send it again"
    )]
    Undecided(String),
    #[error("the message has more header text or more recipients than can be judged")]
    TooMuch,
    #[error(transparent)]
    Recipient(#[from] RouteError),
    #[error("the rules have changed since this connection began; try again on another")]
    Stale,
    #[error("the message could not be judged; try again later")]
    Broken,
}

/// Names the rule that would secure the message if it were enforced.
const WOULD_SECURE: &str = "X-Zegel-Would-Secure";

/// What the outcome asks for, as a list of changes to the header section; the route comes after them. `trusted`: the submitter may set `zivver-*`.
///
/// A rule's header is added where the message has none of that name; what the sending application asks for is closer to the
/// message than a rule is. `zivver-direct-delivery` is always added: the relay takes the stricter of two.
pub fn plan(outcome: &Outcome<'_>, mode: Mode, head: &Head<'_>, trusted: bool) -> Vec<Action> {
    let Outcome { selection, monitored } = outcome;
    let stay = match (mode, selection) {
        (Mode::Monitor, _) => Stay::AllButOurs,
        (Mode::Enforce, Selection::Passed(Pass::Relay)) => Stay::OfRelay,
        (Mode::Enforce, Selection::Selected(..)) if trusted => Stay::Directives,
        (Mode::Enforce, Selection::Selected(..)) => Stay::Nothing,
        (Mode::Enforce, Selection::Passed(_) | Selection::Undecided(_)) => Stay::TlsWish,
    };
    let mut actions = deletions(head, stay);
    if let Selection::Selected(_, directives) = selection {
        // From the last to the first, for the same reason as deletions.
        actions.extend(selection.new_subjects(head).into_iter().rev().map(change));
        actions.extend(additions(directives, head, trusted));
    } else if let Some(Selection::Selected(..)) = monitored {
        let (_, rule) = monitored.as_ref().map(Selection::told).unwrap_or_default();
        let value = lines(&HeaderText::new(rule));
        actions.push(Action::Add { name: WOULD_SECURE, value });
    }
    actions
}

fn additions(directives: &[Directive], head: &Head<'_>, trusted: bool) -> Vec<Action> {
    let is_added = |directive: &&Directive| {
        let asked_for = trusted && head.named(directive.name).next().is_some();
        !asked_for || directive.name == "zivver-direct-delivery"
    };
    let add = |directive: &Directive| Action::Add {
        name: directive.name,
        value: directive.value.clone(),
    };
    directives.iter().filter(is_added).map(add).collect()
}

/// An empty value is no value in the milter protocol: the field goes.
fn change(new: NewSubject) -> Action {
    let index = i32::try_from(new.index).unwrap_or(i32::MAX);
    match new.text {
        Some(text) => Action::Change { name: "Subject", index, value: lines(&text) },
        None => Action::Delete { name: "Subject".to_owned(), index },
    }
}

/// Mail servers have the lines of a value separated by LF alone.
fn lines(value: &HeaderText) -> String {
    value.encoded().replace("\r\n", "\n")
}

/// Which control headers stay.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Stay {
    /// Selected mail of a submitter who may set directives. `TLS-Required: No` would have the mail server send to the relay
    /// without TLS (RFC 8689, section 5).
    Directives,
    /// Selected mail of others.
    Nothing,
    /// Ordinary mail: directives hold telephone numbers and codes and go nowhere but to the relay, but TLS is the sender's
    /// affair.
    TlsWish,
    /// Where all is monitored, another gateway may still act on the rest.
    AllButOurs,
    /// The relay's own mail: all but what is meant for us.
    OfRelay,
}

impl Stay {
    fn keeps(self, name: &str) -> bool {
        let is_ours = name.starts_with(route::OURS);
        match self {
            Self::Directives => !is_ours && name != "tls-required",
            Self::Nothing => false,
            Self::TlsWish => name == "tls-required",
            Self::AllButOurs => !is_ours,
            Self::OfRelay => [route::HEADER, WOULD_SECURE, marker::HEADER]
                .iter()
                .all(|ours| !name.eq_ignore_ascii_case(ours)),
        }
    }
}

/// From the last field to the first, so that no deletion changes another's index.
fn deletions(head: &Head<'_>, stay: Stay) -> Vec<Action> {
    let mut counts: BTreeMap<String, i32> = BTreeMap::new();
    let mut actions = Vec::new();
    for field in head.fields().iter().filter(|field| is_control(field.name)) {
        let name = field.name.to_ascii_lowercase();
        let index = counts.entry(name.clone()).or_default();
        *index += 1;
        if !stay.keeps(&name) {
            actions.push(Action::Delete { name: field.name.to_owned(), index: *index });
        }
    }
    actions.reverse();
    actions
}

/// Does it. `leading_space`: the mail server puts values behind the colon exactly as given.
pub async fn apply(
    actions: &[Action],
    mail: &EomActions,
    leading_space: bool,
) -> Result<(), ActionError> {
    let space = if leading_space { " " } else { "" };
    for action in actions {
        match action {
            Action::Delete { name, index } => {
                mail.change_header(name.as_str(), *index, None::<&str>).await?;
            }
            Action::Change { name, index, value } => {
                mail.change_header(*name, *index, Some(format!("{space}{value}"))).await?;
            }
            Action::Add { name, value } => {
                mail.add_header(*name, format!("{space}{value}")).await?;
            }
            Action::AddRecipient { address, wishes } => {
                mail.add_recipient_ext(format!("<{address}>"), wishes.as_deref()).await?;
            }
            Action::DeleteRecipient(address) => {
                mail.delete_recipient(format!("<{address}>")).await?;
            }
            Action::ChangeSender { address, wishes } => {
                mail.change_sender(format!("<{address}>"), Some(wishes.as_str())).await?;
            }
        }
    }
    Ok(())
}

impl Refusal {
    /// Reply code and enhanced status code (RFC 3463).
    pub fn codes(&self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed(_) | Self::Undecided(_) => ("550", "5.6.0"),
            Self::Recipient(_) => ("550", "5.1.3"),
            Self::TooMuch | Self::Stale | Self::Broken => ("451", "4.3.0"),
        }
    }

    /// The text for an SMTP reply: printable ASCII, and no per cent sign, which mail servers read as the start of a format.
    pub fn text(&self) -> String {
        let plain = |c: char| if matches!(c, ' '..='~') && c != '%' { c } else { '?' };
        self.to_string().chars().map(plain).take(TEXT_MAX).collect()
    }
}

/// RFC 5321, section 4.5.3.1.5: a reply line is 512 octets; this leaves room for the codes and the queue id.
const TEXT_MAX: usize = 400;

#[cfg(test)]
mod tests {
    use zegel_core::selection::{Content, Message, Origin, Transaction, select};

    use super::*;
    use crate::config::Config;

    const SECTION: &str = "X-Zegel-Route: relay/\r\nFrom: jan@gemeente.example\r\nzivver-access-right: a@b.example sms +31612345678\r\n\
        x-zegel-would-secure: 1\r\nZivver-Direct-Delivery: tls tls1.2\r\nx-zegel-route: relay/\r\nTLS-Required: No\r\n\
        Subject: secure\r\nZivver-Access-Right: c@d.example sms +31612345678\r\nzivver-message-expiration: delete P1D\r\n\r\n";

    const RULES: &str = r#"
        [[rule]]
        name = "r"
        when.subject = "secure"
        action = "secure"
        headers.zivver-direct-delivery = "tls tls1.2 auth certificate-validation"
        headers.zivver-message-expiration = "delete P30D"
    "#;

    fn shown(action: &Action) -> String {
        match action {
            Action::Delete { name, index } => format!("-{name}/{index}"),
            Action::Change { name, index, value } => format!("{name}/{index}={value}"),
            Action::Add { name, value } => format!("+{name}={value}"),
            Action::AddRecipient { .. }
            | Action::DeleteRecipient(_)
            | Action::ChangeSender { .. } => "envelope".to_owned(),
        }
    }

    /// The plan for a message under these rules, one word per action: `-name/index`, `name/index=value`, `+name=value`.
    #[track_caller]
    fn check_plan(rules: &str, section: &str, trusted: bool, is_of_relay: bool, want: &[&str]) {
        let head = Head::parse(section.as_bytes()).unwrap();
        let config = Config::parse(rules).unwrap();
        let message = Message {
            envelope: Transaction { sender: "jan@gemeente.example", recipients: &[] },
            origin: Origin::default(),
            head: &head,
            content: &Content::default(),
            is_of_relay,
        };
        let policy = config.policy();
        let actions = plan(&select(&policy, &message), policy.mode, &head, trusted);
        let shown: Vec<String> = actions.iter().map(shown).collect();
        assert_eq!(shown, want, "{rules}\n{section}");
    }

    #[track_caller]
    fn check(selected: bool, trusted: bool, want: &[&str]) {
        check_plan(if selected { RULES } else { "" }, SECTION, trusted, false, want);
    }

    #[test]
    fn where_all_is_monitored_only_what_the_rules_would_do_is_said() {
        let want = [
            "-x-zegel-route/2",
            "-x-zegel-would-secure/1",
            "-X-Zegel-Route/1",
            "+X-Zegel-Would-Secure=r",
        ];
        check_plan(&format!("mode = \"monitor\"\n{RULES}"), SECTION, true, false, &want);
        check_plan("mode = \"monitor\"", "Subject: secure\r\n\r\n", true, false, &[]);
    }

    #[test]
    fn a_monitored_rule_is_named_on_ordinary_mail_in_ascii() {
        let rules = RULES.replace("\"r\"", "\"geh\u{e9}im\"\nmode = \"monitor\"");
        let want = ["+X-Zegel-Would-Secure==?utf-8?B?Z2Vow6lpbQ==?="];
        check_plan(&rules, "Subject: secure\r\n\r\n", true, false, &want);
    }

    #[test]
    fn the_relay_s_own_mail_loses_its_marker_only() {
        let section = "X-Zegel-Marker: v1\r\nX-Zegel-Notification: 1\r\nSubject: secure\r\n\r\n";
        check_plan(RULES, section, false, true, &["-X-Zegel-Marker/1"]);
    }

    #[test]
    fn a_trigger_word_is_taken_out_of_every_subject_from_the_last_on() {
        let rules = RULES
            .replace("\"secure\"\n", "{ words = \"secure\", strip = true }\n")
            .replacen("action = { words = \"secure\", strip = true }", "action = \"secure\"", 1);
        let section =
            "Subject: secure\r\nSubject: hello\r\nSUBJECT: =?utf-8?Q?secure_caf=C3=A9?=\r\n\r\n";
        check_plan(
            &rules,
            section,
            false,
            false,
            &[
                "Subject/3==?utf-8?B?Y2Fmw6k=?=",
                "-Subject/1",
                "+zivver-direct-delivery=tls tls1.2 auth certificate-validation",
                "+zivver-message-expiration=delete P30D",
            ],
        );
    }

    #[test]
    fn ordinary_mail_loses_every_directive_whoever_set_it_but_not_its_tls_wish() {
        let want = [
            "-zivver-message-expiration/1",
            "-Zivver-Access-Right/2",
            "-x-zegel-route/2",
            "-Zivver-Direct-Delivery/1",
            "-x-zegel-would-secure/1",
            "-zivver-access-right/1",
            "-X-Zegel-Route/1",
        ];
        check(false, true, &want);
        check(false, false, &want);
    }

    #[test]
    fn selected_mail_of_a_trusted_submitter_keeps_its_directives_before_the_rule_s() {
        check(
            true,
            true,
            &[
                "-TLS-Required/1",
                "-x-zegel-route/2",
                "-x-zegel-would-secure/1",
                "-X-Zegel-Route/1",
                "+zivver-direct-delivery=tls tls1.2 auth certificate-validation",
            ],
        );
    }

    #[test]
    fn selected_mail_of_others_gets_the_rule_s_directives_only() {
        check(
            true,
            false,
            &[
                "-zivver-message-expiration/1",
                "-Zivver-Access-Right/2",
                "-TLS-Required/1",
                "-x-zegel-route/2",
                "-Zivver-Direct-Delivery/1",
                "-x-zegel-would-secure/1",
                "-zivver-access-right/1",
                "-X-Zegel-Route/1",
                "+zivver-direct-delivery=tls tls1.2 auth certificate-validation",
                "+zivver-message-expiration=delete P30D",
            ],
        );
    }

    #[test]
    fn a_reply_is_plain_text_whatever_the_reason_holds() {
        let refusal = Refusal::Undecided("100 % \u{202e}é\r\nX".to_owned());
        assert!(refusal.text().contains("100 ? ????X"), "{}", refusal.text());
        assert_eq!(refusal.codes(), ("550", "5.6.0"));
    }
}
