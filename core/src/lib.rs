//! What Zegel decides. Everything here is a function of its arguments: time, chance, DNS answers and account
//! facts come in as values; verdicts, states and the bytes of outgoing mail come out.
//!
//! The nouns, in reading order, are also the order of a message's way:
//!
//! - [`address::Address`], [`address::Domain`]: where mail goes, parsed once.
//! - [`envelope::Envelope`]: sender and recipients as the SMTP transaction gave them (RFC 5321).
//! - [`message::Head`]: the header section as it stands in the bytes, read by our own strict scanner.
//! - [`text::HeaderText`]: a header value that we compose; nothing in it can end a line.
//! - [`selection`]: rules that say which messages must be secured. [`label`]: Microsoft sensitivity labels.
//! - [`route`]: an address inside one that the mail server routes to the relay; [`returned`]: what that server then reports.
//! - [`marker`]: how the milter knows the relay's own mail; [`own_id`]: how an answer to it is known.
//! - [`directive::Wishes`]: what the `zivver-*` headers ask for.
//! - [`submission::Submission`]: one accepted message with its wishes.
//! - [`submitter::Submitter`]: who hands a message over, and for which authors they may speak.
//! - [`conversation::Conversation`]: the recipients who see each other; every Bcc recipient has one alone.
//! - [`decision`]: the ladder; how a recipient is verified, and why each stronger rung was passed over.
//! - [`transport::Floor`]: the least that a connection must prove; [`transport::Seen`]: what it did prove.
//! - [`nta7516`]: whether two domains have agreed to exchange mail over DANE only.
//! - [`domain_list`]: domains in a text file, one on a line.
//! - [`dane`]: what TLSA records demand of a connection, and whether a certificate is the one they name (RFC 7672).
//! - [`dkim`]: what a signature in a domain's name stands on, and the field that says so (RFC 6376).
//! - [`mta_sts`]: what a domain's policy demands of connections to its mail servers, and for how long (RFC 8461).
//! - [`dmarc`]: which policy stands for a domain (RFC 9989).
//! - [`delivery::State`]: where one delivery stands; [`delivery::step`] is the only way from one to the next.
//! - [`spf`]: whether a server may send for a domain (RFC 7208), and whether that proves enough.
//! - [`access`]: challenges that a recipient answers; [`access::Passed`] is the proof that one was answered.
//! - [`phone::Number`]: where a text message may go; [`budget::Budget`]: how many may be sent.
//! - [`contact`]: numbers and access codes that are on file for the next message.
//! - [`notice`], [`outgoing`], [`report`]: the three kinds of mail that leave. [`mime`]: the parts of a message, as its
//!   octets pass by.
//! - [`return_path`]: where a bounce of such a mail comes back to; [`bounce`]: whether it says that the recipient gets nothing.
//! - [`tls_report`]: what connections say of the policies of domains that want to hear of it (RFC 8460).
//! - [`secret::Secret`]: a value that never prints.

pub mod access;
pub mod address;
pub mod bounce;
pub mod budget;
pub mod contact;
pub mod conversation;
pub mod dane;
pub mod decision;
pub mod delivery;
pub mod directive;
pub mod dkim;
pub mod dmarc;
pub mod domain_list;
pub mod envelope;
pub mod label;
pub mod marker;
pub mod message;
pub mod mime;
pub mod moment;
pub mod mta_sts;
pub mod notice;
pub mod nta7516;
pub mod outgoing;
pub mod own_id;
pub mod phone;
pub mod report;
pub mod return_path;
pub mod returned;
pub mod route;
pub mod secret;
pub mod selection;
pub mod spf;
pub mod submission;
pub mod submitter;
pub mod text;
pub mod tls_report;
pub mod transport;
