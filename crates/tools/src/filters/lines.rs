//! Lines of a stream, none longer than what may be kept.

use std::io::{self, BufRead};

/// Reads line by line.
pub(super) struct Lines<'a> {
    input: &'a mut dyn BufRead,
    most: usize,
    line: Vec<u8>,
    cut: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: &'a mut dyn BufRead, most: usize) -> Self {
        Self { input, most, line: Vec::new(), cut: 0 }
    }

    /// The next line without its end, and whether it had one.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
        self.line.clear();
        let mut any = false;
        let mut cut = false;
        loop {
            let piece = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if piece.is_empty() {
                self.cut += u64::from(cut);
                return Ok(any.then_some((&self.line, false)));
            }
            any = true;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let text = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
            let room = self.most.saturating_sub(self.line.len()).min(text.len());
            cut |= room < text.len();
            self.line.extend_from_slice(text.get(..room).unwrap_or_default());
            let used = text.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                self.cut += u64::from(cut);
                return Ok(Some((&self.line, true)));
            }
        }
    }

    /// What to say about lines that were cut.
    pub(super) fn notes(&self) -> Vec<String> {
        let cut = format!(
            "{} longer than {} bytes: the rest was dropped",
            count(self.cut, "line was", "lines were"),
            self.most
        );
        (self.cut > 0).then_some(cut).into_iter().collect()
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
