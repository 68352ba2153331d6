//! What sendmail.cf says.

/// The file's lines, each whole.
#[derive(Clone, Debug)]
pub(super) struct Cf(String);

/// A milter or mailer of sendmail.cf with its equates.
#[derive(Copy, Clone, Debug)]
pub(super) struct Definition<'a> {
    pub name: &'a str,
    equates: &'a str,
}

impl Cf {
    /// A line that begins with white space goes on with the one before.
    pub(super) fn new(text: &str) -> Self {
        Self(text.replace("\n\t", " ").replace("\n ", " "))
    }

    /// All options of this name.
    pub(super) fn options<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| {
            let (known, value) = line.strip_prefix("O ")?.split_once('=')?;
            (known.trim() == name).then(|| value.trim())
        })
    }

    /// The option of this name; the last counts.
    pub(super) fn option<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.options(name).next_back()
    }

    /// Lines that begin with `kind` and a name.
    pub(super) fn definitions(&self, kind: char) -> impl Iterator<Item = Definition<'_>> {
        self.0.lines().filter_map(move |line| {
            let (name, equates) = line.strip_prefix(kind)?.split_once(',')?;
            Some(Definition { name: name.trim(), equates })
        })
    }

    /// The file that a map of this name is read from, without the suffix of its database; and the kind of that.
    pub(super) fn map(&self, name: &str) -> Option<(&str, &str)> {
        let line = self.0.lines().find_map(|line| line.strip_prefix('K')?.strip_prefix(name))?;
        let mut words = line.strip_prefix(char::is_whitespace)?.split_whitespace();
        let (kind, file) = (words.next()?, words.find(|word| !word.starts_with('-'))?);
        Some((kind, file.trim_end_matches(".db")))
    }
}

impl<'a> Definition<'a> {
    pub(super) fn equate(&self, name: &str) -> Option<&'a str> {
        equate(self.equates, |known| known == name)
    }
}

/// The value of the first equate of a list whose name is one that is looked for.
pub(super) fn equate(equates: &str, is_one: impl Fn(&str) -> bool) -> Option<&str> {
    equates.split(',').find_map(|equate| {
        let (known, value) = equate.split_once('=')?;
        is_one(known.trim()).then(|| value.trim())
    })
}
