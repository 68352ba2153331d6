//! The sender's pages.

use askama::Template;

use super::factor::{CODE, NUMBER, Offers};
use crate::portal::view::Page;

/// Behind the link, before the sender has proved who they are.
#[derive(Debug, Template)]
#[template(path = "portal/sender.html")]
pub(super) struct StartPage<'a> {
    pub(super) page: Page<'a>,
    pub(super) sent: String,
    pub(super) address: String,
    pub(super) token: &'a str,
}

/// Who waits for what.
#[derive(Debug, Template)]
#[template(path = "portal/held.html")]
pub(super) struct HeldPage<'a> {
    pub(super) page: Page<'a>,
    pub(super) id: String,
    pub(super) sent: String,
    pub(super) offers: Offers,
    pub(super) held: Vec<Row>,
    /// Whose notification is out, but whose number or code may have to be another.
    pub(super) announced: Vec<Row>,
    /// Recipients who could have it, and wait for these.
    pub(super) ready: usize,
    /// Those for whom the page is too short.
    pub(super) more: usize,
    pub(super) notice: Option<String>,
    pub(super) mistake: Option<TypedWrong>,
}

/// One recipient.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) delivery: String,
    pub(super) recipient: String,
    pub(super) until: String,
}

/// What was wrong for one of them. What was typed is not shown again.
#[derive(Debug)]
pub(super) struct TypedWrong {
    pub(super) delivery: String,
    pub(super) field: &'static str,
    pub(super) text: String,
}

#[derive(Debug, Template)]
#[template(path = "portal/withdraw.html")]
pub(super) struct WithdrawPage<'a> {
    pub(super) page: Page<'a>,
    pub(super) id: String,
    pub(super) row: Row,
}

impl HeldPage<'_> {
    /// What is wrong in this field of this recipient.
    fn wrong(&self, row: &Row, field: &str) -> Option<&str> {
        let of = |wrong: &&TypedWrong| wrong.delivery == row.delivery && wrong.field == field;
        self.mistake.as_ref().filter(of).map(|wrong| wrong.text.as_str())
    }

    fn wrong_number(&self, row: &Row) -> Option<&str> {
        self.wrong(row, NUMBER)
    }

    fn wrong_code(&self, row: &Row) -> Option<&str> {
        self.wrong(row, CODE)
    }

    /// Both lists, and whether those in it are held.
    fn lists(&self) -> [(&[Row], bool); 2] {
        [(&self.held, true), (&self.announced, false)]
    }
}
