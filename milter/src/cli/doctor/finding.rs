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
}

/// How it is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// This line stands in this file, instead of any other of its kind.
    Line {
        file: &'static str,
        line: String,
    },
    Run(String),
    /// No single line does it.
    Advice(&'static str),
}

impl Finding {
    pub(super) fn wrong(what: impl Into<String>, mend: Mend) -> Self {
        Self { weight: Weight::Wrong, what: what.into(), mend }
    }

    pub(super) fn doubtful(what: impl Into<String>, mend: Mend) -> Self {
        Self { weight: Weight::Doubtful, what: what.into(), mend }
    }

    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let weight = match self.weight {
            Weight::Wrong => "wrong",
            Weight::Doubtful => "doubtful",
        };
        writeln!(out, "{weight:<9} {}", self.what)?;
        match &self.mend {
            Mend::Line { file, line } => {
                writeln!(out, "          in {file}:")?;
                line.lines().try_for_each(|line| writeln!(out, "            {line}"))
            }
            Mend::Run(command) => writeln!(out, "          run:\n            {command}"),
            Mend::Advice(advice) => writeln!(out, "          {advice}"),
        }
    }
}

impl Mend {
    pub(super) fn main_cf(line: impl Into<String>) -> Self {
        Self::Line { file: "main.cf", line: line.into() }
    }

    pub(super) fn master_cf(line: impl Into<String>) -> Self {
        Self::Line { file: "master.cf", line: line.into() }
    }
}
