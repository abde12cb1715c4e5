//! Letters between shards, and how a shard that sleeps is woken.
//!
//! Invariants: letters of one sender arrive in the order in which they were posted. Posting never
//! waits; the bytes of messages are counted, and a sender that finds too many of them is noted down
//! and woken once they have been taken. A wake-up cannot be lost: a shard says that it sleeps and
//! only then looks whether the box is empty, a sender posts and only then looks whether the shard
//! sleeps, and both look under the same lock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{Answer, ControlAnswer, Fetched, Limits, Mail, Newcomer, Round, ShardIndex};

use crate::acceptor::Entrance;
use crate::socket_limits::SocketLimits;
use crate::wrapping::Wrapping;

/// Where a shard gets its letters. Its connections have sockets `S`, its listeners are `L`.
pub struct Mailbox<S, L = ()> {
    inbox: Mutex<Inbox<S, L>>,
    /// Bytes of messages in the box.
    bytes: AtomicUsize,
    /// Whether something was put in since all was taken.
    has_letters: AtomicBool,
    sleeping: AtomicBool,
    waker: Box<dyn Wake>,
}

/// Something for a shard.
pub enum Letter<S, L = ()> {
    /// From the core of another shard.
    Mail(Vec<Mail>),
    /// A connection whose client is at home here.
    Arrival(Box<Arrival<S>>),
    /// The answer to a question of access.
    Answer(Answer),
    /// Who may do what has changed.
    AccessChanged,
    /// The answer to a request to the broker.
    ControlAnswer(ControlAnswer),
    /// Stored messages that were not at hand at once.
    Fetched(Fetched),
    /// The log wants to know what of its oldest records still holds.
    Round(Arc<Round>),
    /// Whoever asks whether the shard makes turns knows it once this is dropped.
    Beat(Arc<()>),
    /// What the broker publishes about itself.
    News(Box<News>),
    /// What was configured has changed.
    Change(Box<Change<L>>),
    /// The broker ends.
    ShutDown,
}

/// A message of the broker, below `$SYS`.
pub struct News {
    /// The topic.
    pub topic: Box<str>,
    /// The payload.
    pub payload: Box<str>,
    /// There are as many copies of this as there is news on its way.
    pub(crate) under_way: Arc<()>,
}

/// What holds from now on.
pub struct Change<L> {
    /// All listeners: those that stay, and new ones.
    pub listeners: Vec<Entrance<L>>,
    /// The limits of the broker.
    pub limits: Arc<Limits>,
    /// The limits of its sockets.
    pub sockets: SocketLimits,
}

/// A connection on its way to the home of its client.
pub struct Arrival<S> {
    /// The socket, registered nowhere.
    pub socket: S,
    /// What its shard knows of it.
    pub newcomer: Newcomer,
    /// What stands between the socket and MQTT, with what waits there.
    pub wrapping: Option<Box<Wrapping>>,
    /// What was read from it and not taken yet: the CONNECT and all that followed it.
    pub bytes: Vec<u8>,
}

/// Ends the sleep of a shard's poller.
pub trait Wake: Send + Sync {
    /// Makes the poller return, now or when it is called next.
    fn wake(&self);
}

struct Inbox<S, L> {
    letters: Vec<Letter<S, L>>,
    /// Whether the receiver has ended.
    closed: bool,
    /// Senders that wait until there is room.
    held_up: Vec<ShardIndex>,
}

impl<S, L> Mailbox<S, L> {
    /// An empty box.
    pub fn new(waker: Box<dyn Wake>) -> Self {
        Self {
            inbox: Mutex::new(Inbox { letters: Vec::new(), closed: false, held_up: Vec::new() }),
            bytes: AtomicUsize::new(0),
            has_letters: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            waker,
        }
    }

    /// Puts a letter in, and says how many bytes of messages it holds. The receiver may sleep on
    /// until [`Self::wake`] is called.
    pub fn post(&self, letter: Letter<S, L>) -> usize {
        let weight = letter.weight();
        let mut inbox = self.lock();
        if inbox.closed {
            return 0;
        }
        inbox.letters.push(letter);
        self.has_letters.store(true, Ordering::Relaxed);
        self.bytes.fetch_add(weight, Ordering::Relaxed);
        weight
    }

    /// Wakes the receiver if it sleeps.
    pub fn wake(&self) {
        if self.sleeping.load(Ordering::Relaxed) && self.sleeping.swap(false, Ordering::Relaxed) {
            self.waker.wake();
        }
    }

    /// Wakes the receiver, if it sleeps, for news that are no letter: whoever falls asleep looks for
    /// them after it has said so.
    pub fn ring(&self) {
        // The lock orders what the sender has done before against the receiver's falling asleep.
        drop(self.lock());
        self.wake();
    }

    /// Whether letters wait, or senders that are to be woken. It may say no where something was put in
    /// just now, but not after [`Self::fall_asleep`] has found that.
    pub fn has_letters(&self) -> bool {
        self.has_letters.load(Ordering::Relaxed)
    }

    /// Moves all letters into `letters`, which must be empty, and the senders that are to be woken
    /// into `held_up`.
    pub fn take(&self, letters: &mut Vec<Letter<S, L>>, held_up: &mut Vec<ShardIndex>) {
        debug_assert!(letters.is_empty(), "letters are taken once the former ones are read");
        let mut inbox = self.lock();
        std::mem::swap(&mut inbox.letters, letters);
        held_up.append(&mut inbox.held_up);
        self.has_letters.store(false, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Says that the receiver has ended: what waits and whatever is posted from now on is dropped,
    /// so that nobody waits for ever at a connection that came too late.
    pub fn close(&self) {
        let mut inbox = self.lock();
        inbox.closed = true;
        inbox.letters = Vec::new();
        self.bytes.store(0, Ordering::Relaxed);
    }

    /// Whether no letter waits.
    pub fn is_empty(&self) -> bool {
        self.lock().letters.is_empty()
    }

    /// Bytes of messages that wait. If they reach `limit`, `sender` is woken once they are taken.
    pub fn bytes_waiting(&self, sender: ShardIndex, limit: usize) -> usize {
        let bytes = self.bytes.load(Ordering::Relaxed);
        if bytes < limit {
            return bytes;
        }
        let mut inbox = self.lock();
        // Read again: what was taken meanwhile has woken only those who were noted down.
        let bytes = self.bytes.load(Ordering::Relaxed);
        if bytes >= limit && !inbox.held_up.contains(&sender) {
            inbox.held_up.push(sender);
            self.has_letters.store(true, Ordering::Relaxed);
        }
        bytes
    }

    /// Says that the receiver goes to sleep; false if it must not, because letters wait.
    pub fn fall_asleep(&self) -> bool {
        self.sleeping.store(true, Ordering::Relaxed);
        // The lock orders the line above before whatever a sender does that posts after us.
        let empty = self.is_empty();
        if !empty {
            self.sleeping.store(false, Ordering::Relaxed);
        }
        empty
    }

    /// Says that the receiver is awake.
    pub fn awake(&self) {
        if self.sleeping.load(Ordering::Relaxed) {
            self.sleeping.store(false, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox<S, L>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, L> Letter<S, L> {
    fn weight(&self) -> usize {
        match self {
            Self::Mail(mail) => mail.iter().map(Mail::weight).sum(),
            Self::Arrival(_)
            | Self::Answer(_)
            | Self::AccessChanged
            | Self::ControlAnswer(_)
            | Self::Fetched(_)
            | Self::Round(_)
            | Self::Beat(_)
            | Self::News(_)
            | Self::Change(_)
            | Self::ShutDown => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use ferrymq_broker::{ListenerProfile, Peer};
    use ferrymq_protocol::time::Instant;

    use super::*;

    /// Lets a thread sleep until it is woken, as a poller does.
    struct Bell(mpsc::Sender<()>);

    impl Wake for Bell {
        fn wake(&self) {
            self.0.send(()).unwrap();
        }
    }

    fn mailbox() -> (Mailbox<u32>, mpsc::Receiver<()>) {
        let (sender, receiver) = mpsc::channel();
        (Mailbox::new(Box::new(Bell(sender))), receiver)
    }

    fn arrival(number: u32) -> Letter<u32> {
        let profile = Arc::new(ListenerProfile::default());
        let newcomer = Newcomer::new(Peer::Local, profile, Instant::ZERO);
        Letter::Arrival(Box::new(Arrival {
            socket: number,
            newcomer,
            wrapping: None,
            bytes: Vec::new(),
        }))
    }

    #[test]
    fn receiver_that_is_awake_is_not_woken() {
        let (mailbox, bell) = mailbox();
        mailbox.post(arrival(1));
        mailbox.wake();
        assert!(bell.try_recv().is_err());
        assert!(!mailbox.fall_asleep(), "a letter waits");
    }

    #[test]
    fn receiver_that_sleeps_is_woken_once() {
        let (mailbox, bell) = mailbox();
        assert!(mailbox.fall_asleep());
        mailbox.post(arrival(1));
        mailbox.wake();
        mailbox.post(arrival(2));
        mailbox.wake();
        assert!(bell.try_recv().is_ok());
        assert!(bell.try_recv().is_err());
    }

    #[test]
    fn sender_at_the_limit_is_named_when_letters_are_taken() {
        let (mailbox, _bell) = mailbox();
        let sender = ShardIndex(3);
        assert_eq!(mailbox.bytes_waiting(sender, 1), 0);
        // With the limit 0 every number of bytes is too many.
        mailbox.bytes_waiting(sender, 0);
        mailbox.bytes_waiting(sender, 0);
        let (mut letters, mut held_up) = (Vec::new(), Vec::new());
        mailbox.take(&mut letters, &mut held_up);
        assert_eq!(held_up, [sender]);
        held_up.clear();
        mailbox.take(&mut letters, &mut held_up);
        assert!(held_up.is_empty());
    }

    #[test]
    fn box_says_whether_there_is_something_to_take() {
        let (mailbox, _bell) = mailbox();
        let (mut letters, mut held_up) = (Vec::new(), Vec::new());
        assert!(!mailbox.has_letters());
        mailbox.post(arrival(1));
        assert!(mailbox.has_letters());
        mailbox.take(&mut letters, &mut held_up);
        assert!(!mailbox.has_letters());
        mailbox.bytes_waiting(ShardIndex(1), 0);
        assert!(mailbox.has_letters(), "a sender is to be woken");
    }

    #[test]
    fn box_of_a_receiver_that_has_ended_keeps_no_letter() {
        let (mailbox, _bell) = mailbox();
        mailbox.post(arrival(1));
        mailbox.close();
        mailbox.post(arrival(2));
        assert!(mailbox.is_empty());
    }

    #[test]
    fn letters_between_threads_arrive_in_order_and_none_is_slept_over() {
        const LETTERS: u32 = 20_000;
        let (mailbox, bell) = mailbox();
        let mailbox = Arc::new(mailbox);
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                for number in 0..LETTERS {
                    mailbox.post(arrival(number));
                    mailbox.wake();
                }
            })
        };
        let mut letters = Vec::new();
        let mut expected = 0;
        while expected < LETTERS {
            if mailbox.fall_asleep() {
                bell.recv_timeout(std::time::Duration::from_secs(10)).expect("a wake-up was lost");
            }
            mailbox.awake();
            mailbox.take(&mut letters, &mut Vec::new());
            for letter in letters.drain(..) {
                let Letter::Arrival(arrival) = letter else { panic!("nothing else was posted") };
                assert_eq!(arrival.socket, expected);
                expected += 1;
            }
        }
        sender.join().unwrap();
    }
}
