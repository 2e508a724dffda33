//! What each message is to show, when several pages wait for it.
//!
//! **Invariant:** a page never goes out after a newer one of the same message; whoever asked for
//! an older one is content with the newer.

use crate::api::Posted;
use crate::render::Page;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pages by message, as long as somebody waits.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<HashMap<Posted, Wanted>>);

#[derive(Debug)]
struct Wanted {
    page: Page,
    nth: u64,
    shown: u64,
    waiting: usize,
}

/// That a message shows this page or a newer one. Dropped, it is no longer wished for.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    all: &'a Newest,
    message: &'a Posted,
    nth: u64,
}

impl Newest {
    pub(super) fn wish<'a>(&'a self, message: &'a Posted, page: &Page) -> Wish<'a> {
        let mut all = self.lock();
        let new = || Wanted { page: page.clone(), nth: 0, shown: 0, waiting: 0 };
        let wanted = all.entry(message.clone()).or_insert_with(new);
        wanted.page = page.clone();
        wanted.nth += 1;
        wanted.waiting += 1;
        Wish { all: self, message, nth: wanted.nth }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Posted, Wanted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wish<'_> {
    pub(super) const fn message(&self) -> &Posted {
        self.message
    }

    /// The newest page with its number; none when this wish is already fulfilled.
    pub(super) fn newest(&self) -> Option<(Page, u64)> {
        let all = self.all.lock();
        let wanted = all.get(self.message).filter(|wanted| wanted.shown < self.nth)?;
        Some((wanted.page.clone(), wanted.nth))
    }

    /// Notes that this page stands there.
    pub(super) fn shown(&self, nth: u64) {
        if let Some(wanted) = self.all.lock().get_mut(self.message) {
            wanted.shown = wanted.shown.max(nth);
        }
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if let Some(wanted) = all.get_mut(self.message) {
            wanted.waiting -= 1;
            if wanted.waiting == 0 {
                all.remove(self.message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wishes_for_is_not_kept() {
        let newest = Newest::default();
        let message = Posted { channel: "C1".into(), ts: "17.1".into() };
        let (first, second) = (newest.wish(&message, &Page::message("1")), newest.wish(&message, &Page::message("2")));
        drop(first);
        assert!(second.newest().is_some());
        drop(second);
        assert!(newest.lock().is_empty());
    }
}
