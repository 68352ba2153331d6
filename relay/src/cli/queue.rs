//! `queue`: deliveries and what became of them.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zegel_core::decision::Decision;
use zegel_core::delivery::{Event, State};
use zegel_core::moment::Moment;
use zegel_core::transport::{Seen, Tls};

use super::{Failure, QueueCommand, say};
use crate::id::DeliveryId;
use crate::lifecycle;
use crate::store::{Store, TextCount};

/// More lines than that help nobody at a terminal.
const LIST_MAX: usize = 1000;

pub(super) async fn run(store: &Store, command: QueueCommand) -> Result<(), Failure> {
    match command {
        QueueCommand::List { all } => list(store, all).await?,
        QueueCommand::Show { id } => show(store, id).await?,
        QueueCommand::Retry { id } => {
            store.apply(id, Event::RetryNow, lifecycle::now()).await?;
            say(format_args!("{id}: will be tried now"))?;
        }
        QueueCommand::Unlock { id } => unlock(store, id).await?,
    }
    store.close().await;
    Ok(())
}

async fn list(store: &Store, all: bool) -> Result<(), Failure> {
    let deliveries = store.list(all, LIST_MAX).await?;
    for delivery in &deliveries {
        let due =
            delivery.state.due().map_or_else(String::new, |due| format!("  due {}", time(due)));
        let address = &delivery.recipient.address;
        say(format_args!("{}  {:<9}  {address}{due}", delivery.id, delivery.state.name()))?;
    }
    match deliveries.len() {
        0 => say("nothing is waiting")?,
        LIST_MAX => say(format_args!("… the newest {LIST_MAX} only"))?,
        _ => {}
    }
    Ok(())
}

async fn show(store: &Store, id: DeliveryId) -> Result<(), Failure> {
    let delivery = store.delivery(id).await?.ok_or_else(|| format!("there is no delivery {id}"))?;
    let mut text = String::new();
    writeln!(text, "delivery    {id}")?;
    writeln!(text, "submission  {}", delivery.submission)?;
    writeln!(text, "recipient   {}", delivery.recipient.address)?;
    writeln!(text, "accepted    {}", time(delivery.accepted))?;
    writeln!(text, "expires     {}", time(delivery.expires))?;
    writeln!(text, "state       {}", state(&delivery.state))?;
    if let Some(decision) = &delivery.decision {
        text.push_str(&trail(decision));
    }
    if let Some(seen) = store.seen(id).await? {
        writeln!(text, "evidence    {}", evidence(&seen))?;
    }
    let wrong = store.tally(id).await?.failures_total;
    if wrong > 0 {
        writeln!(text, "wrong codes {wrong} in a row")?;
    }
    let texts = store.count_texts(id).await?;
    if texts.all > 0 {
        let TextCount { all, waiting, tries } = texts;
        writeln!(text, "texts       {all} in the last day, {waiting} waiting, {tries} tries")?;
    }
    text.push_str("history\n");
    for event in store.history(id).await? {
        writeln!(text, "  {}  {}", time(event.at), event.note)?;
        if let Some(seen) = &event.seen {
            writeln!(text, "    {}", evidence(seen))?;
        }
    }
    say(text.trim_end())?;
    Ok(())
}

async fn unlock(store: &Store, id: DeliveryId) -> Result<(), Failure> {
    store.delivery(id).await?.ok_or_else(|| format!("there is no delivery {id}"))?;
    let unlocked = store.unlock(id, lifecycle::now()).await?;
    let told = if unlocked { "unlocked: codes may be tried again" } else { "is not locked" };
    say(format_args!("{id}: {told}"))?;
    Ok(())
}

fn state(state: &State) -> String {
    let name = state.name();
    match (state, state.due()) {
        (State::Sent { method, .. } | State::Opened { method, .. }, _) => {
            format!("{name} by {method}")
        }
        (State::Planned { method, .. }, Some(due)) => {
            format!("{name} by {method}, due {}", time(due))
        }
        (_, Some(due)) => format!("{name}, due {}", time(due)),
        (_, None) => name.to_owned(),
    }
}

/// Each rung that was passed over, with why: a line each.
pub(super) fn trail(decision: &Decision) -> String {
    let lines: Vec<String> = decision
        .passed_over
        .iter()
        .map(|(rung, why)| {
            format!(
                "  not by {rung}: {why}
"
            )
        })
        .collect();
    lines.concat()
}

/// What a connection showed, and what was demanded of it, on one line.
pub(super) fn evidence(seen: &Seen) -> String {
    let address = seen.address.map_or_else(String::new, |address| format!(" [{address}]"));
    let port = seen.port.map_or_else(String::new, |port| format!(":{port}"));
    let tls = seen.tls.as_ref().map_or_else(|| "no TLS".to_owned(), |tls| of_tls(seen, tls));
    let floor = seen.floor.map_or_else(
        || "the mail demands nothing".to_owned(),
        |floor| format!("the mail demands {floor}"),
    );
    let authentic = seen
        .authentic
        .map_or_else(|| "nothing vouches for the host's name".into(), |why| why.to_string());
    let signed = if seen.is_signed() { "a signed" } else { "no signed" };
    format!(
        "{}{address}{port}: {tls}; {}; {floor}; {authentic}; {signed} DNS answer names it; {}",
        seen.host,
        seen.rule,
        time(seen.at)
    )
}

fn of_tls(seen: &Seen, tls: &Tls) -> String {
    let Tls { version, cipher, group, fingerprint, name } = tls;
    let group = group.as_deref().unwrap_or("key exchange unknown");
    let name = name.as_deref().unwrap_or("no name");
    format!(
        "{version} {cipher} {group}, certificate of {name} (SHA-256 {fingerprint}); {}",
        seen.certificate
    )
}

/// A moment as RFC 3339 has it, UTC.
pub(super) fn time(moment: Moment) -> String {
    OffsetDateTime::from_unix_timestamp(moment.0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| moment.0.to_string())
}
