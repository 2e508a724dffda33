//! `wc`: counts lines, words and bytes.

use super::options::{Usage, no_files, read, switch};
use crate::no::Checked;
use crate::words::Word;
use countersign_core::refusal::Code;

const USAGE: Usage = Usage {
    name: "wc",
    options: &[switch('l', "lines"), switch('w', "words"), switch('c', "bytes")],
    refused: &[
        (&["-m", "--chars", "-L", "--max-line-length", "--total"], Code::FlagNotAllowed, "it has `-l`, `-w` and `-c`"),
        (&["--files0-from"], Code::WorkerFiles, "a filter reads the output of the command and no files"),
    ],
    number: None,
};

/// `wc`, understood. At least one of the three is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wc {
    /// Counts line ends.
    pub lines: bool,
    /// Counts words.
    pub words: bool,
    /// Counts bytes.
    pub bytes: bool,
}

impl Wc {
    pub(super) fn read(words: &[Word]) -> Checked<Self> {
        let read = read(&USAGE, words)?;
        no_files("wc", read.operands.first())?;
        let all = read.given.is_empty();
        Ok(Self { lines: all || read.has('l'), words: all || read.has('w'), bytes: all || read.has('c') })
    }

    pub(super) fn canonical(self) -> Vec<String> {
        let switches = [("-l", self.lines), ("-w", self.words), ("-c", self.bytes)];
        let switches = switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned());
        std::iter::once("wc".to_owned()).chain(switches).collect()
    }
}
