//! `sort`: puts lines in order, by bytes unless an option says otherwise.

use super::options::{Opt, Usage, no_files, read, switch, valued};
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

/// Most keys.
const KEYS: usize = 4;
/// The last field that can be named.
const FIELDS: u32 = 1_000;

const USAGE: Usage = Usage {
    name: "sort",
    options: &[
        switch('r', "reverse"),
        switch('n', "numeric-sort"),
        switch('h', "human-numeric-sort"),
        switch('V', "version-sort"),
        switch('f', "ignore-case"),
        switch('b', "ignore-leading-blanks"),
        switch('u', "unique"),
        valued('t', "field-separator"),
        Opt { short: 'k', long: "key", values: 1, repeats: true },
    ],
    refused: &[
        (
            &["-o", "--output", "-T", "--temporary-directory", "--files0-from", "-m", "--merge"],
            Code::WorkerFiles,
            "a filter reads the output of the command and writes to nowhere else",
        ),
        (&["--compress-program", "-S", "--buffer-size", "--parallel"], Code::FlagNotAllowed, "leave it away"),
        (&["-R", "--random-sort", "--random-source"], Code::FlagNotAllowed, "the same output is ordered the same way"),
        (&["-c", "-C", "--check"], Code::FlagNotAllowed, "it would show nothing"),
        (&["-g", "--general-numeric-sort"], Code::FlagNotAllowed, "write `-n`"),
    ],
    number: None,
};

/// By what two texts compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// Their bytes.
    #[default]
    Bytes,
    /// The number they begin with.
    Numeric,
    /// The number and its unit: `2K` before `1M`.
    Human,
    /// Their parts, as versions: `v9` before `v10`.
    Version,
}

/// How a key, or all of a line, is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// By what.
    pub by: By,
    /// Blanks at the beginning are left away.
    pub skip_blanks: bool,
    /// Letters of either case are the same.
    pub fold: bool,
    /// The other way round.
    pub reverse: bool,
}

/// `-k FROM[,TO]`: which fields are compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The first field, from 1.
    pub from: u32,
    /// The last; `None` means the end of the line.
    pub to: Option<u32>,
    /// How they compare; `None` means as the whole `sort` does.
    pub order: Option<Order>,
}

/// `sort`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// How lines compare, and keys that do not say.
    pub order: Order,
    /// What is compared, one after the other; none means the whole line.
    pub keys: Vec<Key>,
    /// What separates fields; `None` means where blanks follow something else.
    pub separator: Option<u8>,
    /// Of lines that compare as equal only the first is kept.
    pub unique: bool,
}

impl Order {
    /// Reads option letters.
    fn of(letters: impl IntoIterator<Item = char>) -> Option<Self> {
        let mut order = Self::default();
        for letter in letters {
            let by = match letter {
                'n' => By::Numeric,
                'h' => By::Human,
                'V' => By::Version,
                'b' | 'f' | 'r' => {
                    order.skip_blanks |= letter == 'b';
                    order.fold |= letter == 'f';
                    order.reverse |= letter == 'r';
                    continue;
                }
                _ => return None,
            };
            // GNU refuses two of them as incompatible.
            if order.by != By::Bytes && order.by != by {
                return None;
            }
            order.by = by;
        }
        Some(order)
    }

    fn letters(self) -> String {
        let by = match self.by {
            By::Bytes => None,
            By::Numeric => Some('n'),
            By::Human => Some('h'),
            By::Version => Some('V'),
        };
        let rest = [('b', self.skip_blanks), ('f', self.fold), ('r', self.reverse)];
        by.into_iter().chain(rest.into_iter().filter(|(_, on)| *on).map(|(letter, _)| letter)).collect()
    }
}

impl Sort {
    pub(super) fn read(words: &[Word]) -> Checked<Self> {
        let read = read(&USAGE, words)?;
        no_files("sort", read.operands.first())?;
        let letters = read.given.iter().map(|given| given.opt.short).filter(|short| !"utk".contains(*short));
        let order = Order::of(letters).ok_or_else(|| {
            no(Code::BadValue, "`-n`, `-h` and `-V` of `sort` contradict each other", "say which of them you mean")
        })?;
        let keys: Vec<Key> = read.all('k').flatten().map(key).collect::<Checked<_>>()?;
        if keys.len() > KEYS {
            return Err(no(Code::TooLong, format!("`sort` takes at most {KEYS} keys"), "leave the last ones away"));
        }
        let separator = read.value('t').map(separator).transpose()?;
        Ok(Self { order, keys, separator, unique: read.has('u') })
    }

    pub(super) fn canonical(&self) -> Vec<String> {
        let mut elements = vec!["sort".to_owned()];
        elements.extend(self.order.letters().chars().map(|letter| format!("-{letter}")));
        elements.extend(self.unique.then(|| "-u".to_owned()));
        if let Some(separator) = self.separator {
            elements.extend(["-t".to_owned(), char::from(separator).to_string()]);
        }
        elements.extend(self.keys.iter().flat_map(|key| ["-k".to_owned(), key.canonical()]));
        elements
    }
}

impl Key {
    fn canonical(self) -> String {
        let order = self.order.unwrap_or_default();
        let blanks = if order.skip_blanks { "b" } else { "" };
        let to = self.to.map(|to| format!(",{to}")).unwrap_or_default();
        format!("{}{blanks}{to}{}", self.from, Order { skip_blanks: false, ..order }.letters())
    }
}

/// One ASCII character, as in `-t ,`.
fn separator(word: &Word) -> Checked<u8> {
    match word.text.as_bytes() {
        [one] if one.is_ascii() => Ok(*one),
        _ => Err(no(
            Code::BadValue,
            format!("{} does not separate fields", quoted(&word.text)),
            "write one character, as `-t ,`; without `-t` blanks separate",
        )
        .over(word)),
    }
}

/// `FROM[,TO]` with option letters behind either.
fn key(word: &Word) -> Checked<Key> {
    let (from, to) = match word.text.split_once(',') {
        Some((from, to)) => (from, Some(to)),
        None => (word.text.as_str(), None),
    };
    let (from, letters) = field(from).ok_or_else(|| bad_key(word))?;
    let (to, more) = match to.map(field) {
        Some(Some((to, more))) => (Some(to), more),
        Some(None) => return Err(bad_key(word)),
        None => (None, ""),
    };
    // Behind the last field `b` is about that field's characters, which are not available.
    let order = Order::of(letters.chars().chain(more.chars())).filter(|_| !more.contains('b'));
    let order = order.ok_or_else(|| bad_key(word))?;
    Ok(Key { from, to, order: (!letters.is_empty() || !more.is_empty()).then_some(order) })
}

/// A field and what stands behind it.
fn field(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, letters) = text.split_at_checked(digits)?;
    number.parse().ok().filter(|field| (1..=FIELDS).contains(field)).map(|field| (field, letters))
}

fn bad_key(word: &Word) -> Box<Refusal> {
    no(
        Code::BadValue,
        format!("{} is not a key of `sort`", quoted(&word.text)),
        "write fields from 1 on, as `-k 2`, `-k 2,2` or `-k 3,3nr`; characters within fields are not available",
    )
    .over(word)
}
