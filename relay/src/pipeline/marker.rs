//! The keyed marker on what goes to the organisation's own domains: their mail server may show it to the milter again,
//! which would select it anew, for ever (`zegel_core::marker`).

use zegel_core::address::{Address, Domain};
use zegel_core::marker;
use zegel_core::message::Head;
use zegel_core::moment::Moment;

use super::Pipeline;
use crate::store::StoreError;

impl Pipeline {
    /// The marker's field, to stand in front of a composed mail; empty where none is needed.
    pub(super) async fn mark_of_mail(
        &self,
        to: &Domain,
        mail: &[u8],
        now: Moment,
    ) -> Result<String, StoreError> {
        let Ok(head) = Head::parse(mail) else { return Ok(String::new()) };
        let (Some(message_id), Ok(author)) = (head.message_id(), head.from()) else {
            return Ok(String::new());
        };
        self.mark(to, Some(&message_id), &author.address, now).await
    }

    /// The marker's field for a message with this Message-ID and author; empty where none is needed or possible.
    pub(super) async fn mark(
        &self,
        to: &Domain,
        message_id: Option<&str>,
        author: &Address,
        now: Moment,
    ) -> Result<String, StoreError> {
        let (Some(key), Some(message_id)) = (&self.settings.marker_key, message_id) else {
            return Ok(String::new());
        };
        let own = to.is_within(self.settings.organisation.from.domain())
            || self.settings.directory_domains.contains(to);
        if !own && !self.store.is_own(to).await? {
            return Ok(String::new());
        }
        Ok(format!("{}: {}\r\n", marker::HEADER, marker::make(key, message_id, author, now)))
    }
}
