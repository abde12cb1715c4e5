//! The broker under test: the turns of its shards, one after the other or one in the middle of
//! another, on the virtual network.
//!
//! A turn that would sleep is let go on once more, with nothing new to see: it must then do
//! nothing, or it would have slept with work left. After that it runs again only when its poller
//! has an edge, its mailbox rings, or its deadline has come.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ferrymq_broker::{Directory, Limits, Peer, Recovered, Shard, ShardIndex, ShardOptions};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{
    Admission, Event, Letter, Mailbox, Network, Opened, SocketLimits, Source, Store, Turn,
    TurnParts, Wake,
};
use ferrymq_store::TwinDisk;

use crate::agenda::{Business, after};
use crate::kept::{Counted, Keeper, LogKeeper, log_options};
use crate::late_access::{LateAccess, LostRight, Rules};
use crate::late_store::LateStore;
use crate::layers::Door;
use crate::random::PerMille;
use crate::scene::Scene;
use crate::wire::{Edge, Refusal, Socket};

/// The broker and the scene on which it plays.
pub(crate) struct Broker {
    pub(crate) scene: Rc<RefCell<Scene>>,
    pub(crate) keeper: Keeper,
    store: Arc<Counted>,
    pub(crate) access: Arc<LateAccess>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) post: Arc<[Mailbox<Socket, Door>]>,
    turns: Vec<RefCell<Option<Box<Turn<VirtualNetwork>>>>>,
    sleeps: RefCell<Vec<Sleep>>,
    bells: Vec<Arc<AtomicBool>>,
    depth: Cell<usize>,
    /// So many reads, writes and the like from now on it dies; 0: it is dead, and whatever it still
    /// does has no effect.
    dies_in: Cell<Option<usize>>,
    /// Reads, writes and the like that had an effect, by shard.
    doings: Vec<Cell<u64>>,
}

/// The network as one shard sees it.
pub(crate) struct VirtualNetwork {
    shard: usize,
    broker: Rc<Broker>,
}

/// What a broker goes on with.
struct Kept {
    recovered: Recovered,
    /// When the broker ended that it was.
    stopped: Instant,
    first_records: Vec<u64>,
}

/// Whether a shard sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sleep {
    Awake,
    /// Its poller has nothing to tell; this turn must do nothing.
    FallingAsleep(Option<Instant>),
    Asleep(Option<Instant>),
    /// It has shut down.
    Ended,
}

struct Bell(Arc<AtomicBool>);

impl Wake for Bell {
    fn wake(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Broker {
    /// The broker that goes on with what is on the disk; without one, a broker that keeps nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the disk.
    pub(crate) fn new(
        shared: Rc<RefCell<Scene>>,
        disk: Option<&TwinDisk>,
    ) -> Result<Rc<Self>, String> {
        let mut scene = shared.borrow_mut();
        let shards = scene.options.shards;
        let count = usize::from(shards);
        let bells: Vec<Arc<AtomicBool>> = (0..shards).map(|_| Arc::default()).collect();
        let post: Vec<Mailbox<Socket, Door>> =
            bells.iter().map(|bell| Mailbox::new(Box::new(Bell(Arc::clone(bell))))).collect();
        let post: Arc<[Mailbox<Socket, Door>]> = post.into();
        let seed = scene.random.next();
        let mut kept = None;
        let (keeper, store) = match disk {
            None => {
                let faults = scene.options.store.clone();
                let store = Arc::new(LateStore::new(shards, faults, scene.random.fork()));
                (Keeper::Memory(Arc::clone(&store)), store as Arc<dyn Store>)
            }
            Some(disk) => {
                let options = log_options(&scene.options.store);
                let opened = Opened::new(disk.clone(), options, seed, |_, _| true)
                    .map_err(|error| error.to_string())?;
                let (stopped, first_records) = (
                    opened.last_time(),
                    (0..shards).map(|shard| opened.first_record(ShardIndex(shard))).collect(),
                );
                let (keeper, recovered) = LogKeeper::new(opened, shards, Arc::clone(&post));
                let store = Arc::clone(&keeper.store);
                kept = Some(Kept { recovered, stopped, first_records });
                (Keeper::Log(Box::new(keeper)), store as Arc<dyn Store>)
            }
        };
        let access =
            LateAccess::new(scene.options.access, scene.random.fork(), scene.model.lost_rights());
        let directory = match &mut kept {
            None => Directory::new(shards, seed),
            Some(kept) => {
                let image = std::mem::take(&mut kept.recovered.directory);
                Directory::restored(shards, seed, image, &scene.options.limits)
            }
        };
        drop(scene);
        let broker = Rc::new(Self {
            scene: shared,
            keeper,
            store: Arc::new(Counted::new(store)),
            access: Arc::new(access),
            directory: Arc::new(directory),
            post,
            turns: (0..count).map(|_| RefCell::new(None)).collect(),
            sleeps: RefCell::new(vec![Sleep::Awake; count]),
            bells,
            depth: Cell::new(0),
            dies_in: Cell::new(None),
            doings: vec![Cell::new(0); count],
        });
        broker.start(kept);
        Ok(broker)
    }

    fn start(self: &Rc<Self>, kept: Option<Kept>) {
        let limits = Arc::new(self.scene.borrow().options.limits.clone());
        let admission = Arc::new(Admission::new(usize::MAX));
        let doors = match self.scene.borrow().options.layered {
            PerMille(0) => &Door::ALL[..1],
            _ => &Door::ALL,
        };
        let shards = self.shards(kept, &limits);
        let places = (0u16..).map(ShardIndex).zip(&self.turns);
        for ((index, turn), shard) in places.zip(shards) {
            let network = VirtualNetwork { shard: index.as_usize(), broker: Rc::clone(self) };
            *turn.borrow_mut() = Some(Box::new(Turn::new(TurnParts {
                network,
                shard,
                index,
                listeners: doors.iter().copied().map(Door::entrance).collect(),
                post: Arc::clone(&self.post),
                store: Arc::clone(&self.store) as Arc<dyn Store>,
                control: Arc::clone(&self.access) as Arc<dyn ferrymq_server::Control>,
                admission: Arc::clone(&admission),
                limits: Arc::clone(&limits),
                sockets: SocketLimits::default(),
            })));
        }
    }

    /// The shards, with the sessions that were kept.
    fn shards(&self, kept: Option<Kept>, limits: &Arc<Limits>) -> Vec<Shard> {
        let mut scene = self.scene.borrow_mut();
        let now = scene.now;
        let mut shards: Vec<Shard> = (0..self.turns.len())
            .map(|index| {
                Shard::new(ShardOptions {
                    index: ShardIndex(u16::try_from(index).expect("a run has few shards")),
                    limits: Arc::clone(limits),
                    directory: Arc::clone(&self.directory),
                    access: Box::new(Rules(Arc::clone(&self.access))),
                    now,
                    seed: scene.random.next(),
                    first_record: kept.as_ref().map_or(1, |kept| kept.first_records[index]),
                })
            })
            .collect();
        if let Some(Kept { recovered, stopped, .. }) = kept {
            for session in recovered.sessions {
                let home = self.directory.home(&session.client_id);
                shards[home.as_usize()].restore(session, stopped);
            }
            shards[0].finish(recovered.unfinished, now);
        }
        shards
    }

    /// Lets everything go. The turns hold the broker, so it would live for ever otherwise.
    pub(crate) fn drop_turns(&self) {
        for turn in &self.turns {
            turn.borrow_mut().take();
        }
    }

    /// What was asked of the store or the control plane is done.
    pub(crate) fn attend_to(&self, business: Business) {
        match (business, &self.keeper) {
            (Business::Durable(writer, counter), Keeper::Memory(store)) => {
                store.make_durable(writer, counter);
                self.post[usize::from(writer)].wake();
            }
            (Business::Fetch(number), Keeper::Memory(store)) => {
                if let Some(fetched) = store.answer(number) {
                    self.post_to(fetched.session.shard, Letter::Fetched(fetched));
                }
            }
            (Business::LogHasRoom, Keeper::Memory(store)) => {
                store.empty();
                self.post.iter().for_each(Mailbox::wake);
            }
            (Business::Log(step), Keeper::Log(log)) => log.take(step),
            (Business::Answer(number), _) => {
                if let Some((shard, answer)) = self.access.answer(number) {
                    self.post_to(shard, Letter::Answer(answer));
                }
            }
            (business, _) => unreachable!("{business:?} is for another store"),
        }
    }

    /// A client loses a right. What is returned is held by the shards that have not heard of it.
    pub(crate) fn take_right(&self, lost: LostRight) -> Arc<()> {
        self.access.take_right(lost);
        let asked = Arc::new(());
        for mailbox in self.post.iter() {
            mailbox.post(Letter::AccessChanged);
            mailbox.post(Letter::Beat(Arc::clone(&asked)));
            mailbox.wake();
        }
        asked
    }

    fn post_to(&self, shard: ShardIndex, letter: Letter<Socket, Door>) {
        let mailbox = &self.post[shard.as_usize()];
        mailbox.post(letter);
        mailbox.wake();
    }

    /// It dies after so many reads, writes and the like.
    pub(crate) fn die_in(&self, doings: usize) {
        self.dies_in.set(Some(doings));
    }

    /// It does not die after all.
    pub(crate) fn live_on(&self) {
        if !self.is_dead() {
            self.dies_in.set(None);
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        let has_failed = match &self.keeper {
            Keeper::Memory(_) => false,
            Keeper::Log(log) => log.has_failed(),
        };
        has_failed || self.dies_in.get() == Some(0)
    }

    /// The shards that have something to do.
    pub(crate) fn runnable(&self) -> Vec<usize> {
        (0..self.turns.len()).filter(|shard| self.is_runnable(*shard)).collect()
    }

    /// When a sleeping shard wakes by itself.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let sleeps = self.sleeps.borrow();
        sleeps
            .iter()
            .filter_map(|sleep| match sleep {
                Sleep::Asleep(deadline) => *deadline,
                Sleep::Awake | Sleep::FallingAsleep(_) | Sleep::Ended => None,
            })
            .min()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.sleeps.borrow().iter().all(|sleep| *sleep == Sleep::Ended)
    }

    /// Messages that the store keeps, as far as it counts them.
    pub(crate) fn message_count(&self) -> usize {
        match &self.keeper {
            Keeper::Memory(store) => store.message_count(),
            Keeper::Log(_) => 0,
        }
    }

    /// Connections, over all shards.
    pub(crate) fn connection_count(&self) -> usize {
        self.turns
            .iter()
            .filter_map(|turn| Some(turn.borrow().as_ref()?.shard().connection_count()))
            .sum()
    }

    /// Runs a turn of a shard.
    pub(crate) fn run(&self, shard: usize) {
        let Some(mut turn) = self.turns[shard].borrow_mut().take() else {
            return;
        };
        let doings = self.doings_of(shard);
        let mut goes_on = turn.run_once();
        self.count_turn(shard);
        let mut sleep = self.sleeps.borrow()[shard];
        if let Sleep::FallingAsleep(deadline) = sleep
            && goes_on
        {
            // What a turn has found out it may only do in the next one.
            goes_on = turn.run_once();
            let sleeps_on = self.sleeps.borrow()[shard] == sleep;
            if !self.is_dead() && (self.doings_of(shard) != doings || !sleeps_on) {
                let finding = format!("shard {shard} would have slept with work left");
                self.scene.borrow_mut().fail(None, finding);
            }
            // As the turn has done before it polled: from now on the mailbox rings.
            sleep = match self.post[shard].fall_asleep() {
                true => Sleep::Asleep(deadline),
                false => Sleep::Awake,
            };
        }
        *self.turns[shard].borrow_mut() = Some(turn);
        self.sleeps.borrow_mut()[shard] = if goes_on { sleep } else { Sleep::Ended };
    }

    fn count_turn(&self, shard: usize) {
        let mut scene = self.scene.borrow_mut();
        scene.step += 1;
        let sleep = self.sleeps.borrow()[shard];
        if !matches!(sleep, Sleep::FallingAsleep(_)) {
            let cost = scene.random.between(1, 30);
            scene.now = after(scene.now, cost);
        }
        scene.trace.mix(shard as u64);
        if scene.trace.is_printed() {
            scene.trace.print(&format!("{:>7} shard {shard}: {sleep:?}", scene.step));
        }
    }

    fn is_runnable(&self, shard: usize) -> bool {
        if self.turns[shard].borrow().is_none() {
            return false;
        }
        match self.sleeps.borrow()[shard] {
            Sleep::Ended => false,
            Sleep::Awake | Sleep::FallingAsleep(_) => true,
            Sleep::Asleep(deadline) => {
                let scene = self.scene.borrow();
                self.bells[shard].load(Ordering::Relaxed)
                    || scene.wire.has_edges(shard)
                    || deadline.is_some_and(|deadline| deadline <= scene.now)
            }
        }
    }

    /// All that a shard has done so far that others can see.
    fn doings_of(&self, shard: usize) -> (u64, u64, usize) {
        let letters = self.post.iter().filter(|mailbox| !mailbox.is_empty()).count();
        (self.doings[shard].get(), self.store.appends(), letters)
    }

    /// Perhaps another shard's turn runs now, in the middle of this one's.
    fn interleave(&self, shard: usize) {
        let sleep = self.sleeps.borrow()[shard];
        if self.depth.get() >= MOST_INTERLEAVED || matches!(sleep, Sleep::FallingAsleep(_)) {
            return;
        }
        let often = self.scene.borrow().options.interleaved;
        if !self.scene.borrow_mut().random.chance(often) {
            return;
        }
        let others = self.runnable();
        if !others.is_empty() {
            let other = *self.scene.borrow_mut().random.pick(&others);
            self.depth.set(self.depth.get() + 1);
            self.run(other);
            self.depth.set(self.depth.get() - 1);
        }
    }
}

impl VirtualNetwork {
    fn is_alive(&self) -> io::Result<()> {
        if self.broker.is_dead() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    fn done(&self) {
        let doings = &self.broker.doings[self.shard];
        doings.set(doings.get() + 1);
        let dies_in = self.broker.dies_in.get().map(|doings| doings.saturating_sub(1));
        self.broker.dies_in.set(dies_in);
        self.broker.interleave(self.shard);
    }
}

impl Network for VirtualNetwork {
    type Socket = Socket;
    type Listener = Door;

    fn now(&self) -> Instant {
        self.broker.scene.borrow().now
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) {
        if self.broker.is_dead() {
            return;
        }
        let rang = self.broker.bells[self.shard].swap(false, Ordering::Relaxed);
        let mut scene = self.broker.scene.borrow_mut();
        let (knocked, edges) = scene.wire.take_edges(self.shard);
        if knocked {
            events.extend(Door::ALL.map(event_of_listener));
        }
        events.extend(edges.into_iter().map(event));
        let sleeps = timeout != Some(Duration::ZERO) && events.is_empty() && !rang;
        let deadline = timeout.map(|timeout| scene.now.saturating_add(timeout));
        self.broker.sleeps.borrow_mut()[self.shard] =
            if sleeps { Sleep::FallingAsleep(deadline) } else { Sleep::Awake };
    }

    fn listen(&mut self, _listener: &mut Door, _number: u32) -> io::Result<()> {
        Ok(())
    }

    fn accept(&mut self, door: &mut Door) -> io::Result<(Socket, Peer)> {
        self.is_alive()?;
        let accepted = {
            let mut scene = self.broker.scene.borrow_mut();
            let often = scene.wire.faults.accept_fails;
            if scene.random.chance(often) {
                let kinds = [io::ErrorKind::ConnectionAborted, io::ErrorKind::OutOfMemory];
                return Err(io::Error::from(*scene.random.pick(&kinds)));
            }
            scene.wire.accept(*door)
        };
        let id = accepted.ok_or(io::ErrorKind::WouldBlock)?;
        self.done();
        Ok((Socket(id), address()))
    }

    fn unlisten(&mut self, _listener: Door) {}

    fn register(&mut self, socket: &mut Socket, slot: u32) -> io::Result<()> {
        self.is_alive()?;
        self.broker.scene.borrow_mut().wire.watch(socket.0, self.shard, slot);
        Ok(())
    }

    fn deregister(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.is_alive()?;
        self.broker.scene.borrow_mut().wire.unwatch(socket.0);
        self.done();
        Ok(())
    }

    fn is_connected(&self, socket: &Socket) -> bool {
        self.broker.scene.borrow().wire.is_connected(socket.0)
    }

    fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_alive()?;
        let read = {
            let scene = &mut *self.broker.scene.borrow_mut();
            let now = scene.now;
            scene.wire.server_reads(socket.0, buffer, now, &mut scene.agenda)
        };
        if read.is_ok() {
            self.done();
        }
        read.map_err(error)
    }

    fn write(&mut self, socket: &mut Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.is_alive()?;
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let written = {
            let scene = &mut *self.broker.scene.borrow_mut();
            let now = scene.now;
            scene.wire.server_writes(socket.0, &bytes, now, &mut scene.agenda)
        };
        if written.is_ok() {
            self.done();
        }
        written.map_err(error)
    }

    fn shut_down_write(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.is_alive()?;
        let scene = &mut *self.broker.scene.borrow_mut();
        let now = scene.now;
        match scene.wire.server_finishes(socket.0, now, &mut scene.agenda) {
            true => Ok(()),
            false => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn close(&mut self, socket: Socket) {
        if self.broker.is_dead() {
            return;
        }
        {
            let scene = &mut *self.broker.scene.borrow_mut();
            let now = scene.now;
            // Longer than that it has only waited for the keep alive, or for a log that is full
            // again and again.
            let patience = scene.options.limits.answer_timeout + MOST_TO_CLOSE;
            let is_read = scene.options.store.full == PerMille(0);
            if is_read
                && scene.wire.took_to_close(socket.0, now).is_some_and(|took| took > patience)
            {
                let finding = format!("the end of connection {} was overlooked", socket.0);
                scene.fail(None, finding);
            }
            scene.wire.server_closes(socket.0, now, &mut scene.agenda);
        }
        self.done();
    }
}

fn event(edge: Edge) -> Event {
    Event {
        source: Source::Connection(edge.slot),
        closed: edge.closed,
        readable: edge.readable,
        writable: edge.writable,
    }
}

const fn event_of_listener(door: Door) -> Event {
    Event {
        source: Source::Listener(door.number()),
        closed: ferrymq_server::Closed::No,
        readable: true,
        writable: false,
    }
}

fn error(refusal: Refusal) -> io::Error {
    match refusal {
        Refusal::WouldBlock => io::ErrorKind::WouldBlock.into(),
        Refusal::Reset => io::ErrorKind::ConnectionReset.into(),
    }
}

fn address() -> Peer {
    SocketAddr::from(([127, 0, 0, 1], 50_000)).into()
}

/// How long the broker takes at most to close a connection that its client has closed, besides
/// the time for an answer to a question of access.
const MOST_TO_CLOSE: Duration = Duration::from_millis(1_500);
/// How deep turns run within turns.
const MOST_INTERLEAVED: usize = 2;
