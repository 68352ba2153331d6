//! `zegel-milter report`: the mail server hands over a report of its own, by a mailer for one pseudo-domain, and the sender
//! gets it with the addresses that the sender wrote and without the message.
//!
//! The exit status is the mail server's answer (sysexits.h). Without an answer it keeps the report, and tries again.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Args;
use zegel_core::returned::returned;
use zegel_core::route::decode_sender;

use super::{ConfigFile, Failure};
use crate::config::Config;
use crate::sample::with_crlf;

#[derive(Debug, Args)]
pub(super) struct Report {
    /// Whom the mail server reports to: an address in report.zegel.invalid
    address: String,
    /// Program that takes the report for the sender
    #[arg(long, value_name = "FILE", default_value = SENDMAIL)]
    sendmail: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

/// Of the mail server, whichever it is.
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// `EX_NOUSER`: a report to that address never arrives.
const NO_USER: u8 = 67;

/// `EX_TEMPFAIL`.
const LATER: u8 = 75;

/// Octets of a report: 2000 recipients with all that can be said of each. What is behind them is the message.
const REPORT_MAX: u64 = 16 * 1024 * 1024;

/// Why a report does not arrive.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error("the address was not made here, or with another key")]
    Forged,
    #[error("{0}")]
    Later(String),
}

pub(super) fn report(asked: &Report, input: &mut dyn Read) -> Result<ExitCode, Failure> {
    match send_on(asked, input) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(missed) => {
            // The mail server logs it.
            writeln!(io::stderr(), "zegel-milter: {missed}")?;
            Ok(ExitCode::from(match missed {
                Missed::Forged => NO_USER,
                Missed::Later(_) => LATER,
            }))
        }
    }
}

fn send_on(asked: &Report, input: &mut dyn Read) -> Result<(), Missed> {
    let later = |error: &dyn std::fmt::Display| Missed::Later(error.to_string());
    let config = Config::read(&asked.config.path).map_err(|error| later(&error))?;
    let key = config.marker_key.ok_or_else(|| later(&"no marker-key-file in the configuration"))?;
    let to = decode_sender(&key, &asked.address).ok().flatten().ok_or(Missed::Forged)?;
    let report = received(input).map_err(|error| later(&error))?;
    let message = returned(&key, &to, &report, &boundary(&report));
    hand_in(&asked.sendmail, &to, &message).map_err(|error| later(&error))
}

/// The mail server writes all of it, however much counts.
fn received(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    input.take(REPORT_MAX).read_to_end(&mut octets)?;
    io::copy(input, &mut io::sink())?;
    Ok(with_crlf(&octets))
}

/// One that no line of the report begins with; `=_` stands in no quoted-printable (RFC 2045, section 6.7).
fn boundary(report: &[u8]) -> String {
    let mut boundary = "=_report".to_owned();
    while report.windows(boundary.len()).any(|octets| octets == boundary.as_bytes()) {
        boundary.push('_');
    }
    boundary
}

/// From the null sender, so that no report is ever about a report. The program reads up to the end of the file.
fn hand_in(sendmail: &Path, to: &str, message: &[u8]) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", sendmail.display());
    let mut command = Command::new(sendmail);
    command.args(["-i", "-f", "<>", "--", to]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let lines: Vec<u8> = message.iter().copied().filter(|octet| *octet != b'\r').collect();
    let written = child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(&lines));
    let status = child.wait().map_err(|error| failed(&error))?;
    written.map_err(|error| failed(&error))?;
    if status.success() { Ok(()) } else { Err(failed(&status)) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use zegel_core::marker::Key;
    use zegel_core::route::encode_sender;

    use super::*;

    const KEY: &str = "a key that is long enough to be one, for tests";

    /// What a report to this address leads to with a `sendmail` that ends so: the error, if any, and what was handed in.
    fn reported(address: &str, status: u8) -> (Option<Missed>, String) {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, mode, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let key = write("key", 0o600, KEY);
        let path = write("milter.toml", 0o600, &format!("marker-key-file = \"{}\"", key.display()));
        let taken = directory.path().join("taken");
        let script =
            format!("#!/bin/sh\n{{ echo \"$@\"; cat; }} >{}\nexit {status}\n", taken.display());
        let sendmail = write("sendmail", 0o700, &script);
        let asked = Report { address: address.to_owned(), sendmail, config: ConfigFile { path } };
        let missed = send_on(&asked, &mut &b"Subject: Returned mail\n\nno report\n"[..]).err();
        (missed, fs::read_to_string(taken).unwrap_or_default())
    }

    fn address() -> String {
        encode_sender(&Key::new(KEY.as_bytes()).unwrap(), "Jan@gemeente.example").unwrap()
    }

    #[test]
    fn a_report_is_handed_in_for_the_sender_from_nobody() {
        let (missed, taken) = reported(&address(), 0);
        assert!(missed.is_none(), "{missed:?}");
        assert!(taken.starts_with("-i -f <> -- Jan@gemeente.example\nSubject: "), "{taken}");
        assert!(!taken.contains('\r') && !taken.contains("no report"), "{taken}");
    }

    #[test]
    fn what_cannot_be_handed_in_now_is_tried_again_and_what_was_not_made_here_never_is() {
        assert!(matches!(reported(&address(), 75), (Some(Missed::Later(_)), _)));
        for forged in ["jan@gemeente.example", "z1-00-jan=40gemeente.example@report.zegel.invalid"]
        {
            let (missed, taken) = reported(forged, 0);
            assert!(matches!(missed, Some(Missed::Forged)) && taken.is_empty(), "{forged}");
        }
    }

    #[test]
    fn the_boundary_stands_in_no_report() {
        assert_eq!(boundary(b"--=_report_x"), "=_report__");
    }
}
