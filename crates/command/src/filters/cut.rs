//! `head` and `tail`: keep the beginning or the end.

use super::options::{Usage, no_files, number, read, valued};
use crate::no::{Checked, Pointing, no};
use crate::words::Word;
use countersign_core::refusal::Code;

/// How many when nobody says (POSIX).
const LINES: u64 = 10;
/// Most that can be asked for.
const MOST: u64 = 1_000_000_000;

const BEYOND: &str = "the output ends by itself, and so does the filter";

const HEAD: Usage = Usage {
    name: "head",
    options: &[valued('n', "lines"), valued('c', "bytes")],
    refused: &[(&["-q", "-v", "-z", "--quiet", "--verbose"], Code::FlagNotAllowed, "leave it away")],
    number: Some('n'),
};

const TAIL: Usage = Usage {
    name: "tail",
    options: &[valued('n', "lines"), valued('c', "bytes")],
    refused: &[
        (&["-f", "-F", "--follow", "--retry", "--pid", "-s"], Code::FlagNotAllowed, BEYOND),
        (&["-q", "-v", "-z", "-r", "--quiet", "--verbose"], Code::FlagNotAllowed, "leave it away"),
    ],
    number: Some('n'),
};

/// Which end is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `head`
    Head,
    /// `tail`
    Tail,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// So many lines.
    Lines(u64),
    /// So many bytes.
    Bytes(u64),
    /// Everything from this line on, the first being 1: `tail -n +2`.
    FromLine(u64),
}

/// `head` or `tail`, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Which end.
    pub end: End,
    /// How much of it.
    pub extent: Extent,
}

impl Cut {
    pub(super) fn read(end: End, words: &[Word]) -> Checked<Self> {
        let usage = match end {
            End::Head => &HEAD,
            End::Tail => &TAIL,
        };
        let read = read(usage, words)?;
        no_files(usage.name, read.operands.first())?;
        let extent = match (read.value('n'), read.value('c')) {
            (Some(_), Some(bytes)) => {
                let sentence = format!("`-n` and `-c` of `{}` contradict each other", usage.name);
                return Err(no(Code::BadValue, sentence, "say which of them you mean").over(bytes));
            }
            (None, Some(bytes)) => Extent::Bytes(number(bytes, MOST)?),
            (Some(lines), None) => match lines.text.strip_prefix('+').filter(|_| end == End::Tail) {
                Some(from) => Extent::FromLine(number(&Word { text: from.to_owned(), ..lines.clone() }, MOST)?.max(1)),
                None => Extent::Lines(number(lines, MOST)?),
            },
            (None, None) => Extent::Lines(LINES),
        };
        Ok(Self { end, extent })
    }

    pub(super) fn canonical(self) -> Vec<String> {
        let name = match self.end {
            End::Head => "head",
            End::Tail => "tail",
        };
        let (option, value) = match self.extent {
            Extent::Lines(lines) => ("-n", lines.to_string()),
            Extent::Bytes(bytes) => ("-c", bytes.to_string()),
            Extent::FromLine(line) => ("-n", format!("+{line}")),
        };
        vec![name.to_owned(), option.to_owned(), value]
    }
}
