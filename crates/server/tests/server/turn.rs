//! The turn on a scripted network: no sockets, no threads, and time passes when the test says so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{
    AllowAll, Ask, ControlRequest, Directory, Limits, Peer, Rate, Shard, ShardIndex, ShardOptions,
};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{
    Admission, Closed, Control, Entrance, Event, Mailbox, MemoryStore, Network, SocketLimits,
    Source, Terms, Turn, TurnParts, Wake,
};
use ferrymq_transport::ServerTransport;

use crate::peer::{Version, client_at, connect, publish, subscribe};

#[test]
fn accept_that_fails_is_tried_again_after_a_moment_and_not_before() {
    let mut scene = Scene::new(1);
    scene.world().refuse_accepts = true;
    scene.run();
    let attempts = scene.world().accepts;
    scene.open();
    assert_eq!(scene.world().accepts, attempts, "the system was asked again at once");
    let timeout = scene.world().timeout.expect("the turn wakes by itself");
    assert!(!timeout.is_zero() && timeout <= Duration::from_millis(100), "{timeout:?}");
    scene.world().refuse_accepts = false;
    scene.pass(Duration::from_millis(100));
    scene.run();
    assert_eq!(scene.turns[0].shard().connection_count(), 1);
}

#[test]
fn connections_that_come_faster_than_their_listener_lets_them_wait_in_the_kernel() {
    let terms = Terms { rate: Arc::new(Rate::new(10)), ..Terms::default() };
    let mut scene = Scene::on(terms, 1, Limits::default(), SocketLimits::default());
    for _ in 0..40 {
        scene.knock();
    }
    scene.run();
    assert_eq!(scene.turns[0].shard().connection_count(), 11, "a second's worth, and one");
    let timeout = scene.world().timeout.expect("the turn wakes by itself");
    assert!(!timeout.is_zero() && timeout <= Duration::from_millis(100), "{timeout:?}");
    for tenths in 1..=20 {
        scene.pass(Duration::from_millis(100));
        scene.run();
        assert_eq!(scene.turns[0].shard().connection_count(), 11 + tenths);
    }
}

#[test]
fn address_that_connects_too_often_is_turned_away_and_others_are_not() {
    let sockets = SocketLimits { address_connections_per_second: 5, ..SocketLimits::default() };
    let mut scene = Scene::on(Terms::default(), 1, Limits::default(), sockets);
    let come = |scene: &mut Scene, address: [u8; 4], count: usize| {
        scene.world().address = address;
        let before = scene.turns[0].shard().connection_count();
        for _ in 0..count {
            scene.open();
        }
        scene.turns[0].shard().connection_count() - before
    };
    assert_eq!(come(&mut scene, [10, 0, 0, 1], 20), 6, "a second's worth, and one");
    assert_eq!(come(&mut scene, [10, 0, 0, 2], 3), 3);
    assert_eq!(come(&mut scene, [127, 0, 0, 1], 20), 20);
    assert_eq!(scene.directory.metrics().connections_turned_away(), 14);
    scene.pass(Duration::from_secs(1));
    assert_eq!(come(&mut scene, [10, 0, 0, 1], 10), 5);
}

#[test]
fn connect_in_single_bytes_and_short_writes_is_answered_whole() {
    let mut scene = Scene::new(1);
    let socket = scene.open();
    scene.world().sockets[socket].write_limit = 1;
    for byte in connect(Version::V5, "bytes", true) {
        scene.world().sockets[socket].incoming.push_back(byte);
        scene.event(0, READABLE);
        scene.run();
    }
    // What can be written is announced once for each byte, as by a very full socket.
    for _ in 0..100 {
        scene.event(0, WRITABLE);
        scene.run();
    }
    let sent = scene.world().sockets[socket].outgoing.clone();
    assert_eq!((sent[0], usize::from(sent[1]), sent[3]), (0x20, sent.len() - 2, 0), "{sent:02x?}");
}

#[test]
fn spurious_events_change_nothing() {
    let mut scene = Scene::new(1);
    let socket = scene.open();
    scene.run();
    for event in [READABLE, WRITABLE, Event { source: Source::Connection(7), ..READABLE }] {
        scene.event(0, event);
        scene.run();
    }
    scene.send(socket, &connect(Version::V3_1_1, "calm", true));
    assert_eq!(scene.world().sockets[socket].outgoing, [0x20, 2, 0, 0]);
}

#[test]
fn connection_that_we_end_lingers_until_the_peer_closes() {
    let mut scene = Scene::new(1);
    let socket = scene.open();
    scene.send(socket, &connect(Version::V5, "rude", true));
    // A second CONNECT, and more that is never looked at.
    scene.send(socket, &connect(Version::V5, "rude", true));
    scene.send(socket, &[0xc0, 0]);
    {
        let world = scene.world();
        let wire = &world.sockets[socket];
        assert!(wire.write_closed && !wire.closed);
        assert!(wire.incoming.is_empty(), "unread bytes would reset the connection");
        // CONNACK, and then DISCONNECT with Protocol Error [MQTT-3.1.0-2].
        let connack = usize::from(wire.outgoing[1]) + 2;
        assert_eq!((wire.outgoing[connack], wire.outgoing[connack + 2]), (0xe0, 0x82));
    }
    scene.world().sockets[socket].peer_closed = true;
    scene.event(0, Event { closed: Closed::Read, ..READABLE });
    scene.run();
    assert!(scene.world().sockets[socket].closed);
    assert_eq!(scene.turns[0].shard().connection_count(), 0);
}

#[test]
fn connection_that_we_end_lingers_no_longer_than_allowed() {
    let mut scene = Scene::new(1);
    let socket = scene.open();
    scene.send(socket, &[0xff, 0xff]);
    assert!(!scene.world().sockets[socket].closed);
    scene.pass(SocketLimits::default().linger);
    scene.run();
    assert!(scene.world().sockets[socket].closed);
}

#[test]
fn oldest_lingering_connection_makes_room_for_the_next() {
    let mut scene = Scene::new(1);
    let sockets: Vec<usize> = (0..LINGERING + 2).map(|_| scene.open()).collect();
    for socket in &sockets {
        scene.send(*socket, &[0xff, 0xff]);
    }
    let closed: Vec<bool> =
        sockets.iter().map(|socket| scene.world().sockets[*socket].closed).collect();
    assert_eq!(closed[..3], [true, true, false]);
    assert_eq!(closed.iter().filter(|closed| **closed).count(), 2);
}

#[test]
fn connection_moves_home_with_all_its_bytes() {
    let mut scene = Scene::new(2);
    let client_id = client_at(&scene.directory, 1, "mover");
    let socket = scene.open();
    let bytes = [connect(Version::V3_1_1, &client_id, true), vec![0xc0, 0]].concat();
    // Half of it arrives before the connection moves, half of it after.
    let (front, back) = bytes.split_at(bytes.len() - 1);
    scene.send(socket, front);
    assert_eq!(scene.turns[0].shard().connection_count(), 0);
    assert_eq!(scene.turns[1].shard().connection_count(), 1);
    assert_eq!(scene.world().sockets[socket].watched, Some(1));
    scene.send(socket, back);
    assert_eq!(scene.world().sockets[socket].outgoing, [0x20, 2, 0, 0, 0xd0, 0]);
}

#[test]
fn senders_that_pause_for_a_full_mailbox_take_turns() {
    let mut scene = Scene::with_limits(2, Limits { mail_bytes: 1, ..Limits::default() });
    let receiver = scene.open();
    let client_id = client_at(&scene.directory, 1, "receiver");
    scene.send(receiver, &connect(Version::V3_1_1, &client_id, true));
    scene.send(receiver, &subscribe(Version::V3_1_1, 1, "topic", 0));
    let senders: Vec<usize> = (0..3u8)
        .map(|sender| {
            let socket = scene.open();
            let client_id = client_at(&scene.directory, 0, &format!("sender-{sender}"));
            scene.send(socket, &connect(Version::V3_1_1, &client_id, true));
            socket
        })
        .collect();
    scene.world().sockets[receiver].outgoing.clear();
    // All have more to say than the mailbox has room for.
    for (sender, socket) in (b'a'..).zip(&senders) {
        scene.put(*socket, &publish(Version::V3_1_1, 0, 0, "topic", &[sender]).repeat(40));
    }
    for _ in 0..10 {
        scene.run();
    }
    let received = scene.world().sockets[receiver].outgoing.clone();
    let counts = [b'a', b'b', b'c']
        .map(|sender| received.chunks(10).filter(|packet| packet.last() == Some(&sender)).count());
    assert!(counts.iter().sum::<usize>() < 120, "the mailbox never was full");
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?}");
}

#[test]
fn connection_that_arrives_while_the_broker_ends_is_closed_cleanly() {
    let mut scene = Scene::new(2);
    // Somebody who does not close keeps the second shard until its patience ends.
    let keeper = scene.open();
    let client_id = client_at(&scene.directory, 1, "keeper");
    scene.send(keeper, &connect(Version::V5, &client_id, true));
    scene.post[1].post(ferrymq_server::Letter::ShutDown);
    scene.run();
    let late = scene.open();
    scene.send(late, &connect(Version::V5, &client_at(&scene.directory, 1, "late"), true));
    assert_eq!(scene.world().sockets[late].watched, Some(1));
    assert!(scene.world().sockets[late].write_closed, "nothing follows");
    assert!(!scene.world().sockets[late].closed, "a close at once would be a reset");
    scene.pass(SocketLimits::default().linger);
    assert!(!scene.turns[1].run_once());
    assert!(scene.world().sockets[late].closed);
}

#[test]
fn turn_with_nothing_to_do_sleeps_and_a_letter_wakes_it() {
    let mut scene = Scene::new(2);
    scene.run();
    assert!(scene.world().timeout.is_none_or(|timeout| !timeout.is_zero()));
    assert!(scene.post[1].is_empty());
    assert!(scene.post[1].fall_asleep());
    scene.post[1].post(ferrymq_server::Letter::ShutDown);
    scene.post[1].wake();
    assert_eq!(scene.world().wakes, 1);
    assert!(!scene.turns[1].run_once(), "the last turn of a shard without connections");
}

/// Some shards in one thread.
pub(crate) struct Scene {
    world: Rc<RefCell<World>>,
    wakes: std::sync::mpsc::Receiver<()>,
    directory: Arc<Directory>,
    post: Arc<[Mailbox<usize>]>,
    turns: Vec<Turn<Script>>,
}

/// What the network of all shards consists of.
#[derive(Default)]
struct World {
    now: Instant,
    sockets: Vec<Wire>,
    /// Sockets that wait to be accepted.
    pending: VecDeque<usize>,
    refuse_accepts: bool,
    /// Where connections come from.
    address: [u8; 4],
    accepts: usize,
    /// Events for each shard.
    events: Vec<Vec<Event>>,
    /// How long a turn last wanted to sleep.
    timeout: Option<Duration>,
    wakes: usize,
}

#[derive(Default)]
struct Wire {
    incoming: VecDeque<u8>,
    outgoing: Vec<u8>,
    /// The most that one write takes.
    write_limit: usize,
    /// What is left of that until the next event.
    write_room: usize,
    peer_closed: bool,
    write_closed: bool,
    closed: bool,
    /// Whose poller it is registered with.
    watched: Option<usize>,
    slot: u32,
}

/// The network of one shard.
struct Script {
    shard: usize,
    world: Rc<RefCell<World>>,
}

struct Bell(std::sync::mpsc::Sender<()>);

struct Nobody;

impl Scene {
    fn new(shards: u16) -> Self {
        Self::with_limits(shards, Limits::default())
    }

    fn with_limits(shards: u16, limits: Limits) -> Self {
        Self::behind(ServerTransport::default(), shards, limits)
    }

    /// Shards whose connections have layers.
    pub(crate) fn behind(transport: ServerTransport, shards: u16, limits: Limits) -> Self {
        let sockets = SocketLimits { lingering: LINGERING, ..SocketLimits::default() };
        Self::on(Terms { transport, ..Terms::default() }, shards, limits, sockets)
    }

    /// Shards on whose listener this holds.
    fn on(terms: Terms, shards: u16, mut limits: Limits, sockets: SocketLimits) -> Self {
        let terms = Arc::new(terms);
        limits.sys_interval = Duration::ZERO;
        let world = Rc::new(RefCell::new(World {
            events: vec![Vec::new(); usize::from(shards)],
            address: [127, 0, 0, 1],
            ..World::default()
        }));
        let (bell, wakes) = std::sync::mpsc::channel();
        let post: Arc<[Mailbox<usize>]> =
            (0..shards).map(|_| Mailbox::new(Box::new(Bell(bell.clone())))).collect();
        let directory = Arc::new(Directory::new(shards, 42));
        let store = Arc::new(MemoryStore::new(shards));
        let admission = Arc::new(Admission::new(usize::MAX));
        let limits = Arc::new(limits);
        let turns = (0..shards)
            .map(|index| {
                let shard = Shard::new(ShardOptions {
                    index: ShardIndex(index),
                    limits: Arc::clone(&limits),
                    directory: Arc::clone(&directory),
                    access: Box::new(AllowAll),
                    now: Instant::ZERO,
                    seed: 7,
                    first_record: 1,
                });
                Turn::new(TurnParts {
                    network: Script { shard: usize::from(index), world: Rc::clone(&world) },
                    shard,
                    index: ShardIndex(index),
                    // Only the first shard listens, so that a test knows who accepts.
                    listeners: (index == 0)
                        .then(|| Entrance { listener: (), terms: Arc::clone(&terms) })
                        .into_iter()
                        .collect(),
                    post: Arc::clone(&post),
                    store: Arc::clone(&store) as Arc<dyn ferrymq_server::Store>,
                    control: Arc::new(Nobody),
                    admission: Arc::clone(&admission),
                    limits: Arc::clone(&limits),
                    sockets,
                })
            })
            .collect();
        Self { world, wakes, directory, post, turns }
    }

    fn world(&self) -> std::cell::RefMut<'_, World> {
        let mut world = self.world.borrow_mut();
        world.wakes += self.wakes.try_iter().count();
        world
    }

    /// Runs every shard a few times, which is enough for all that has happened.
    pub(crate) fn run(&mut self) {
        for _ in 0..4 {
            for turn in &mut self.turns {
                assert!(turn.run_once());
            }
        }
    }

    fn pass(&self, time: Duration) {
        let mut world = self.world();
        world.now = world.now.saturating_add(time);
    }

    fn event(&self, shard: usize, event: Event) {
        self.world().events[shard].push(event);
    }

    /// A new connection that the first shard accepts.
    fn open(&mut self) -> usize {
        let socket = self.knock();
        self.run();
        socket
    }

    /// A new connection of which nobody takes notice yet.
    pub(crate) fn knock(&self) -> usize {
        let socket = self.world().sockets.len();
        self.world().sockets.push(Wire { write_limit: usize::MAX, ..Wire::default() });
        self.world().pending.push_back(socket);
        self.event(0, LISTENER_READY);
        socket
    }

    /// Takes what was written to a connection, and makes so much room for more.
    pub(crate) fn take_output(&self, socket: usize, room: usize) -> Vec<u8> {
        std::mem::replace(&mut self.world().sockets[socket].outgoing, Vec::with_capacity(room))
    }

    fn send(&mut self, socket: usize, bytes: &[u8]) {
        self.put(socket, bytes);
        self.run();
    }

    /// Makes bytes arrive, of which nobody takes notice yet.
    pub(crate) fn put(&self, socket: usize, bytes: &[u8]) {
        let mut world = self.world();
        let wire = &mut world.sockets[socket];
        wire.incoming.extend(bytes);
        let event = Event { source: Source::Connection(wire.slot), ..READABLE };
        if let Some(shard) = wire.watched {
            world.events[shard].push(event);
        }
    }
}

impl Network for Script {
    type Socket = usize;
    type Listener = ();

    fn now(&self) -> Instant {
        self.world.borrow().now
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) {
        let mut world = self.world.borrow_mut();
        world.timeout = timeout;
        events.append(&mut world.events[self.shard]);
        for wire in &mut world.sockets {
            wire.write_room = wire.write_limit;
        }
    }

    fn listen(&mut self, (): &mut (), _number: u32) -> io::Result<()> {
        Ok(())
    }

    fn accept(&mut self, (): &mut ()) -> io::Result<(usize, Peer)> {
        let mut world = self.world.borrow_mut();
        world.accepts += 1;
        if world.refuse_accepts {
            return Err(io::Error::other("too many open files"));
        }
        let socket = world.pending.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        Ok((socket, SocketAddr::from((world.address, 1)).into()))
    }

    fn unlisten(&mut self, (): ()) {}

    fn register(&mut self, socket: &mut usize, slot: u32) -> io::Result<()> {
        let mut world = self.world.borrow_mut();
        world.sockets[*socket].watched = Some(self.shard);
        world.sockets[*socket].slot = slot;
        let event = Event { source: Source::Connection(slot), writable: true, ..READABLE };
        world.events[self.shard].push(event);
        Ok(())
    }

    fn deregister(&mut self, socket: &mut usize) -> io::Result<()> {
        self.world.borrow_mut().sockets[*socket].watched = None;
        Ok(())
    }

    fn is_connected(&self, _socket: &usize) -> bool {
        true
    }

    fn read(&mut self, socket: &mut usize, buffer: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let wire = &mut world.sockets[*socket];
        if wire.incoming.is_empty() && !wire.peer_closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = wire.incoming.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(wire.incoming.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, socket: &mut usize, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut world = self.world.borrow_mut();
        let wire = &mut world.sockets[*socket];
        let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        let count = bytes.len().min(wire.write_room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        wire.write_room -= count;
        wire.outgoing.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn shut_down_write(&mut self, socket: &mut usize) -> io::Result<()> {
        self.world.borrow_mut().sockets[*socket].write_closed = true;
        Ok(())
    }

    fn close(&mut self, socket: usize) {
        let mut world = self.world.borrow_mut();
        world.sockets[socket].closed = true;
        world.sockets[socket].watched = None;
    }
}

impl Wake for Bell {
    fn wake(&self) {
        // The scene may be gone already.
        let _ = self.0.send(());
    }
}

impl Control for Nobody {
    fn ask(&self, ask: Ask) {
        panic!("everything is allowed, so nothing is asked: {ask:?}");
    }

    fn control(&self, request: ControlRequest) {
        panic!("nobody asks for anything: {request:?}");
    }
}

const LINGERING: usize = 4;
const READABLE: Event =
    Event { source: Source::Connection(0), closed: Closed::No, readable: true, writable: false };
const WRITABLE: Event = Event { readable: false, writable: true, ..READABLE };
const LISTENER_READY: Event = Event { source: Source::Listener(0), ..READABLE };
