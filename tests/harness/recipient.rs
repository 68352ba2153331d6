//! Somebody who gets a notification, asks for the code and reads: the whole way of a recipient, in one value.

use crate::lab::Lab;
use crate::mailbox::{Arrival, Mailbox, arrival};
use crate::mta::MailServer;
use crate::portal::{Page, Visitor};
use crate::wait::until;

#[derive(Debug)]
pub struct Recipient<'a, M> {
    address: &'a str,
    mailbox: &'a M,
    pub visitor: Visitor,
}

impl<'a, M: Mailbox> Recipient<'a, M> {
    pub fn new(lab: &Lab<impl MailServer>, mailbox: &'a M, address: &'a str) -> Self {
        Self { address, mailbox, visitor: lab.visitor() }
    }

    /// The mail that leads to the portal.
    pub async fn notification(&self) -> Arrival {
        let what = format!("a notification for {}", self.address);
        arrival(self.mailbox, &what, |mail| mail.recipient == self.address && mail.link().is_some())
            .await
    }

    /// The portal's address in it.
    pub async fn link(&self) -> String {
        self.notification().await.link().expect("a notification has a link")
    }

    /// The code in the `number`th mail with one, counted from 1.
    pub async fn code(&self, number: usize) -> String {
        let what = format!("code mail {number} for {}", self.address);
        until(&what, || self.codes().into_iter().nth(number.saturating_sub(1))).await
    }

    /// All codes that arrived so far.
    pub fn codes(&self) -> Vec<String> {
        let mails = self.mailbox.arrivals().into_iter();
        let codes = mails.filter(|mail| mail.recipient == self.address && mail.link().is_none());
        codes.filter_map(|mail| mail.code()).collect()
    }

    /// From the notification to the conversation's page.
    pub async fn open(&mut self) -> Page {
        let link = self.link().await;
        let page = self.visitor.ask_for_code(&link).await;
        let code = self.code(1).await;
        let page = self.visitor.enter(&page, &code).await;
        assert_eq!(page.status, 200, "the conversation: {}", page.text());
        page
    }

    /// From the notification to all that the portal shows of a message that opens with this access code.
    pub async fn read_by(&mut self, access_code: &str) -> String {
        let link = self.link().await;
        let page = self.visitor.ask_for_code(&link).await;
        let page = self.visitor.enter(&page, access_code).await;
        assert_eq!(page.status, 200, "the conversation: {}", page.text());
        self.visitor.read(&page).await
    }

    /// From the notification to everything that the portal shows of the message.
    pub async fn read(&mut self) -> String {
        let page = self.open().await;
        self.visitor.read(&page).await
    }
}
