//! Mail comes in. The session is a function from octets to actions and mentions no socket; only [`server`] puts it on
//! one.
//!
//! Today it speaks LMTP (RFC 2033) with the local mail server. What a client of the SMTP gateway may say besides, and
//! when, are further states and commands of the same session.

mod command;
mod data;
#[cfg(test)]
mod dialog;
mod line;
mod reply;
mod server;
mod session;

pub use server::{bind, serve};
pub use session::Terms;
