//! Mail comes in. The session is a function from octets to actions and mentions no socket; [`server`] and
//! [`reception`] put it on one.
//!
//! It speaks LMTP (RFC 2033) with the local mail server, and SMTP with whoever submits: by AUTH (RFC 6409), or by the
//! sender's SPF record. What they differ in stands in one place each: which commands there are in [`command`], what is
//! offered in [`reply`], who is asked about the sender in [`session`].

mod arguments;
mod auth;
mod chunk;
mod command;
mod converse;
#[cfg(test)]
mod coverage;
mod crowd;
mod data;
#[cfg(test)]
mod dialog;
mod gateway;
mod line;
mod pace;
mod proxy;
mod reception;
mod reply;
mod server;
mod session;
mod terms;
mod unix;
#[cfg(test)]
mod walk;

pub use gateway::{Gateway, GatewayError, certificate};
pub use server::serve;
pub use session::{Action, Patience, Session};
pub use terms::{Peer, Service, Terms};
pub use unix::{BindError, bind};
