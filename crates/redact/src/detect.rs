//! Finds secrets nobody told us about, by what they look like and by what stands around them.
//!
//! One automaton reads the stream and stops at triggers: the first letters of tokens, words of keys, the beginnings of
//! keys and manifests. Only there somebody looks closer.
//!
//! **Invariant:** what is given back depends on the bytes alone, never on how they were cut into chunks; what is held
//! is bounded, and what is longer than the bound is hidden on, never let go.

mod assigned;
mod cli;
mod cookies;
mod encoded;
mod env;
mod header;
mod json;
mod keys;
mod pem;
mod random;
mod sensitive;
pub(crate) mod shapes;
mod swallow;
mod tokens;
mod triggers;
mod url;
mod values;
mod view;
mod yaml;

use crate::stream::Counts;
use std::collections::VecDeque;
use swallow::Swallow;
use triggers::{State, TRIGGERS};
use view::{Cover, LOOK_BEHIND, View, Wait};
use zeroize::Zeroizing;

/// Given back and still in the buffer before it is moved.
const SLACK: usize = 64 * 1024;

/// A trigger whose detector waits for more.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    start: usize,
    /// Which of the triggers that end here.
    nth: usize,
    /// How much must have come before it is asked again, so that small chunks do not make it read all again and again.
    not_before: usize,
}

/// Finds unknown secrets in one stream.
pub(crate) struct Detectors {
    /// What may be looked at: a little that was given back, and what is held. Wiped when the stream has ended.
    buffer: Zeroizing<Vec<u8>>,
    /// Up to here everything was given back.
    given: usize,
    /// Up to here the automaton has read.
    read: usize,
    state: State,
    waiting: Option<Waiting>,
    /// What will be hidden, in order, none over another.
    planned: VecDeque<Cover>,
    swallow: Option<Swallow>,
    ended: bool,
}

impl Detectors {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Zeroizing::new(Vec::new()),
            given: 0,
            read: 0,
            state: TRIGGERS.start(),
            waiting: None,
            planned: VecDeque::new(),
            swallow: None,
            ended: false,
        }
    }

    /// Bytes that are held back.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len() - self.given
    }

    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>, counts: &mut Counts) {
        self.buffer.extend_from_slice(bytes);
        self.go_on(out, counts);
        self.forget();
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, counts: &mut Counts) {
        self.ended = true;
        self.go_on(out, counts);
    }

    /// Gives back what nothing has begun in: a few letters may begin a trigger, but only what a trigger has begun may be a
    /// secret.
    pub(crate) fn cut(&mut self, out: &mut Vec<u8>) {
        let safe = self.waiting.map_or(self.read, |waiting| waiting.start);
        let safe = self.planned.front().map_or(safe, |cover| safe.min(cover.start));
        self.give(safe, out);
    }

    fn go_on(&mut self, out: &mut Vec<u8>, counts: &mut Counts) {
        loop {
            if let Some(swallow) = &mut self.swallow {
                let rest = self.buffer.get(self.given..).unwrap_or_default();
                let hidden = swallow.take(rest);
                let end = hidden.map_or(self.buffer.len(), |hidden| self.given + hidden);
                self.buffer.drain(self.given..end);
                if hidden.is_none() {
                    return;
                }
                self.swallow = None;
            }
            if self.planned.front().is_some_and(|cover| cover.start <= self.read && self.waiting.is_none()) {
                self.hide(out, counts);
                continue;
            }
            if self.search().is_err() {
                break;
            }
            if self.planned.front().is_none_or(|cover| cover.start > self.read) {
                break;
            }
        }
        // A longer trigger may have begun before the one that waits.
        let begun = self.read - TRIGGERS.depth(self.state);
        let waits = self.waiting.map_or(begun, |waiting| waiting.start.min(begun));
        let safe = if self.ended { self.read } else { waits };
        let safe = self.planned.front().map_or(safe, |cover| safe.min(cover.start));
        self.give(safe, out);
    }

    /// Reads on to the next thing that is hidden, or to the end.
    fn search(&mut self) -> Result<(), Wait> {
        if let Some(waiting) = self.waiting {
            if !self.ended && self.buffer.len() < waiting.not_before {
                return Err(Wait);
            }
            self.waiting = None;
            self.ask(waiting.nth)?;
        }
        loop {
            let stop = self.planned.front().map_or(self.buffer.len(), |cover| cover.start.max(self.read));
            let unread = self.buffer.get(self.read..stop).unwrap_or_default();
            let (state, count) = TRIGGERS.advance(self.state, unread);
            self.state = state;
            self.read += count;
            if !TRIGGERS.is_match(state) || count == 0 {
                return Ok(());
            }
            self.ask(0)?;
            if self.planned.front().is_some_and(|cover| cover.start <= self.read) {
                return Ok(());
            }
        }
    }

    /// Asks the detectors of the triggers that end here, from the `nth` on.
    fn ask(&mut self, from: usize) -> Result<(), Wait> {
        let view = View::new(&self.buffer, self.ended);
        for (nth, trigger) in TRIGGERS.matches(self.state).enumerate().skip(from) {
            let start = self.read - trigger.length;
            let Ok(covers) = trigger.look(&view, start..self.read) else {
                let held = self.buffer.len() - start;
                let more = if held < SLACK / 16 { 1 } else { held / 4 };
                self.waiting = Some(Waiting { start, nth, not_before: self.buffer.len() + more });
                return Err(Wait);
            };
            let new = covers.into_iter().filter(|cover| !is_hidden(&view, cover)).collect();
            self.planned = plan(std::mem::take(&mut self.planned), new);
        }
        Ok(())
    }

    /// Gives back what stands before the next planned thing, and its marker. The marker takes its place in the buffer too,
    /// so that whoever looks behind sees what whoever redacts the output once more will see.
    fn hide(&mut self, out: &mut Vec<u8>, counts: &mut Counts) {
        let Some(cover) = self.planned.pop_front() else { return };
        self.give(cover.start, out);
        let around = &cover.around;
        let marker = format!("{around}[redacted:{}]{around}", cover.name);
        out.extend_from_slice(marker.as_bytes());
        counts.count(cover.name);
        self.buffer.splice(cover.start..cover.end, marker.bytes());
        let behind = cover.start + marker.len();
        for later in &mut self.planned {
            later.start = later.start + behind - cover.end;
            later.end = later.end + behind - cover.end;
        }
        self.swallow = cover.then;
        self.jump(behind);
    }

    /// Goes on reading there, as if a new text began.
    fn jump(&mut self, to: usize) {
        (self.given, self.read) = (to.max(self.given), to.max(self.given));
        self.state = TRIGGERS.start();
    }

    fn give(&mut self, until: usize, out: &mut Vec<u8>) {
        if until > self.given {
            out.extend_from_slice(self.buffer.get(self.given..until).unwrap_or_default());
            self.given = until;
        }
    }

    /// Drops what nobody can look at any more.
    fn forget(&mut self) {
        let drop = self.given.saturating_sub(LOOK_BEHIND);
        if drop < SLACK {
            return;
        }
        let kept = self.buffer.len() - drop;
        self.buffer.copy_within(drop.., 0);
        self.buffer.truncate(kept);
        self.given -= drop;
        self.read -= drop;
        if let Some(waiting) = &mut self.waiting {
            waiting.start -= drop;
            waiting.not_before -= drop;
        }
        for cover in &mut self.planned {
            cover.start -= drop;
            cover.end -= drop;
        }
    }
}

/// Whether it begins within a marker, or is nothing but one.
fn is_hidden(view: &View<'_>, cover: &Cover) -> bool {
    const MARKER: &[u8] = b"[redacted:";
    let text = view.read(cover.start, cover.end);
    let only = text.starts_with(MARKER) && text.iter().position(|&byte| byte == b']') == Some(text.len() - 1);
    let behind = view.read(cover.start.saturating_sub(128), cover.start);
    let open = behind.iter().rposition(|&byte| byte == b'[').and_then(|at| behind.get(at..)).unwrap_or_default();
    only || (open.starts_with(MARKER) && !open.contains(&b']'))
}

/// Takes new covers into the plan. Of those that overlap one is made, under the name of the first.
fn plan(planned: VecDeque<Cover>, new: Vec<Cover>) -> VecDeque<Cover> {
    if new.is_empty() {
        return planned;
    }
    let mut all: Vec<Cover> = planned.into_iter().chain(new).collect();
    all.sort_by_key(|cover| cover.start);
    let mut merged: VecDeque<Cover> = VecDeque::with_capacity(all.len());
    for cover in all {
        match merged.back_mut() {
            Some(last) if cover.start < last.end && cover.end > last.end => {
                (last.end, last.then) = (cover.end, cover.then);
                last.around.clear();
            }
            Some(last) if cover.start < last.end => {}
            _ => merged.push_back(cover),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
