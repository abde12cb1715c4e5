//! What stands between the broker and somebody who may be slow, or away: an answer in time or none,
//! so many questions at a time, and one line in the log when it goes and when it comes back.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::settings::{Asking, WithoutAnswer};
use crate::access::source::Outcome;

/// Asks one service or database.
pub(super) struct Guard {
    /// What it is called in the log.
    name: Box<str>,
    timeout: Duration,
    without_answer: WithoutAnswer,
    questions: Semaphore,
    /// Whether there was no answer the last time. One question at a time finds out whether there is
    /// one again; all others need not wait for it.
    is_away: AtomicBool,
    tries: Semaphore,
}

/// Why there is no answer: a part of a sentence, with no secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Trouble(Box<str>);

impl Trouble {
    pub(super) fn new(words: impl Into<Box<str>>) -> Self {
        Self(words.into())
    }
}

impl Guard {
    pub(super) fn new(name: impl Into<Box<str>>, asking: &Asking) -> Self {
        Self {
            name: name.into(),
            timeout: asking.timeout,
            without_answer: asking.without_answer,
            questions: Semaphore::new(asking.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            is_away: AtomicBool::new(false),
            tries: Semaphore::new(1),
        }
    }

    /// The answer to a question, or what holds without one.
    pub(super) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Outcome> {
        let was_away = self.is_away.load(Ordering::Relaxed);
        let _try = match was_away {
            true => Some(self.tries.try_acquire().map_err(|_| self.without_answer())?),
            false => None,
        };
        let mut is_asked = false;
        let asked = async {
            // Nobody closes it.
            let _place = self.questions.acquire().await;
            is_asked = true;
            question.await
        };
        match timeout(self.timeout, asked).await {
            Ok(Ok(answer)) => {
                self.is_back();
                Ok(answer)
            }
            Ok(Err(trouble)) => Err(self.has_gone(&trouble)),
            Err(_) if is_asked => {
                let seconds = self.timeout.as_secs_f32();
                Err(self.has_gone(&Trouble::new(format!("no answer within {seconds} seconds"))))
            }
            Err(_) => Err(Outcome::Busy),
        }
    }

    fn is_back(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("{} answers again", self.name);
        }
    }

    fn has_gone(&self, trouble: &Trouble) -> Outcome {
        if !self.is_away.swap(true, Ordering::Relaxed) {
            let meanwhile = match self.without_answer {
                WithoutAnswer::Deny => "whoever needs it is told to come again later",
                WithoutAnswer::Next => "the next source of users is asked instead",
            };
            tracing::error!("{} does not answer: {trouble}; until it does, {meanwhile}", self.name);
        }
        self.without_answer()
    }

    fn without_answer(&self) -> Outcome {
        match self.without_answer {
            WithoutAnswer::Deny => Outcome::Unreachable,
            WithoutAnswer::Next => Outcome::NotMine,
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;

    fn guard(without_answer: WithoutAnswer) -> Guard {
        let asking = Asking { concurrency: 2, without_answer, ..Asking::default() };
        Guard::new("test", &asking)
    }

    fn trouble() -> Result<(), Trouble> {
        Err(Trouble::new("away"))
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_in_time_the_configuration_decides() {
        let deny = guard(WithoutAnswer::Deny);
        assert!(matches!(deny.ask(pending::<Result<(), _>>()).await, Err(Outcome::Unreachable)));
        let next = guard(WithoutAnswer::Next);
        assert!(matches!(next.ask(ready(trouble())).await, Err(Outcome::NotMine)));
    }

    #[tokio::test(start_paused = true)]
    async fn questions_beyond_the_limit_wait_and_then_it_is_busy() {
        let guard = Arc::new(guard(WithoutAnswer::Deny));
        let (first, second) = (Arc::clone(&guard), Arc::clone(&guard));
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok(())
        };
        let one = tokio::spawn(async move { first.ask(slow()).await });
        let two = tokio::spawn(async move { second.ask(slow()).await });
        tokio::task::yield_now().await;
        let third = guard.ask(slow()).await;
        assert!(matches!(third, Err(Outcome::Unreachable)), "it began late and had a second");
        assert!(one.await.unwrap().is_ok() && two.await.unwrap().is_ok());
        let filled: Vec<_> = (0..2)
            .map(|_| {
                let (guard, (keep, kept)) = (Arc::clone(&guard), oneshot::channel::<()>());
                let task = tokio::spawn(async move {
                    let _place = guard.questions.acquire().await;
                    let _ = kept.await;
                });
                (task, keep)
            })
            .collect();
        tokio::task::yield_now().await;
        guard.is_away.store(false, Ordering::Relaxed);
        assert!(matches!(guard.ask(ready(Ok(()))).await, Err(Outcome::Busy)));
        drop(filled);
    }

    #[tokio::test(start_paused = true)]
    async fn one_question_at_a_time_finds_out_whether_it_is_back() {
        let guard = Arc::new(guard(WithoutAnswer::Deny));
        assert!(guard.ask(ready(trouble())).await.is_err());
        let (answer, answered) = oneshot::channel();
        let trying = Arc::clone(&guard);
        let trying = tokio::spawn(async move {
            trying.ask(async { answered.await.map_err(|_| Trouble::new("gone")) }).await
        });
        tokio::task::yield_now().await;
        let others = guard.ask(async { panic!("nobody else is asked") }).await;
        assert!(matches!(others, Err::<(), _>(Outcome::Unreachable)));
        answer.send(()).unwrap();
        assert!(trying.await.unwrap().is_ok());
        assert!(guard.ask(ready(Ok(()))).await.is_ok());
    }
}
