//! The milter protocol. Callbacks translate and delegate; what goes wrong in one ends in a temporary failure, never in
//! "accept": a panic takes the session's state away, and a message without state is refused at its end.

use std::ffi::{CStr, CString};
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use indymilter::{
    Actions, CallbackFuture, Callbacks, EomContext, MacroStage, NegotiateContext, ProtoOpts,
    SetErrorReply, SocketInfo, Status,
};
use tokio::time::timeout;
use tracing::{error, info, warn};
use zegel_core::selection::Selection;

use crate::action::{Refusal, apply};
use crate::body::Readers;
use crate::clock::now;
use crate::config::Config;
use crate::reload::Live;
use crate::route::Route;
use crate::session::{Client, Judged, Mail, Party, Session};

/// Changing headers takes a few writes to a local socket. Postfix gives up after `milter_content_timeout`, 300 s.
const APPLY_MAX: Duration = Duration::from_secs(30);

/// What the mail server must let us do.
const NEEDED: Actions =
    Actions::ADD_HEADER.union(Actions::CHANGE_HEADER).union(Actions::CHANGE_SENDER);

/// Besides, where recipients carry the route.
const OF_RECIPIENTS: Actions = Actions::ADD_RCPT_EXT.union(Actions::DELETE_RCPT);

/// Stages that need no answer of ours; it comes at the end of the message.
const QUIET: ProtoOpts = ProtoOpts::NOREPLY_CONNECT
    .union(ProtoOpts::NOREPLY_MAIL)
    .union(ProtoOpts::NOREPLY_RCPT)
    .union(ProtoOpts::NOREPLY_HEADER);

/// Characters of a Message-ID in the log; RFC 5322 lets a line have 998.
const MESSAGE_ID_MAX: usize = 250;

pub fn callbacks(live: Arc<Live>, readers: Readers) -> Callbacks<Session> {
    Callbacks::new()
        .on_negotiate({
            let live = live.clone();
            move |context, actions, options| {
                answer(negotiate(context, actions, options, &live.current()))
            }
        })
        .on_connect(|context, name, socket| {
            answer(note(&mut context.data, |session| {
                session.client = client(&socket);
                session.host = host(&name);
            }))
        })
        .on_mail(|context, arguments| {
            let login = context.macros.get(c"{auth_authen}").map(text);
            answer(note(&mut context.data, |session| {
                session.mail = Some(Mail::new(party(&arguments), login));
            }))
        })
        .on_rcpt(|context, arguments| {
            answer(note_of_mail(&mut context.data, |mail| mail.recipient(party(&arguments))))
        })
        .on_header(|context, name, value| {
            answer(note_of_mail(&mut context.data, |mail| {
                mail.field(name.to_bytes(), value.to_bytes());
            }))
        })
        .on_body({
            let readers = readers.clone();
            move |context, octets| {
                let readers = readers.clone();
                Box::pin(async move {
                    let taken = AssertUnwindSafe(body(&mut context.data, &octets, &readers));
                    taken.catch_unwind().await.unwrap_or_else(|_| {
                        context.data = None;
                        Status::Tempfail
                    })
                })
            }
        })
        .on_eom(move |context| {
            let (live, readers) = (live.clone(), readers.clone());
            Box::pin(async move {
                let done = AssertUnwindSafe(end(context, &live, &readers)).catch_unwind().await;
                let refusal = match done {
                    Ok(Ok(())) => return Status::Continue,
                    Ok(Err(refusal)) => refusal,
                    Err(_) => Refusal::Broken,
                };
                refuse(context, &refusal)
            })
        })
        .on_abort(|context| answer(note(&mut context.data, |session| session.mail = None)))
}

fn answer(status: Status) -> CallbackFuture<'static> {
    Box::pin(ready(status))
}

fn negotiate(
    context: &mut NegotiateContext<Session>,
    actions: Actions,
    options: ProtoOpts,
    config: &Config,
) -> Status {
    let needs = config.rules.needs();
    let needed = match config.route {
        Route::Header => NEEDED,
        Route::Recipient => NEEDED | OF_RECIPIENTS,
    };
    if !actions.contains(needed) {
        error!(
            "the mail server lets milters change too little of a message; nothing can be selected: see its milter settings"
        );
    }
    let leading_space = options & ProtoOpts::LEADING_SPACE;
    let quiet = if options.contains(QUIET) { QUIET } else { ProtoOpts::empty() };
    context.requested_actions = needed;
    let bodies = if needs.any() { ProtoOpts::empty() } else { options & ProtoOpts::NO_BODY };
    context.requested_opts |= leading_space | quiet | bodies;
    // `j` is always defined: without it nothing at all would be sent for a client that did not log in, and the login of the
    // message before would stand.
    // The queue ID: Postfix has one from DATA on, and Sendmail tells it at MAIL or never.
    let macros = [(MacroStage::Mail, c"j i {auth_authen}"), (MacroStage::Eom, c"i")];
    context.requested_macros.extend(macros.map(|(stage, names)| (stage, names.to_owned())));
    let session = Session::new(!leading_space.is_empty(), !quiet.is_empty());
    context.data = Some(Session { needs, ..session });
    Status::Continue
}

/// Notes something down. The session does not outlive a panic: what it holds can no longer be trusted.
fn note(data: &mut Option<Session>, step: impl FnOnce(&mut Session)) -> Status {
    let Some(session) = data else { return Status::Tempfail };
    let status = if session.quiet { Status::Noreply } else { Status::Continue };
    let done = catch_unwind(AssertUnwindSafe(|| step(session)));
    done.map_or_else(
        |_| {
            *data = None;
            Status::Tempfail
        },
        |()| status,
    )
}

/// Notes something down about the message; without one there is nothing to note, and its end will say so.
fn note_of_mail(data: &mut Option<Session>, step: impl FnOnce(&mut Mail)) -> Status {
    note(data, |session| {
        if let Some(mail) = &mut session.mail {
            step(mail);
        }
    })
}

/// A piece of the body: the mail server waits, so that it never sends more than can be read. When what is needed of it cannot
/// be kept the message fails now, for later.
async fn body(data: &mut Option<Session>, octets: &[u8], readers: &Readers) -> Status {
    let Some(session) = data else { return Status::Tempfail };
    let needs = session.needs;
    let Some(mail) = session.mail.as_mut().filter(|_| needs.any()) else { return Status::Continue };
    mail.body(octets, needs);
    match mail.read_body(readers).await {
        Ok(()) => Status::Continue,
        Err(error) => {
            error!("a message's parts cannot be kept while they are read: {error}");
            session.mail = None;
            Status::Tempfail
        }
    }
}

/// The end of a message: judged, changed, logged.
async fn end(
    context: &mut EomContext<Session>,
    live: &Live,
    readers: &Readers,
) -> Result<(), Refusal> {
    let queue_id = queue_id(context);
    let config = live.current();
    let session = context.data.as_mut().ok_or(Refusal::Broken)?;
    if let Some(mail) = &mut session.mail {
        mail.end_body(session.needs);
        mail.read_body(readers).await.map_err(|error| {
            error!(queue_id, "{queue_id}: its parts cannot be kept while they are read: {error}");
            Refusal::Broken
        })?;
    }
    let judged = session.judge(&config, now())?;
    let applied =
        timeout(APPLY_MAX, apply(&judged.actions, &context.actions, session.leading_space)).await;
    match applied {
        Ok(Ok(())) => {
            log(&queue_id, &judged);
            Ok(())
        }
        Ok(Err(error)) => {
            error!(queue_id, "{queue_id}: the mail server did not take the changes: {error}");
            Err(Refusal::Broken)
        }
        Err(_) => {
            error!(
                queue_id,
                "{queue_id}: the mail server did not take the changes within {APPLY_MAX:?}"
            );
            Err(Refusal::Broken)
        }
    }
}

fn refuse(context: &mut EomContext<Session>, refusal: &Refusal) -> Status {
    let queue_id = queue_id(context);
    let (code, status) = refusal.codes();
    warn!(queue_id, code, "{queue_id}: refused with {code} {status}: {refusal}");
    // A reply that cannot be set leaves the mail server's own text; the status stands.
    if let Err(error) = context.reply.set_error_reply(code, Some(status), [refusal.text()]) {
        error!(queue_id, "{queue_id}: the reply cannot be set: {error}");
    }
    if code.starts_with('5') { Status::Reject } else { Status::Tempfail }
}

/// The one line that each message leaves.
fn log(queue_id: &str, judged: &Judged<'_>) {
    let Judged { selection, monitored, unreadable, actions: _, message_id, recipients } = judged;
    let message_id = shown(message_id.as_deref().unwrap_or("none"));
    let (what, rule) = selection.told();
    let why = unreadable.as_ref().map(|why| format!(", because {why}")).unwrap_or_default();
    let would = monitored.as_ref().map(Selection::told);
    match would {
        None => info!(queue_id, message_id, rule, recipients, "{queue_id}: {what}{why}"),
        Some((would, would_rule)) => info!(
            queue_id,
            message_id,
            rule,
            recipients,
            would_rule,
            "{queue_id}: {what}{why}, and would be {would} if every rule were enforced"
        ),
    }
}

fn shown(message_id: &str) -> String {
    message_id.chars().take(MESSAGE_ID_MAX).map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn queue_id(context: &EomContext<Session>) -> String {
    context.macros.get(c"i").map_or_else(|| "no queue id".to_owned(), text)
}

fn client(socket: &SocketInfo) -> Client {
    match socket {
        SocketInfo::Inet(address) => Client::Address(address.ip()),
        SocketInfo::Unix(_) => Client::Local,
        SocketInfo::Unknown => Client::Unknown,
    }
}

/// The mail server has an address in brackets, or "unknown", where it found no name that holds both ways.
fn host(name: &CStr) -> Option<String> {
    let name = text(name);
    let is_name =
        !name.starts_with('[') && !name.eq_ignore_ascii_case("unknown") && !name.is_empty();
    is_name.then_some(name)
}

/// The address of MAIL or RCPT; its ESMTP parameters follow it.
fn party(arguments: &[CString]) -> Party {
    let mut arguments = arguments.iter().map(|argument| text(argument));
    Party::new(&arguments.next().unwrap_or_default()).with(arguments)
}

fn text(value: &CStr) -> String {
    value.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(quiet: bool, step: impl FnOnce(&mut Session), want: Status) -> Option<Session> {
        let mut data = Some(Session::new(true, quiet));
        assert_eq!(note(&mut data, step), want);
        data
    }

    #[test]
    fn a_panic_ends_in_a_temporary_failure_and_takes_the_session_with_it() {
        let data = check(true, |_| panic!("a bug"), Status::Tempfail);
        assert!(data.is_none());
        assert_eq!(note(&mut None, |_| ()), Status::Tempfail, "and so does what follows");
    }

    #[test]
    fn what_the_mail_server_does_not_wait_for_is_not_answered() {
        check(true, |_| (), Status::Noreply);
        check(false, |_| (), Status::Continue);
    }
}
