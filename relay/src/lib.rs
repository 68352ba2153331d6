//! The relay: accepts selected mail, decides for every recipient, delivers, keeps what must wait sealed, and serves
//! the portal. Everything that is a rule stands in `zegel_core`; here is what touches the world.
//!
//! The rooms do not know each other: [`smtp`], [`outbound`], [`sms`] and [`portal`] use `zegel_core` and [`store`];
//! [`pipeline`] also uses [`outbound`] and [`sms`]; only [`server`] knows all of them. What they share has no room of its own:
//! [`dns`] answers all who ask, as [`policies`] does; [`signing`] signs what leaves; [`bounces`] signs where our mails come back to
//! and knows it again; [`tls_report`] counts connections and reports them; [`admission`] and [`intake`] stand between [`smtp`]
//! and the store.

pub mod admission;
pub mod bounces;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod dns;
pub mod id;
pub mod intake;
pub mod lifecycle;
pub mod outbound;
pub mod pipeline;
pub mod policies;
pub mod portal;
pub mod server;
pub mod signing;
pub mod sms;
pub mod smtp;
pub mod store;
pub mod tls_report;
pub mod vault;
mod web;
