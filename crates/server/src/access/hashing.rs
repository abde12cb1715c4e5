//! Threads on which passwords are checked. A good hash takes as long as thousands of messages: it is
//! computed on no thread that serves clients, and there are fewer of these threads than cores.
//!
//! Those who wait are bounded in number, and take turns by the address they come from.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ferrymq_broker::Peer;
use tokio::sync::oneshot;

use super::fair_queue::FairQueue;
use crate::origin::Origin;

/// Threads on which passwords are checked. They end when this is dropped.
#[derive(Debug)]
pub struct Hashing {
    shared: Arc<Shared>,
}

/// There are too many to be checked in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked")]
pub struct Busy;

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Waiting {
    jobs: FairQueue<Origin, Job>,
    ended: bool,
}

/// Something to compute. Whoever waits for it is told by its being dropped that it will not be.
struct Job {
    work: Box<dyn FnOnce() + Send>,
    /// When nobody waits for it any more.
    until: Instant,
}

impl Hashing {
    /// No threads yet. So many passwords may wait for them.
    pub fn new(queued: usize) -> Self {
        let waiting = Mutex::new(Waiting { jobs: FairQueue::new(queued), ended: false });
        Self { shared: Arc::new(Shared { waiting, arrived: Condvar::new() }) }
    }

    /// Starts so many threads; by default half as many as there are cores.
    ///
    /// # Errors
    ///
    /// The system gives us no thread.
    pub fn start(&self, threads: Option<NonZeroUsize>) -> io::Result<()> {
        for number in 0..threads.map_or_else(default_threads, NonZeroUsize::get) {
            let shared = Arc::clone(&self.shared);
            thread::Builder::new()
                .name(format!("passwords {number}"))
                .spawn(move || shared.work())?;
        }
        Ok(())
    }

    /// Computes something for a client from there, unless that takes longer than somebody waits.
    ///
    /// # Errors
    ///
    /// [`Busy`]: too many wait already, or it was not done in time.
    pub fn run<T: Send + 'static>(
        &self,
        peer: Peer,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Busy>> + Send {
        let (sender, receiver) = oneshot::channel();
        let work = Box::new(move || {
            // Nobody may wait any more.
            let _ = sender.send(work());
        });
        let job = Job { work, until: Instant::now() + patience };
        drop(self.shared.lock().jobs.push(Origin::of(peer), job));
        self.shared.arrived.notify_one();
        async { receiver.await.map_err(|_| Busy) }
    }

    /// So many may wait from now on.
    pub fn set_queued(&self, queued: usize) {
        self.shared.lock().jobs.set_limit(queued);
    }
}

impl Drop for Hashing {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.arrived.notify_all();
    }
}

impl Shared {
    fn work(&self) {
        be_modest();
        while let Some(job) = self.next() {
            if Instant::now() < job.until {
                (job.work)();
            }
        }
    }

    /// The next job; `None`: there will be no more.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.ended {
                return None;
            }
            if let Some(job) = waiting.jobs.pop() {
                return Some(job);
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("until", &self.until).finish_non_exhaustive()
    }
}

/// Who serves clients goes first.
#[cfg(target_os = "linux")]
fn be_modest() {
    // Of this thread alone; and without it nothing is worse than slower.
    let _ = rustix::process::nice(NICE);
}

#[cfg(not(target_os = "linux"))]
const fn be_modest() {}

fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

#[cfg(target_os = "linux")]
const NICE: i32 = 10;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::mpsc;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::from(SocketAddr::new(address.parse().unwrap(), 1))
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    fn with_one_thread() -> Hashing {
        let hashing = Hashing::new(2);
        hashing.start(NonZeroUsize::new(1)).unwrap();
        hashing
    }

    #[test]
    fn who_has_too_many_waiting_loses_his_own_and_others_are_served() {
        let hashing = with_one_thread();
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let first = hashing.run(peer("10.0.0.1"), LONG, move || {
            begun.send(()).unwrap();
            released.recv().unwrap();
        });
        // The thread is busy from now on, so that the others have to wait.
        has_begun.recv().unwrap();
        let rest = [("10.0.0.1", 1), ("10.0.0.1", 2), ("10.0.0.1", 3), ("10.0.0.2", 4)]
            .map(|(from, number)| hashing.run(peer(from), LONG, move || number));
        release.send(()).unwrap();
        assert_eq!(runtime().block_on(first), Ok(()));
        let served = rest.map(|number| runtime().block_on(number));
        assert_eq!(served, [Ok(1), Err(Busy), Err(Busy), Ok(4)]);
    }

    #[test]
    fn nothing_is_computed_for_whom_nobody_waits_any_more() {
        let hashing = with_one_thread();
        let late = hashing.run(Peer::Local, Duration::ZERO, || unreachable!("nobody waits"));
        assert_eq!(runtime().block_on(late), Err::<(), _>(Busy));
        let early = hashing.run(Peer::Local, LONG, || 7);
        assert_eq!(runtime().block_on(early), Ok(7));
    }

    const LONG: Duration = Duration::from_mins(1);
}
