//! A command with its parameters, as Exchange writes one into an export. Only what such commands consist of is understood:
//! literal values. What would have to be run to be known is kept as it is written, and known to be unknown.

use std::iter::Peekable;
use std::str::Chars;

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Truth(bool),
    Null,
    /// A variable, a table or an expression.
    Opaque(String),
}

/// A parameter and what it is given: nothing, a value or a list.
pub(super) type Setting = (String, Vec<Value>);

/// Why a text is no command.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct CommandError(&'static str);

/// The settings of the one `New-TransportRule` in a text.
pub(super) fn settings(text: &str) -> Result<Vec<Setting>, CommandError> {
    let mut reader = Reader { chars: text.chars().peekable() };
    reader.skip_space();
    if !reader.word().eq_ignore_ascii_case("New-TransportRule") {
        return Err(CommandError("not a New-TransportRule command"));
    }
    let mut settings = Vec::new();
    loop {
        reader.skip_space();
        match reader.chars.peek() {
            None | Some(';') => break,
            Some('-') => settings.push(reader.setting()?),
            Some(_) => return Err(CommandError("a value that belongs to no parameter")),
        }
    }
    reader.chars.next();
    reader.skip_space();
    match reader.chars.peek() {
        None => Ok(settings),
        Some(_) => Err(CommandError("more than one command")),
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
}

/// PowerShell takes typographic quotes for plain ones.
fn is_single(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201b}')
}

fn is_double(c: char) -> bool {
    matches!(c, '"' | '\u{201c}'..='\u{201e}')
}

const NOT_CLOSED: CommandError = CommandError("a quote or bracket that is not closed");

impl Reader<'_> {
    /// White space, line ends behind a backtick, and line ends without one: a command block holds a single command.
    fn skip_space(&mut self) {
        while self.chars.next_if(|c| c.is_whitespace() || *c == '`').is_some() {}
    }

    fn word(&mut self) -> String {
        let ends = |c: &char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | '(' | ':' | '|');
        std::iter::from_fn(|| self.chars.next_if(|c| !ends(c))).collect()
    }

    fn setting(&mut self) -> Result<Setting, CommandError> {
        self.chars.next();
        let name = self.word();
        self.chars.next_if_eq(&':');
        self.skip_space();
        let values = if self.is_at_value() { self.list()? } else { Vec::new() };
        Ok((name, values))
    }

    /// A hyphen begins the next parameter, unless a digit follows it.
    fn is_at_value(&mut self) -> bool {
        let mut ahead = self.chars.clone();
        match ahead.next() {
            None | Some(';') => false,
            Some('-') => ahead.next().is_some_and(|c| c.is_ascii_digit()),
            Some(_) => true,
        }
    }

    /// Values between commas.
    fn list(&mut self) -> Result<Vec<Value>, CommandError> {
        let mut values = Vec::new();
        loop {
            self.skip_space();
            self.values(&mut values)?;
            self.skip_space();
            if self.chars.next_if_eq(&',').is_none() {
                return Ok(values);
            }
        }
    }

    /// One value, or an array of them.
    fn values(&mut self, values: &mut Vec<Value>) -> Result<(), CommandError> {
        let mut ahead = self.chars.clone();
        match (ahead.next(), ahead.next()) {
            (Some('@'), Some('(')) => {
                self.chars.next();
                self.array(values)
            }
            (Some('('), _) => self.array(values),
            (Some('@'), Some('{')) => self.table(values),
            (Some(quote), _) if is_single(quote) => self.single().map(|value| values.push(value)),
            (Some(quote), _) if is_double(quote) => self.double().map(|value| values.push(value)),
            (Some(_), _) => self.bare().map(|value| values.push(value)),
            (None, _) => Err(CommandError("a value is missing")),
        }
    }

    /// What stands in round brackets, as literals. An expression in them shows by what follows its first word.
    fn array(&mut self, values: &mut Vec<Value>) -> Result<(), CommandError> {
        self.chars.next();
        self.skip_space();
        if self.chars.next_if_eq(&')').is_some() {
            return Ok(());
        }
        loop {
            self.skip_space();
            match self.chars.peek() {
                Some('(' | '@') => return Err(CommandError("a list within a list")),
                _ => self.values(values)?,
            }
            self.skip_space();
            match self.chars.next() {
                Some(',') => (),
                Some(')') => return Ok(()),
                Some(_) => return Err(CommandError("an expression")),
                None => return Err(NOT_CLOSED),
            }
        }
    }

    /// A table is passed over whole; quotes in it may hold brackets.
    fn table(&mut self, values: &mut Vec<Value>) -> Result<(), CommandError> {
        let mut depth = 0_usize;
        while let Some(c) = self.chars.peek().copied() {
            if is_single(c) {
                self.single()?;
                continue;
            }
            if is_double(c) {
                self.double()?;
                continue;
            }
            self.chars.next();
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => {
                    values.push(Value::Opaque("@{…}".to_owned()));
                    return Ok(());
                }
                '}' => depth = depth.saturating_sub(1),
                _ => (),
            }
        }
        Err(NOT_CLOSED)
    }

    /// In single quotes all is literal; a doubled quote stands for one.
    fn single(&mut self) -> Result<Value, CommandError> {
        self.chars.next();
        let mut text = String::new();
        loop {
            match self.chars.next().ok_or(NOT_CLOSED)? {
                c if !is_single(c) => text.push(c),
                c if self.chars.next_if(|next| is_single(*next)).is_some() => text.push(c),
                _ => return Ok(Value::Text(text)),
            }
        }
    }

    /// In double quotes a backtick escapes, and a dollar sign would be replaced.
    fn double(&mut self) -> Result<Value, CommandError> {
        self.chars.next();
        let (mut text, mut expands) = (String::new(), false);
        loop {
            match self.chars.next().ok_or(NOT_CLOSED)? {
                '`' => text.push(unescaped(self.chars.next().ok_or(NOT_CLOSED)?)),
                c if is_double(c) => match self.chars.next_if(|next| is_double(*next)) {
                    Some(_) => text.push(c),
                    None if expands => return Ok(Value::Opaque(text)),
                    None => return Ok(Value::Text(text)),
                },
                c => {
                    expands |= c == '$'
                        && self.chars.peek().is_some_and(|next| {
                            next.is_alphanumeric() || matches!(next, '_' | '(' | '{')
                        });
                    text.push(c);
                }
            }
        }
    }

    fn bare(&mut self) -> Result<Value, CommandError> {
        let mut text = self.word();
        // A word may hold colons, as IPv6 addresses and times do; only behind a parameter's name do they end it.
        while self.chars.next_if_eq(&':').is_some() {
            text.push(':');
            text.push_str(&self.word());
        }
        match text.to_ascii_lowercase().as_str() {
            "" => Err(CommandError("a value is missing")),
            "$true" => Ok(Value::Truth(true)),
            "$false" => Ok(Value::Truth(false)),
            "$null" => Ok(Value::Null),
            _ if text.starts_with('$') => Ok(Value::Opaque(text)),
            _ => Ok(Value::Text(text)),
        }
    }
}

/// What a backtick and this character stand for.
fn unescaped(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings in short: `name=value|value`, `?` for what is opaque.
    #[track_caller]
    fn check(parameters: &str, want: &[&str]) {
        let settings = settings(&format!("New-TransportRule {parameters}")).unwrap();
        let value = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            Value::Truth(truth) => format!("${truth}"),
            Value::Null => "$null".to_owned(),
            Value::Opaque(_) => "?".to_owned(),
        };
        let shown: Vec<String> = settings
            .iter()
            .map(|(name, values)| {
                format!("{name}={}", values.iter().map(value).collect::<Vec<_>>().join("|"))
            })
            .collect();
        assert_eq!(shown, want, "{parameters}");
    }

    #[test]
    fn quotes_of_every_kind_are_taken_off() {
        check(
            "-Name 'Jan''s rule' -Comments \"a `\"b`\" \"\"c\"\" `$d $ 5\"",
            &["Name=Jan's rule", "Comments=a \"b\" \"c\" $d $ 5"],
        );
        check("-Name \u{2018}it\u{2019}\u{2019}s\u{2019}", &["Name=it\u{2019}s"]);
        check("-Name 'a\nb' -Comments ''", &["Name=a\nb", "Comments="]);
    }

    #[test]
    fn lists_are_read_with_and_without_brackets_and_across_lines() {
        check(
            "-A 'a','b, c' , d -B @('x', 'y') -C @() -D ('z')",
            &["A=a|b, c|d", "B=x|y", "C=", "D=z"],
        );
        check("`\n  -A 'a',\n 'b' `\r\n -B c", &["A=a|b", "B=c"]);
    }

    #[test]
    fn truth_values_numbers_and_switches_are_told_from_parameters() {
        check(
            "-Enabled $false -ApplyOME:$True -SetSCL -1 -Confirm -X $null",
            &["Enabled=$false", "ApplyOME=$true", "SetSCL=-1", "Confirm=", "X=$null"],
        );
        check(
            "-SenderIpRanges 2001:db8::1,192.0.2.0/24",
            &["SenderIpRanges=2001:db8::1|192.0.2.0/24"],
        );
    }

    #[test]
    fn what_would_have_to_be_run_is_known_to_be_unknown() {
        check(
            "-A $words -B \"x $(Get-Date)\" -C @{Name='}'; n=@{a=1}},@{b=2} -D 'e'",
            &["A=?", "B=?", "C=?|?", "D=e"],
        );
    }

    #[test]
    fn what_is_no_single_command_is_refused() {
        for text in [
            "",
            "Remove-TransportRule -Name x",
            "New-TransportRule 'x'",
            "New-TransportRule -Name 'x",
            "New-TransportRule -A @('x'",
            "New-TransportRule -A @{x=1",
            "New-TransportRule -A (Get-Content x)",
            "New-TransportRule -A 'x',",
            "New-TransportRule -Name x; Remove-TransportRule y",
            "New-TransportRule -Name x | Out-Null",
        ] {
            assert!(settings(text).is_err(), "{text}");
        }
    }
}
