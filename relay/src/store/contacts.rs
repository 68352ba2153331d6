//! Numbers and access codes on file (`zegel_core::contact`). A row is found by a keyed hash and holds everything else
//! sealed, so that the file alone tells neither whose numbers stand in it nor how many a recipient has.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use zegel_core::address::{Address, Domain};
use zegel_core::contact::Kind;
use zegel_core::decision::Answer;
use zegel_core::delivery;
use zegel_core::directive::AccessRight;
use zegel_core::moment::Moment;
use zegel_core::phone::{Countries, Number};

use super::accounts::is_suspended;
use super::error::{from_json, to_json};
use super::queue::apply;
use super::writer::After;
use super::{Store, StoreError};
use crate::id::DeliveryId;
use crate::vault::{Keyring, Purpose};

/// How long a number or code waits for its recipient to open a message with it. By then the messages that it came with are
/// destroyed, or can be opened by nobody who has not done so.
pub(super) const UNOPENED_KEPT: Duration = Duration::from_hours(90 * 24);

/// The `giver` of what is shared.
const SHARED: &[u8] = b"";

/// A number or an access code, whose it is and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Authors of this domain.
    pub domain: Domain,
    pub recipient: Address,
    /// The one author who may use it; `None`: all of the domain.
    pub giver: Option<Address>,
    /// [`AccessRight::Sms`] or [`AccessRight::HashedCode`].
    pub factor: AccessRight,
    pub since: Moment,
    pub opened: Option<Moment>,
}

/// What is sealed of it.
#[derive(Serialize, Deserialize)]
struct Content {
    domain: Domain,
    recipient: Address,
    giver: Option<Address>,
    factor: AccessRight,
}

/// A number or code that came with a message, and that its recipient has now opened it with.
#[derive(Clone, Debug)]
pub struct Proved {
    pub author: Address,
    pub recipient: Address,
    pub factor: AccessRight,
}

impl Store {
    /// The number or code that all authors of this domain share for this recipient.
    pub async fn on_file(
        &self,
        domain: &Domain,
        recipient: &Address,
        kind: Kind,
    ) -> Result<Option<AccessRight>, StoreError> {
        for key in self
            .keyring
            .macs(Purpose::Contact, &[domain.as_str().as_bytes(), recipient.key().as_bytes()])
        {
            let row = sqlx::query(
                "SELECT * FROM contacts WHERE recipient = ? AND kind = ? AND giver = ?",
            )
            .bind(key.as_slice())
            .bind(kind.to_string())
            .bind(SHARED)
            .fetch_optional(&self.readers)
            .await?;
            if let Some(row) = row {
                return Ok(Some(contact(&row, &self.keyring)?.factor));
            }
        }
        Ok(None)
    }

    /// The ladder's question: whether something is on file that can be used. `countries` are those that text messages go to.
    /// What cannot be opened is no "no".
    pub async fn has_on_file(
        &self,
        domain: &Domain,
        recipient: &Address,
        kind: Kind,
        countries: &Countries,
    ) -> Result<Answer, StoreError> {
        let answer = |holds| if holds { Answer::Yes } else { Answer::No };
        Ok(match self.on_file(domain, recipient, kind).await {
            Ok(Some(AccessRight::Sms(number))) => answer(
                Number::parse(number.reveal())
                    .is_ok_and(|number| countries.allow(number.country())),
            ),
            Ok(found) => answer(found.is_some()),
            Err(StoreError::Damaged) => Answer::Unknown,
            Err(error) => return Err(error),
        })
    }

    /// All of them, by recipient; of one domain's authors where one is named.
    pub async fn contacts(&self, domain: Option<&Domain>) -> Result<Vec<Contact>, StoreError> {
        let rows = sqlx::query("SELECT * FROM contacts").fetch_all(&self.readers).await?;
        let all =
            rows.iter().map(|row| contact(row, &self.keyring)).collect::<Result<Vec<_>, _>>()?;
        let mut all: Vec<_> = all
            .into_iter()
            .filter(|one| domain.is_none_or(|domain| one.domain == *domain))
            .collect();
        let order = |one: &Contact| {
            (one.recipient.to_string(), one.domain.to_string(), one.kind(), one.giver.clone())
        };
        all.sort_by_key(order);
        Ok(all)
    }

    /// Puts all of these on file, or none; each takes the place of the one before.
    pub async fn put_on_file(&self, contacts: Vec<Contact>) -> Result<(), StoreError> {
        let auditor = self.auditor.clone();
        let put = async move |db: &mut SqliteConnection| {
            for contact in &contacts {
                put(db, &auditor.keyring, contact).await?;
                let about = about(&contact.domain, &contact.recipient);
                let what = format!("{} put on file", contact.kind());
                auditor.append(db, contact.since, &about, &what).await?;
            }
            Ok(())
        };
        self.writer.run("putting contacts on file", After::Scrub, put).await
    }

    /// Destroys what is on file of a recipient for the authors of a domain, each author's own with it; of one kind where one
    /// is named. Returns how many it were.
    pub async fn take_off_file(
        &self,
        domain: &Domain,
        recipient: &Address,
        kind: Option<Kind>,
        now: Moment,
    ) -> Result<u64, StoreError> {
        let (about, auditor) = (about(domain, recipient), self.auditor.clone());
        let keys = self
            .keyring
            .macs(Purpose::Contact, &[domain.as_str().as_bytes(), recipient.key().as_bytes()]);
        let take = async move |db: &mut SqliteConnection| {
            let mut gone = 0;
            for key in &keys {
                let delete = sqlx::query(
                    "DELETE FROM contacts WHERE recipient = ?1 AND kind = COALESCE(?2, kind)",
                );
                let delete = delete.bind(key.as_slice()).bind(kind.map(|kind| kind.to_string()));
                gone += delete.execute(&mut *db).await?.rows_affected();
            }
            if gone > 0 {
                let what = kind.map_or_else(|| "all".to_owned(), |kind| kind.to_string());
                auditor.append(db, now, &about, &format!("{what} taken off file")).await?;
            }
            Ok(gone)
        };
        self.writer.run("taking a contact off file", After::Scrub, take).await
    }

    /// The recipient has opened a message; what they proved themselves with, if it came with the message, is shared from now
    /// on. Not so what a suspended author gave.
    pub async fn opened(
        &self,
        delivery: DeliveryId,
        proved: Option<Proved>,
        now: Moment,
    ) -> Result<(), StoreError> {
        let auditor = self.auditor.named("recipient");
        let opened = async move |db: &mut SqliteConnection| {
            apply(db, &auditor, delivery, delivery::Event::Opened, now).await?;
            match proved {
                Some(proved) if !is_suspended(db, &proved.author).await? => {
                    share(db, &auditor.keyring, &proved, now).await
                }
                Some(_) | None => Ok(()),
            }
        };
        self.writer.run("opening a message", After::News, opened).await
    }
}

/// How what is on file is called in the audit log.
fn about(domain: &Domain, recipient: &Address) -> String {
    format!("contact {recipient} of {domain}")
}

/// Keeps what came with a message as its author's own.
pub(super) async fn keep_given(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    author: &Address,
    rights: impl IntoIterator<Item = (&Address, &AccessRight)>,
    now: Moment,
) -> Result<(), StoreError> {
    for (recipient, factor) in rights {
        let contact = Contact {
            domain: author.domain().clone(),
            recipient: recipient.clone(),
            giver: Some(author.clone()),
            factor: factor.clone(),
            since: now,
            opened: None,
        };
        put(db, keyring, &contact).await?;
    }
    Ok(())
}

async fn share(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    proved: &Proved,
    now: Moment,
) -> Result<(), StoreError> {
    let own = Contact {
        domain: proved.author.domain().clone(),
        recipient: proved.recipient.clone(),
        giver: Some(proved.author.clone()),
        factor: proved.factor.clone(),
        since: now,
        opened: Some(now),
    };
    delete(db, keyring, &own).await?;
    put(db, keyring, &Contact { giver: None, ..own }).await
}

async fn put(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    contact: &Contact,
) -> Result<(), StoreError> {
    if matches!(contact.factor, AccessRight::AccessCode(_)) {
        return Err(StoreError::failed("an access code is not kept unless it is hashed"));
    }
    delete(db, keyring, contact).await?;
    let kind = contact.kind().to_string();
    let (recipient, giver) = (keys_of_recipient(keyring, contact), keys_of_giver(keyring, contact));
    let (Some(recipient), Some(giver)) = (recipient.first(), giver.first()) else {
        return Err(StoreError::failed("the key file is empty"));
    };
    let content = Content {
        domain: contact.domain.clone(),
        recipient: contact.recipient.clone(),
        giver: contact.giver.clone(),
        factor: contact.factor.clone(),
    };
    let sealed = keyring.seal(&context(recipient, &kind, giver), to_json(&content)?.as_bytes());
    sqlx::query(
        "INSERT INTO contacts (recipient, kind, giver, sealed, since, opened) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(recipient.as_slice())
    .bind(kind)
    .bind(giver.as_slice())
    .bind(sealed)
    .bind(contact.since.0)
    .bind(contact.opened.map(|opened| opened.0))
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the row that this one would take the place of, under whichever key it was written.
async fn delete(
    db: &mut SqliteConnection,
    keyring: &Keyring,
    contact: &Contact,
) -> Result<(), StoreError> {
    let pairs =
        keys_of_recipient(keyring, contact).into_iter().zip(keys_of_giver(keyring, contact));
    for (recipient, giver) in pairs {
        sqlx::query("DELETE FROM contacts WHERE recipient = ? AND kind = ? AND giver = ?")
            .bind(recipient)
            .bind(contact.kind().to_string())
            .bind(giver)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Under each key of the key file, the active one first.
fn keys_of_recipient(keyring: &Keyring, contact: &Contact) -> Vec<Vec<u8>> {
    let parts = [contact.domain.as_str().as_bytes(), contact.recipient.key().as_bytes()]
        .map(<[u8]>::to_vec);
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    keyring.macs(Purpose::Contact, &parts).into_iter().map(Vec::from).collect()
}

/// The same for who gave it. It is no part of the recipient's hash: what is shared has none.
fn keys_of_giver(keyring: &Keyring, contact: &Contact) -> Vec<Vec<u8>> {
    let giver = contact.giver.as_ref().map(Address::key).unwrap_or_default();
    let macs = keyring.macs(Purpose::Contact, &[giver.as_bytes()]).into_iter();
    macs.map(|mac| contact.giver.as_ref().map_or_else(|| SHARED.to_vec(), |_| mac.to_vec()))
        .collect()
}

/// What is put into another row opens nothing there.
fn context(recipient: &[u8], kind: &str, giver: &[u8]) -> Vec<u8> {
    [b"contact ", recipient, kind.as_bytes(), giver].concat()
}

fn contact(row: &SqliteRow, keyring: &Keyring) -> Result<Contact, StoreError> {
    let octets = |column: &str| row.try_get::<Vec<u8>, _>(column);
    let context = context(&octets("recipient")?, row.try_get("kind")?, &octets("giver")?);
    let opened = keyring.open(&context, &octets("sealed")?)?;
    let sealed: Content = from_json(opened).map_err(|_| StoreError::Damaged)?;
    Ok(Contact {
        domain: sealed.domain,
        recipient: sealed.recipient,
        giver: sealed.giver,
        factor: sealed.factor,
        since: Moment(row.try_get("since")?),
        opened: row.try_get::<Option<i64>, _>("opened")?.map(Moment),
    })
}

impl Contact {
    pub fn kind(&self) -> Kind {
        Kind::of(&self.factor)
    }
}

#[cfg(test)]
mod tests;
