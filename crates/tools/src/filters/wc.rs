//! `wc`: counts lines, words and bytes.

use super::{FilterError, Told};
use countersign_command::filters::Wc;
use std::io::{BufRead, Write};

pub(super) fn run(wc: Wc, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<Told, FilterError> {
    let (mut lines, mut words, mut bytes) = (0_u64, 0_u64, 0_u64);
    let mut within = false;
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        for byte in piece {
            lines += u64::from(*byte == b'\n');
            // The six of isspace(3) in the C locale.
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c);
            words += u64::from(!space && !within);
            within = !space;
        }
        let read = piece.len();
        bytes += read as u64;
        input.consume(read);
    }
    let counts: Vec<u64> = [(wc.lines, lines), (wc.words, words), (wc.bytes, bytes)]
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, n)| *n)
        .collect();
    match counts.as_slice() {
        [one] => writeln!(output, "{one}")?,
        // GNU's columns for an input whose size is not known beforehand.
        several => {
            let columns: Vec<String> = several.iter().map(|count| format!("{count:>7}")).collect();
            writeln!(output, "{}", columns.join(" "))?;
        }
    }
    Ok(Told::default())
}
