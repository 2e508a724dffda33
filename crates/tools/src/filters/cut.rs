//! `head` and `tail`: keep the beginning or the end.

use super::{FilterError, Limits, Told};
use countersign_command::filters::{Cut, End, Extent};
use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _, Write};

pub(super) fn run(
    cut: Cut,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    limits: Limits,
) -> Result<Told, FilterError> {
    match (cut.end, cut.extent) {
        (End::Head, Extent::Bytes(bytes)) => drop(io::copy(&mut input.take(bytes), output)?),
        (End::Head, Extent::Lines(lines)) => first_lines(lines, input, output)?,
        (_, Extent::FromLine(line)) => {
            first_lines(line.saturating_sub(1), input, &mut io::sink())?;
            io::copy(input, output)?;
        }
        (End::Tail, Extent::Bytes(bytes)) => last_bytes(bytes, input, output, limits)?,
        (End::Tail, Extent::Lines(lines)) => last_lines(lines, input, output, limits)?,
    }
    Ok(Told::default())
}

fn first_lines(lines: u64, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<(), FilterError> {
    let mut left = lines;
    while left > 0 {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        let end = piece.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let used = end.unwrap_or(piece.len());
        output.write_all(piece.get(..used).unwrap_or_default())?;
        input.consume(used);
        left -= u64::from(end.is_some());
    }
    Ok(())
}

/// Keeps twice as much as is asked for, so that each byte is moved at most once.
fn last_bytes(bytes: u64, input: &mut dyn BufRead, output: &mut dyn Write, limits: Limits) -> Result<(), FilterError> {
    let most = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut kept: Vec<u8> = Vec::new();
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        kept.extend_from_slice(piece);
        let read = piece.len();
        input.consume(read);
        if kept.len() > most.saturating_mul(2) {
            kept.drain(..kept.len() - most);
        }
        if kept.len() > limits.kept {
            return Err(FilterError::TooMuch("tail", limits.kept >> 20));
        }
    }
    let from = kept.len().saturating_sub(most);
    Ok(output.write_all(kept.get(from..).unwrap_or_default())?)
}

fn last_lines(lines: u64, input: &mut dyn BufRead, output: &mut dyn Write, limits: Limits) -> Result<(), FilterError> {
    let mut kept: VecDeque<Vec<u8>> = VecDeque::new();
    let mut size = 0_usize;
    loop {
        let mut line = Vec::new();
        // A line may be as long as all that is kept, and is refused when it is longer.
        input.take(limits.kept as u64 + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        size += line.len();
        kept.push_back(line);
        while kept.len() as u64 > lines {
            size -= kept.pop_front().map_or(0, |line| line.len());
        }
        if size > limits.kept {
            return Err(FilterError::TooMuch("tail", limits.kept >> 20));
        }
    }
    for line in kept {
        output.write_all(&line)?;
    }
    Ok(())
}
