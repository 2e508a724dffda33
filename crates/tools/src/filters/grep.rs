//! `grep`: keeps the lines that match.

use super::lines::Lines;
use super::{FilterError, Limits, Told};
use countersign_command::filters::{Grep, Lines as Which};
use regex::bytes::Regex;
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};

pub(super) fn run(
    grep: &Grep,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    limits: Limits,
) -> Result<Told, FilterError> {
    // Then GNU's does not even count.
    if grep.most == Some(0) {
        return Ok(Told { found_nothing: true, notes: Vec::new() });
    }
    let regex = grep.regex().map_err(|_| FilterError::Pattern)?;
    let mut lines = Lines::new(input, limits.line);
    let mut printer = Printer::new(grep, &regex, output, limits);
    while !printer.is_done() {
        let Some((line, _)) = lines.next()? else { break };
        printer.line(line)?;
    }
    let selected = printer.end()?;
    Ok(Told { found_nothing: selected == 0, notes: lines.notes() })
}

struct Printer<'a> {
    grep: &'a Grep,
    regex: &'a Regex,
    output: &'a mut dyn Write,
    /// The number of the line that is looked at, from 1.
    number: u64,
    selected: u64,
    /// Lines before it that may become context.
    before: VecDeque<(u64, Vec<u8>)>,
    /// Their bytes, and the most they may have.
    held: (usize, usize),
    /// Lines after a selected one that are still context.
    after: u64,
    /// The last line that was printed.
    printed: Option<u64>,
}

impl<'a> Printer<'a> {
    fn new(grep: &'a Grep, regex: &'a Regex, output: &'a mut dyn Write, limits: Limits) -> Self {
        let (before, held) = (VecDeque::new(), (0, limits.kept));
        Self { grep, regex, output, number: 0, selected: 0, before, held, after: 0, printed: None }
    }

    fn enough(&self) -> bool {
        self.grep.most.is_some_and(|most| self.selected >= most)
    }

    fn is_done(&self) -> bool {
        self.enough() && self.after == 0
    }

    fn line(&mut self, line: &[u8]) -> Result<(), FilterError> {
        self.number += 1;
        let matches = self.regex.is_match(line) == (self.grep.lines == Which::Matching);
        // Behind the last one everything is its context.
        if matches && !self.enough() {
            self.selected += 1;
            return self.select(line);
        }
        if self.after > 0 {
            self.after -= 1;
            self.print(self.number, line, b'-')?;
        } else {
            self.hold(line)?;
        }
        Ok(())
    }

    fn select(&mut self, line: &[u8]) -> Result<(), FilterError> {
        if self.grep.count {
            return Ok(());
        }
        if self.grep.only_matching {
            return self.matches(line);
        }
        for (number, line) in std::mem::take(&mut self.before) {
            self.print(number, &line, b'-')?;
        }
        self.held.0 = 0;
        self.after = self.grep.after;
        Ok(self.print(self.number, line, b':')?)
    }

    /// Keeps a line that may become context.
    fn hold(&mut self, line: &[u8]) -> Result<(), FilterError> {
        if self.grep.before == 0 || self.grep.count || self.grep.only_matching {
            return Ok(());
        }
        self.held.0 += line.len();
        self.before.push_back((self.number, line.to_vec()));
        if self.before.len() as u64 > self.grep.before {
            self.held.0 -= self.before.pop_front().map_or(0, |(_, line)| line.len());
        }
        if self.held.0 > self.held.1 {
            return Err(FilterError::TooMuch("grep -B", self.held.1 >> 20));
        }
        Ok(())
    }

    /// Prints what matched, each on a line of its own; of lines that do not match there is nothing.
    fn matches(&mut self, line: &[u8]) -> Result<(), FilterError> {
        if self.grep.lines == Which::Others {
            return Ok(());
        }
        for found in self.regex.find_iter(line).filter(|found| !found.is_empty()) {
            self.prefix(self.number, b':')?;
            self.output.write_all(found.as_bytes())?;
            self.output.write_all(b"\n")?;
        }
        Ok(())
    }

    fn print(&mut self, number: u64, line: &[u8], mark: u8) -> io::Result<()> {
        let context = self.grep.before > 0 || self.grep.after > 0;
        if context && self.printed.is_some_and(|printed| printed + 1 < number) {
            self.output.write_all(b"--\n")?;
        }
        self.printed = Some(number);
        self.prefix(number, mark)?;
        self.output.write_all(line)?;
        self.output.write_all(b"\n")
    }

    fn prefix(&mut self, number: u64, mark: u8) -> io::Result<()> {
        if self.grep.numbers {
            write!(self.output, "{number}{}", char::from(mark))?;
        }
        Ok(())
    }

    /// How many lines were selected.
    fn end(self) -> Result<u64, FilterError> {
        if self.grep.count {
            writeln!(self.output, "{}", self.selected)?;
        }
        Ok(self.selected)
    }
}
