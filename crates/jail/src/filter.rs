//! Makes one fast system-call filter: a binary search over what is always allowed, before the rules with conditions.
//!
//! The kernel tries a new filter on every system call there is to fill its cache, so a linear list of three hundred
//! comparisons costs more at start than everything the command asks later.
//!
//! **Invariant:** the architecture is checked first, and what the search does not allow is left to the conditions.

use libc::c_long;
use seccompiler::{BpfProgram, sock_filter};

use crate::status::{SetupError, refuse};

// Source: linux/bpf_common.h. Load a word of the call's data, jump, compare with a constant, return.
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

// Source: linux/seccomp.h.
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

/// Where `struct seccomp_data` keeps the number and the architecture.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// Puts the search before `conditions`, a program that checks the architecture first and refuses by default.
pub(crate) fn assemble(always: &[c_long], conditions: &BpfProgram) -> Result<BpfProgram, SetupError> {
    // The library's programs begin with these three: load the architecture, compare, kill.
    let (check, rest) = conditions.split_at_checked(3).ok_or_else(|| refuse("seccomp", "the filter is empty"))?;
    if [check[0].code, check[1].code, check[2].code] != [LOAD, EQUAL, RETURN] || check[0].k != ARCHITECTURE {
        return Err(refuse("seccomp", "the filter does not begin with the architecture"));
    }
    let mut program = check.to_vec();
    program.push(instruction(LOAD, NUMBER, 0, 0));
    program.push(instruction(EQUAL, number(libc::SYS_clone3), 0, 1));
    program.push(instruction(RETURN, ERRNO | libc::ENOSYS.unsigned_abs(), 0, 0));
    let mut search = search(&ranges(always))?;
    let end = search.len();
    for (at, jump) in search.iter_mut().enumerate().filter(|(_, it)| it.code == JUMP) {
        jump.k = u32::try_from(end - at - 1).expect("a filter has at most 4096 instructions");
    }
    program.extend(search);
    program.extend_from_slice(rest);
    Ok(program)
}

/// Jumps to the end, when nothing is found, are left open.
fn search(ranges: &[(u32, u32)]) -> Result<BpfProgram, SetupError> {
    match ranges {
        [] => Ok(vec![instruction(JUMP, 0, 0, 0)]),
        [(first, last)] => Ok(vec![
            instruction(AT_LEAST, *first, 0, 2),
            instruction(GREATER, *last, 1, 0),
            instruction(RETURN, ALLOW, 0, 0),
            instruction(JUMP, 0, 0, 0),
        ]),
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let (below, above) = (search(low)?, search(high)?);
            let distance = u8::try_from(below.len()).map_err(|_| refuse("seccomp", "the list is too long"))?;
            Ok([vec![instruction(AT_LEAST, high[0].0, distance, 0)], below, above].concat())
        }
    }
}

/// Neighbouring numbers joined, in order.
fn ranges(numbers: &[c_long]) -> Vec<(u32, u32)> {
    let mut sorted: Vec<u32> = numbers.iter().copied().map(number).collect();
    sorted.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in sorted {
        match ranges.last_mut() {
            Some((_, last)) if number <= *last + 1 => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

fn number(number: c_long) -> u32 {
    u32::try_from(number).expect("system call numbers are small and positive")
}

fn instruction(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// Runs a program as the kernel does, for tests. `data` is `struct seccomp_data` in words.
#[cfg(test)]
pub(crate) fn answer(program: &BpfProgram, data: [u32; 16]) -> u32 {
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let it = &program[at];
        at += 1;
        let jump = |taken: bool| usize::from(if taken { it.jt } else { it.jf });
        match it.code {
            LOAD => accumulator = data[it.k as usize / 4],
            JUMP => at += it.k as usize,
            EQUAL => at += jump(accumulator == it.k),
            GREATER => at += jump(accumulator > it.k),
            AT_LEAST => at += jump(accumulator >= it.k),
            0x54 => accumulator &= it.k,
            RETURN => return it.k,
            other => panic!("the interpreter does not know {other:#x}"),
        }
    }
}
