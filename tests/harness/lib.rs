//! The harness: everything that a message meets on its way, for real, on one machine and without a network.
//!
//! A [`lab::Lab`] is one small world: a directory, a port number, a certificate authority, name servers, a sending
//! Postfix or Sendmail with the milter, and the relay. Receiving servers join it as the test needs them: real Postfix instances
//! ([`mta`]) or scripted ones ([`sink`]) that can be wrong in every way a certificate can.
//!
//! - Nothing of the system is touched: own configuration, queue and data directories, loopback addresses, no port that
//!   anyone else could hold. Any number of labs run side by side.
//! - Whatever was started is ended when its value is dropped, also after a panic, and it dies with the test's process.
//!   `ZEGEL_TESTS_KEEP=1` leaves the directories for reading.
//! - Nobody sleeps and hopes: [`wait::until`] polls for what must become true, and says what did not.
//! - A fault of the harness or of the thing under test is a panic that names it: this is a test.

pub mod browser;
pub mod ca;
pub mod canary;
pub mod chance;
pub mod dialog;
pub mod dns;
pub mod gateway;
pub mod html;
pub mod kannel;
pub mod lab;
pub mod ldap;
pub mod letter;
pub mod login;
pub mod mailbox;
pub mod milter;
pub mod mta;
pub mod place;
pub mod policy;
pub mod portal;
pub mod process;
pub mod python;
pub mod recipient;
pub mod relay;
pub mod sendmail;
pub mod sink;
pub mod submit;
pub mod wait;
