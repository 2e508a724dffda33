//! `sort`: puts lines in order, as GNU's does in the C locale.

mod compare;

use super::lines::Lines;
use super::{FilterError, Limits, Told};
use compare::{by_bytes, by_keys};
use countersign_command::filters::Sort;
use std::cmp::Ordering;
use std::io::{BufRead, Write};

pub(super) fn run(
    sort: &Sort,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    limits: Limits,
) -> Result<Told, FilterError> {
    let mut source = Lines::new(input, limits.line);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut size = 0_usize;
    while let Some((line, _)) = source.next()? {
        size += line.len() + size_of::<Vec<u8>>();
        if size > limits.kept {
            return Err(FilterError::TooMuch("sort", limits.kept >> 20));
        }
        lines.push(line.to_vec());
    }
    let notes = source.notes();
    lines.sort_by(|one, other| match by_keys(sort, one, other) {
        // Of equal lines the first one stays when only one does; otherwise all their bytes decide.
        Ordering::Equal if sort.unique => Ordering::Equal,
        Ordering::Equal => by_bytes(sort, one, other),
        order => order,
    });
    if sort.unique {
        lines.dedup_by(|later, earlier| by_keys(sort, earlier, later) == Ordering::Equal);
    }
    for line in lines {
        output.write_all(&line)?;
        output.write_all(b"\n")?;
    }
    Ok(Told { found_nothing: false, notes })
}
