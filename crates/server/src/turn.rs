//! A turn: all that a shard does between two sleeps.
//!
//! ```text
//! poll → take mail → accept → read → timers → records to the store → ship mail → flush → close → wake
//! ```
//!
//! Everything is batched by the turn and nothing by a timer. Nothing blocks but the poller, and
//! nothing is taken from the outside but through [`TurnParts`], so that the same turn runs on real
//! sockets and in a simulation. Invariants: a record is with the store before the mail that was
//! made with it is shipped, and that is before output is flushed; a turn sleeps only when nothing
//! is left over.

mod accept;
mod close;
mod read;
mod wrapped;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{ConnectionId, Limits, LogState, Progress, Shard, ShardIndex};
use ferrymq_protocol::time::Instant;

use crate::acceptor::{Acceptor, Admission, Entrance};
use crate::connection::{Connections, Input};
use crate::control::Control;
use crate::handshakes::Handshakes;
use crate::mailbox::{Arrival, Change, Letter, Mailbox, News};
use crate::network::{Closed, Event, Network, Source};
use crate::socket_limits::SocketLimits;
use crate::store::Store;

/// The loop of one shard.
pub struct Turn<N: Network> {
    network: N,
    shard: Shard,
    index: ShardIndex,
    post: Arc<[Mailbox<N::Socket, N::Listener>]>,
    store: Arc<dyn Store>,
    control: Arc<dyn Control>,
    limits: Arc<Limits>,
    sockets: SocketLimits,
    acceptor: Acceptor<N::Listener>,
    connections: Connections<N::Socket>,
    now: Instant,
    /// What the shard has been told of its records.
    progress: Progress,
    /// What the shard has been told of the log.
    log: LogState,
    /// What is read goes here first.
    buffer: Vec<u8>,
    /// Connections to be read from.
    ready: VecDeque<ConnectionId>,
    /// The place from which on the first is looked for of those that may be read from again.
    first_slot: u32,
    /// Connections whose output did not all fit into the last turn.
    unflushed: Vec<ConnectionId>,
    /// Connections that we have ended, and when our patience with them does, in that order. Some of
    /// them are closed already.
    lingering: VecDeque<(Instant, ConnectionId)>,
    /// How many of them are not.
    lingering_count: usize,
    /// The connections whose handshakes go on.
    handshakes: Handshakes,
    /// Bytes of messages in each mailbox: what it said last, and what was posted since.
    mail_waiting: Vec<usize>,
    /// Whether the last turn broke off with work left.
    unfinished: bool,
    /// When the end of the broker must be reached, once it has begun.
    stop_at: Option<Instant>,
    /// Shards to be woken at the end of the turn.
    to_wake: Vec<bool>,
    spare: Spare<N::Socket, N::Listener>,
}

/// What a turn is made of.
pub struct TurnParts<N: Network> {
    /// The poller.
    pub network: N,
    /// The machine that is driven.
    pub shard: Shard,
    /// Which shard it is.
    pub index: ShardIndex,
    /// Where connections come from.
    pub listeners: Vec<Entrance<N::Listener>>,
    /// The mailboxes of all shards.
    pub post: Arc<[Mailbox<N::Socket, N::Listener>]>,
    /// The log.
    pub store: Arc<dyn Store>,
    /// Who answers questions of access.
    pub control: Arc<dyn Control>,
    /// How many connections the broker may have.
    pub admission: Arc<Admission>,
    /// The limits of the broker.
    pub limits: Arc<Limits>,
    /// The limits of its sockets.
    pub sockets: SocketLimits,
}

/// Lists that are empty between two uses, kept for their memory.
struct Spare<S, L> {
    events: Vec<Event>,
    letters: Vec<Letter<S, L>>,
    held_up: Vec<ShardIndex>,
    ids: Vec<ConnectionId>,
    /// What has come through the layers of a connection.
    clear: Vec<u8>,
    /// What is to be written to a connection with layers.
    wrapped: Vec<u8>,
}

impl<N: Network> Turn<N> {
    /// A loop that has not begun.
    pub fn new(parts: TurnParts<N>) -> Self {
        let TurnParts {
            network,
            shard,
            index,
            listeners,
            post,
            store,
            control,
            admission,
            limits,
            sockets,
        } = parts;
        let now = network.now();
        let mut turn = Self {
            network,
            shard,
            index,
            to_wake: vec![false; post.len()],
            mail_waiting: vec![0; post.len()],
            post,
            store,
            control,
            limits,
            sockets,
            acceptor: Acceptor::new(listeners, admission),
            connections: Connections::new(),
            now,
            progress: Progress::default(),
            log: LogState::Ready,
            buffer: vec![0; READ_BUFFER_BYTES],
            ready: VecDeque::new(),
            first_slot: 0,
            unflushed: Vec::new(),
            lingering: VecDeque::new(),
            lingering_count: 0,
            handshakes: Handshakes::default(),
            unfinished: false,
            stop_at: None,
            spare: Spare {
                events: Vec::new(),
                letters: Vec::new(),
                held_up: Vec::new(),
                ids: Vec::new(),
                clear: Vec::new(),
                wrapped: Vec::new(),
            },
        };
        turn.register_listeners();
        turn
    }

    /// Runs one turn. False: the broker has ended and this was the last.
    pub fn run_once(&mut self) -> bool {
        self.poll();
        if self.mailbox().has_letters() {
            self.take_mail();
        }
        self.note_mail_waiting();
        self.accept();
        self.gather_readable();
        self.read();
        self.log = self.store.state();
        self.shard.set_log_state(self.log);
        if self.log == LogState::Failed {
            self.shut_down();
        }
        self.shard.advance(self.now);
        self.finish();
        self.close_overdue();
        self.wake_others();
        let ended = self.has_ended();
        if ended {
            self.mailbox().close();
        }
        !ended
    }

    /// The shard, to look at.
    pub const fn shard(&self) -> &Shard {
        &self.shard
    }

    /// The network, to look at and, in a simulation, to change.
    pub const fn network(&mut self) -> &mut N {
        &mut self.network
    }

    fn poll(&mut self) {
        self.gather_readable();
        let timeout = self.timeout();
        let mut events = std::mem::take(&mut self.spare.events);
        self.network.poll(timeout, &mut events);
        self.mailbox().awake();
        self.now = self.network.now();
        for event in &events {
            match event.source {
                Source::Listener(number) => self.acceptor.mark_ready(number),
                Source::Connection(slot) => self.take_event(slot, *event),
            }
        }
        events.clear();
        self.spare.events = events;
    }

    /// How long to sleep. Once this is not zero the mailbox knows that we sleep.
    fn timeout(&mut self) -> Option<Duration> {
        let work = self.unfinished
            || !self.ready.is_empty()
            || !self.unflushed.is_empty()
            || self.acceptor.has_work();
        if work
            || !self.mailbox().fall_asleep()
            || self.mail_has_room_again()
            || self.store_has_news()
        {
            return Some(Duration::ZERO);
        }
        let overdue = self.lingering.front().map(|(deadline, _)| *deadline);
        let deadline = soonest(self.shard.deadline(), overdue);
        let deadline = soonest(deadline, soonest(self.acceptor.again_at(), self.stop_at))?;
        Some(deadline.saturating_duration_since(self.network.now()))
    }

    /// An event may be late: then it is taken for one of the connection that has the place now, to
    /// which a spurious event does no harm.
    fn take_event(&mut self, slot: u32, event: Event) {
        let Some(id) = self.connections.id_at(slot) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if event.closed != Closed::No {
            connection.read_closed = true;
        }
        if event.writable && connection.blocked {
            connection.blocked = false;
            self.unflushed.push(id);
        }
        if connection.input == Input::Paused {
            // What it sent before is read when the shard allows it. But if nothing can be written
            // to it any more, there is nothing to wait for.
            if event.closed == Closed::Both {
                self.broken(id, std::io::ErrorKind::ConnectionReset);
            }
        } else if event.readable || event.closed != Closed::No {
            self.make_ready(id);
        }
    }

    fn take_mail(&mut self) {
        let mut letters = std::mem::take(&mut self.spare.letters);
        let mut held_up = std::mem::take(&mut self.spare.held_up);
        self.mailbox().take(&mut letters, &mut held_up);
        for shard in held_up.drain(..) {
            self.to_wake[shard.as_usize()] = true;
        }
        for letter in letters.drain(..) {
            match letter {
                Letter::Mail(mail) => {
                    for mail in mail {
                        self.shard.take_mail(mail, self.now);
                    }
                }
                Letter::Arrival(arrival) => self.arrive(*arrival),
                Letter::Answer(answer) => self.shard.answered(answer),
                Letter::AccessChanged => self.shard.access_changed(self.now),
                Letter::ControlAnswer(answer) => self.shard.answer_control(answer, self.now),
                Letter::Fetched(fetched) => self.shard.fetched(fetched, self.now),
                Letter::Round(round) => self.shard.begin_round(&round),
                Letter::Beat(asked) => drop(asked),
                Letter::News(news) => {
                    let News { topic, payload, under_way } = *news;
                    self.shard.publish_sys(&topic, payload.as_bytes(), self.now);
                    drop(under_way);
                }
                Letter::Change(change) => self.change(*change),
                Letter::ShutDown => self.shut_down(),
            }
        }
        letters.shrink_to(SPARE_LETTERS);
        self.spare.letters = letters;
        self.spare.held_up = held_up;
    }

    /// Tells the shard how full the mailboxes of the others are.
    fn note_mail_waiting(&mut self) {
        let mailboxes = self.mail_waiting.iter_mut().zip(self.post.iter());
        for (shard, (waiting, mailbox)) in (0u16..).map(ShardIndex).zip(mailboxes) {
            *waiting = mailbox.bytes_waiting(self.index, self.limits.mail_bytes);
            self.shard.set_mail_waiting(shard, *waiting);
        }
    }

    /// Whether connections that were paused for a full mailbox may go on. Asked after the others
    /// were told that we sleep: who empties its mailbox from now on wakes us.
    fn mail_has_room_again(&mut self) -> bool {
        let limit = self.limits.mail_bytes;
        if self.mail_waiting.iter().all(|bytes| *bytes < limit) {
            return false;
        }
        self.note_mail_waiting();
        self.mail_waiting.iter().all(|bytes| *bytes < limit)
    }

    /// Whether records have become durable, or the log can do more, since the store was last looked at.
    /// Asked after we said that we sleep: a store that rang before that was not heard.
    fn store_has_news(&self) -> bool {
        self.store.progress(self.index) != self.progress || self.store.state() != self.log
    }

    fn arrive(&mut self, arrival: Arrival<N::Socket>) {
        let Arrival { mut socket, newcomer, wrapping, bytes } = arrival;
        let id = self.shard.arrive(newcomer);
        if self.network.register(&mut socket, id.slot).is_err() {
            self.discharge(id, socket);
            return;
        }
        let connection = self.connections.insert(id, socket);
        connection.wrap(wrapping);
        connection.park(bytes);
        // What its layers had to say may not have been written before it moved.
        self.unflushed.push(id);
        if self.stop_at.is_some() {
            // It was on its way when the broker began to end, and ends like all others.
            self.shard.shut_down(self.now);
        } else {
            self.make_ready(id);
        }
    }

    /// Puts the connections that the shard wants to be read from into the list of those.
    fn gather_readable(&mut self) {
        if !self.shard.has_readable() {
            return;
        }
        let mut ids = std::mem::take(&mut self.spare.ids);
        self.shard.take_readable(&mut ids);
        // The first of those that paused for a full mailbox may fill it again. Were it always the
        // same one, the others would wait for ever.
        ids.sort_unstable_by_key(|id| id.slot.wrapping_sub(self.first_slot));
        if let Some(first) = ids.first() {
            self.first_slot = first.slot.wrapping_add(1);
        }
        for id in ids.drain(..) {
            if let Some(connection) = self.connections.get_mut(id)
                && connection.input == Input::Paused
            {
                connection.input = Input::Idle;
            }
            self.make_ready(id);
        }
        self.spare.ids = ids;
    }

    fn make_ready(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.input == Input::Idle
        {
            connection.input = Input::Ready;
            self.ready.push_back(id);
        }
    }

    /// Hands out all effects. Writing makes room for more of them, and so does what the store says
    /// at once, hence in rounds.
    fn finish(&mut self) {
        for _ in 0..ROUNDS_PER_TURN {
            if !self.has_effects() {
                break;
            }
            let _ = (0..ROUNDS_PER_TURN).take_while(|_| self.settle()).count();
            self.ship_mail();
            self.flush();
            self.close();
        }
        self.unfinished = self.has_effects();
    }

    /// Whether anything is to be handed out, or the store has news for those who wait.
    fn has_effects(&self) -> bool {
        self.shard.has_effects()
            || !self.unflushed.is_empty()
            || self.store.progress(self.index) != self.progress
    }

    /// Records, fetches and questions go out; what is known at once comes in. Whether there was
    /// anything.
    fn settle(&mut self) -> bool {
        let mut worked = self.append_records();
        let progress = self.store.progress(self.index);
        if progress != self.progress {
            self.progress = progress;
            self.shard.durable(progress, self.now);
            worked = true;
        }
        if !self.shard.has_requests() {
            return worked;
        }
        for fetch in self.shard.take_fetches() {
            worked = true;
            if let Some(fetched) = self.store.fetch(fetch) {
                self.shard.fetched(fetched, self.now);
            }
        }
        for ask in self.shard.take_asks() {
            self.control.ask(ask);
        }
        for request in self.shard.take_controls() {
            self.control.control(request);
        }
        worked
    }

    /// Hands the records to the store, and then what a round has found: the store hears of each
    /// message that goes to another session before it hears who had it.
    fn append_records(&mut self) -> bool {
        if !self.shard.has_records() {
            return false;
        }
        let batch = self.shard.take_records(self.now);
        let appended = batch.map(|batch| self.store.append(batch)).is_some();
        let survivors = self.shard.take_survivors();
        if !survivors.is_empty() {
            self.store.survivors(self.index, survivors);
        }
        if let Some(round) = self.shard.take_round_done() {
            self.store.round_done(self.index, round);
        }
        appended
    }

    fn ship_mail(&mut self) {
        // An acknowledgement by another shard must not reach the store before the message.
        self.append_records();
        if !self.shard.has_mail() {
            return;
        }
        for (shard, mailbox) in (0u16..).map(ShardIndex).zip(self.post.iter()) {
            let mail = self.shard.take_mail_for(shard);
            if !mail.is_empty() {
                self.mail_waiting[shard.as_usize()] += mailbox.post(Letter::Mail(mail));
                self.to_wake[shard.as_usize()] = true;
            }
        }
    }

    fn wake_others(&mut self) {
        for (wake, mailbox) in self.to_wake.iter_mut().zip(self.post.iter()) {
            if std::mem::take(wake) {
                mailbox.wake();
            }
        }
    }

    fn shut_down(&mut self) {
        if self.stop_at.is_some() {
            return;
        }
        self.stop_at = Some(self.now.saturating_add(self.sockets.shut_down));
        self.acceptor.stop(&mut self.network);
        self.shard.shut_down(self.now);
    }

    /// What was configured has changed. Connections that are there stay.
    fn change(&mut self, change: Change<N::Listener>) {
        if self.stop_at.is_some() {
            return;
        }
        let Change { listeners, limits, sockets } = change;
        // Who waits at a listener that leaves came in time.
        self.acceptor.mark_all_ready();
        self.accept();
        self.acceptor.stop(&mut self.network);
        self.acceptor.open(listeners);
        self.register_listeners();
        self.shard.set_limits(&limits);
        self.limits = limits;
        self.sockets = sockets;
    }

    fn has_ended(&self) -> bool {
        self.stop_at.is_some_and(|at| self.connections.is_empty() || at <= self.now)
    }

    fn mailbox(&self) -> &Mailbox<N::Socket, N::Listener> {
        &self.post[self.index.as_usize()]
    }
}

/// The earlier of two deadlines, of which there may be none.
fn soonest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

const READ_BUFFER_BYTES: usize = 64 * 1024;
const ROUNDS_PER_TURN: usize = 4;
const SPARE_LETTERS: usize = 1024;
