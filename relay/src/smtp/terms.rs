//! What holds for a listener, and what for one connection.

use std::net::IpAddr;

use zegel_core::marker::Key;

use crate::bounces::Bounces;
use crate::config::Config;

/// What is spoken on a listener, and how its clients prove who they are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// LMTP with the local mail server; the socket's permissions are the proof.
    Lmtp,
    /// Message submission (RFC 6409) by AUTH, inside TLS.
    Submission,
    /// SMTP from mail servers that SPF authorises, inside TLS.
    Relay,
}

/// What the connection itself tells about the client.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `None` on a unix socket.
    pub address: Option<IpAddr>,
    /// TLS was there before the greeting (implicit TLS, RFC 8314).
    pub secure: bool,
}

/// What holds for every client of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub service: Service,
    pub hostname: String,
    pub message_size_max: u64,
    pub recipients_max: usize,
    /// What the milter writes recipients with, where the mail server routes by them.
    pub marker_key: Option<Key>,
    /// Where our own mails come back to, if anywhere.
    pub bounces: Option<Bounces>,
}

impl Terms {
    /// The same with return paths that are taken.
    #[must_use]
    pub fn with_bounces(self, bounces: Option<Bounces>) -> Self {
        Self { bounces, ..self }
    }

    pub fn new(service: Service, config: &Config, marker_key: Option<Key>) -> Self {
        Self {
            service,
            hostname: config.hostname.to_string(),
            message_size_max: config.limits.message_size_max,
            recipients_max: config.limits.recipients_max,
            marker_key,
            bounces: None,
        }
    }
}
