//! `domain dkim`: the keys that sign a domain's mail, and the records that publish them.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;
use zegel_core::address::Domain;
use zegel_core::dkim::{self, Algorithm, Selector};
use zegel_core::moment::Moment;

use super::queue::time;
use super::{DkimCommand, Failure, say};
use crate::dns::{Answer, Found, Resolver};
use crate::lifecycle;
use crate::store::{DkimKey, Store};
use crate::vault::SigningKey;

/// A TXT record is made of strings of so many octets (RFC 1035, section 3.3.14).
const STRING_MAX: usize = 255;

/// What the DNS says of a key's record.
enum Published {
    Yes,
    No,
    Unknown(String),
}

pub(super) async fn run(
    store: &Store,
    resolver: &Resolver,
    command: DkimCommand,
) -> Result<(), Failure> {
    let done = carry_out(store, resolver, command).await;
    store.close().await;
    say(done?.trim_end())?;
    Ok(())
}

async fn carry_out(
    store: &Store,
    resolver: &Resolver,
    DkimCommand { domain, rotate, remove }: DkimCommand,
) -> Result<String, Failure> {
    let now = lifecycle::now();
    if let Some(selector) = remove {
        let selector =
            Selector::new(&selector).ok_or("a selector is one label of a domain name")?;
        if !store.remove_dkim_key(&domain, &selector, now).await? {
            return Err(format!("{selector}: no key of {domain} that does not sign").into());
        }
        return Ok(format!("{selector}: destroyed; its record can go"));
    }
    let keys = store.dkim_keys(&domain).await?;
    let waits = keys.iter().any(|key| key.active.is_none());
    if keys.is_empty() || (rotate && !waits) {
        make(store, &domain, &keys, now).await?;
    }
    let keys = store.dkim_keys(&domain).await?;
    let waiting: Vec<&DkimKey> = keys.iter().filter(|key| key.active.is_none()).collect();
    let mut all_published = !waiting.is_empty();
    let mut text = String::new();
    for key in &waiting {
        let published = look(resolver, key).await;
        all_published &= matches!(published, Published::Yes);
        text.push_str(&to_publish(key, &published)?);
    }
    if all_published {
        store.activate_dkim_keys(&domain, now).await?;
        writeln!(text, "The records are there: these keys sign the mail of {domain} from now on.")?;
    } else if !waiting.is_empty() {
        writeln!(
            text,
            "Publish these records, then run this again: a key signs nothing before its record is seen."
        )?;
    }
    for key in keys.iter().filter(|key| key.active.is_some()) {
        let stale = all_published && key.retired.is_none();
        text.push_str(&line(key, stale)?);
    }
    Ok(text)
}

/// One key of each kind, under selectors that say when they were made.
async fn make(
    store: &Store,
    domain: &Domain,
    there: &[DkimKey],
    now: Moment,
) -> Result<(), Failure> {
    let day = OffsetDateTime::from_unix_timestamp(now.0)?
        .format(format_description!("[year][month][day]"))?;
    let mut keys = Vec::new();
    for (algorithm, kind) in [(Algorithm::RsaSha256, "r"), (Algorithm::Ed25519Sha256, "e")] {
        let names = std::iter::once(format!("zegel-{day}{kind}"))
            .chain((2..).map(|number| format!("zegel-{day}{kind}{number}")));
        let free = |name: &Selector| there.iter().all(|key| key.selector != *name);
        let selector = names.filter_map(|name| Selector::new(&name)).find(free);
        keys.push((selector.ok_or("there is no free selector")?, SigningKey::generate(algorithm)?));
    }
    store.add_dkim_keys(domain, &keys, now).await?;
    Ok(())
}

async fn look(resolver: &Resolver, key: &DkimKey) -> Published {
    let name = format!("{}._domainkey.{}", key.selector, key.domain.as_str());
    match resolver.txt(&name).await {
        Answer::Found(Found { records, .. }) => {
            let fits = |record: &Vec<u8>| {
                dkim::publishes(&String::from_utf8_lossy(record), key.algorithm, &key.public)
            };
            if records.iter().any(fits) { Published::Yes } else { Published::No }
        }
        Answer::Nothing(_) => Published::No,
        Answer::Unknown(why) => Published::Unknown(why),
    }
}

/// The record as a zone file has it.
fn to_publish(key: &DkimKey, published: &Published) -> Result<String, Failure> {
    let record = dkim::record(key.algorithm, &key.public);
    let mut strings = Vec::new();
    let mut rest = record.as_str();
    while !rest.is_empty() {
        let (string, after) = rest.split_at_checked(STRING_MAX).unwrap_or((rest, ""));
        strings.push(format!("\"{string}\""));
        rest = after;
    }
    let said = match published {
        Published::Yes => "published".to_owned(),
        Published::No => "not published yet".to_owned(),
        Published::Unknown(why) => format!("not known whether it is published: {why}"),
    };
    let mut text = String::new();
    writeln!(text, "; {said}")?;
    writeln!(
        text,
        "{}._domainkey.{}. IN TXT ( {} )",
        key.selector,
        key.domain.as_str(),
        strings.join(" ")
    )?;
    Ok(text)
}

fn line(key: &DkimKey, just_retired: bool) -> Result<String, Failure> {
    let mut text = String::new();
    write!(text, "{}  {}  ", key.selector, key.algorithm.name())?;
    match (key.active, key.retired) {
        (_, Some(since)) => writeln!(
            text,
            "signs no longer, since {}; after a week --remove {} and its record can go",
            time(since),
            key.selector
        )?,
        _ if just_retired => {
            writeln!(text, "signs no longer, since now; leave its record for a week")?;
        }
        (Some(since), None) => writeln!(text, "signs, since {}", time(since))?,
        (None, None) => writeln!(text, "waits for its record")?,
    }
    Ok(text)
}
