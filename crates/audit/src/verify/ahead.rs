//! Reading ahead: many answers are on their way while one is looked at.
//!
//! **Invariant:** answers come in the order of the questions, so that a report does not depend on
//! which was faster; what is on its way is bounded in number and in bytes.

use crate::sink::ReadError;
use std::collections::VecDeque;
use std::iter::Peekable;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Most questions on their way: at 20 ms an answer some 3,000 a second.
const MOST: usize = 64;
/// Most bytes on their way, unless a single object is larger.
const MOST_BYTES: u64 = 64 << 20;

/// Questions that are asked before their answers are needed.
pub(super) struct Ahead<I: Iterator, T> {
    questions: Peekable<I>,
    flying: VecDeque<(u64, AbortOnDropHandle<Result<T, ReadError>>)>,
    bytes: u64,
    tasks: TaskTracker,
}

impl<I, F, T> Ahead<I, T>
where
    I: Iterator<Item = (u64, F)>,
    F: Future<Output = Result<T, ReadError>> + Send + 'static,
    T: Send + 'static,
{
    /// Questions, each with about how many bytes its answer has.
    pub(super) fn new(questions: impl IntoIterator<IntoIter = I>) -> Self {
        let questions = questions.into_iter().peekable();
        Self { questions, flying: VecDeque::new(), bytes: 0, tasks: TaskTracker::new() }
    }

    /// The next answer; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<T>, ReadError> {
        while self.flying.len() < MOST {
            let fits = |(bytes, _): &(u64, F)| self.flying.is_empty() || self.bytes + bytes <= MOST_BYTES;
            let Some((bytes, question)) = self.questions.next_if(fits) else { break };
            self.bytes += bytes;
            self.flying.push_back((bytes, AbortOnDropHandle::new(self.tasks.spawn(question))));
        }
        let Some((bytes, answer)) = self.flying.pop_front() else { return Ok(None) };
        let answer = answer.await.map_err(|error| ReadError::Unavailable(Box::new(error)))?;
        self.bytes -= bytes;
        answer.map(Some)
    }
}
