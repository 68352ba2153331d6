//! What is wrong with a mail server's settings, and the line that mends it.

use std::io::{self, Write};

/// One thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub weight: Weight,
    /// What is so, and what follows from it.
    pub what: String,
    pub mend: Mend,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Selected mail goes out in the clear, is lost, or no mail goes out at all.
    Wrong,
    /// It works, and may surprise.
    Doubtful,
    /// It could not be looked at, so that nobody knows.
    Unseen,
}

/// How it is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// This line stands in this file, instead of any other of its kind.
    Line { file: String, line: String },
    /// This line does not stand in this file.
    Without { file: String, line: String },
    /// These commands, one a line.
    Run(String),
    /// No single line does it.
    Advice(String),
}

impl Finding {
    pub(super) fn wrong(what: impl Into<String>, mend: Mend) -> Self {
        Self { weight: Weight::Wrong, what: what.into(), mend }
    }

    pub(super) fn doubtful(what: impl Into<String>, mend: Mend) -> Self {
        Self { weight: Weight::Doubtful, what: what.into(), mend }
    }

    pub(super) fn unseen(what: impl Into<String>, mend: Mend) -> Self {
        Self { weight: Weight::Unseen, what: what.into(), mend }
    }

    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let weight = match self.weight {
            Weight::Wrong => "wrong",
            Weight::Doubtful => "doubtful",
            Weight::Unseen => "unseen",
        };
        writeln!(out, "{weight:<9} {}", self.what)?;
        let (head, lines) = match &self.mend {
            Mend::Line { file, line } => (format!("in {file}:"), line),
            Mend::Without { file, line } => (format!("in {file}, take out:"), line),
            Mend::Run(commands) => ("run:".to_owned(), commands),
            Mend::Advice(advice) => return writeln!(out, "          {advice}"),
        };
        writeln!(out, "          {head}")?;
        lines.lines().try_for_each(|line| writeln!(out, "            {line}"))
    }
}

impl Mend {
    pub(super) fn line(file: impl Into<String>, line: impl Into<String>) -> Self {
        Self::Line { file: file.into(), line: line.into() }
    }

    pub(super) fn main_cf(line: impl Into<String>) -> Self {
        Self::line("main.cf", line)
    }

    pub(super) fn master_cf(line: impl Into<String>) -> Self {
        Self::line("master.cf", line)
    }

    pub(super) fn milter_toml(line: impl Into<String>) -> Self {
        Self::line("milter.toml", line)
    }

    pub(super) fn advice(advice: impl Into<String>) -> Self {
        Self::Advice(advice.into())
    }
}
