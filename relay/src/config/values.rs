//! Values that people write and that check themselves.

use std::time::Duration;

use serde::Deserialize;

/// File permissions as `chmod` takes them, such as `0660`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(pub u32);

/// An `https` origin: scheme and host, perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

/// A duration as people write it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl Origin {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `host[:port]`.
    pub fn host(&self) -> &str {
        self.0.strip_prefix("https://").unwrap_or(&self.0)
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const FORM: &str = "write it as https://host or https://host:port, without a path";
        let lower = text.to_ascii_lowercase();
        let authority = lower
            .strip_prefix("https://")
            .ok_or_else(|| format!("`{text}` is no https origin: {FORM}"))?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) =
            authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        let host_ok = !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        let port_ok = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
        if host_ok && port_ok {
            Ok(Self(format!("https://{authority}")))
        } else {
            Err(format!("`{text}` is no https origin: {FORM}"))
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777).map(Self).ok_or_else(
            || format!("`{text}` are no file permissions: write them in octal, as \"0660\""),
        )
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{text}` is no duration: write a number with s, m, h or d behind it, as \"4h\""
            )
        };
        let unit = text.chars().last().ok_or_else(unknown)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(unknown()),
        };
        let number: u32 = text.trim_end_matches(unit).parse().map_err(|_| unknown())?;
        Ok(Self(Duration::from_secs(u64::from(number) * seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("4h", 14_400), ("5d", 432_000)] {
            let read = Span::try_from(text.to_owned());
            assert_eq!(read, Ok(Span(Duration::from_secs(seconds))), "{text}");
        }
    }
}
