//! A target without sockets, threads or waiting: a broker of two shards whose clock is moved.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{
    AllowAll, ConnectionId, Directory, Limits, Peer, Reading, Shard, ShardIndex, ShardOptions,
};
use ferrymq_conformance::{Received, Target, Wire};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{MemoryStore, Store};

/// A broker of its own.
pub(crate) struct MemoryTarget {
    broker: Rc<RefCell<Broker>>,
}

impl MemoryTarget {
    pub(crate) fn new() -> Self {
        Self { broker: Rc::new(RefCell::new(Broker::new())) }
    }
}

impl Target for MemoryTarget {
    fn connect(&self) -> io::Result<Box<dyn Wire>> {
        let number = self.broker.borrow_mut().open();
        Ok(Box::new(MemoryWire { broker: Rc::clone(&self.broker), number }))
    }

    fn now(&self) -> Duration {
        self.broker.borrow().now.saturating_duration_since(Instant::ZERO)
    }

    fn advance(&self, time: Duration) {
        self.broker.borrow_mut().pass(time, |_| false);
    }
}

struct MemoryWire {
    broker: Rc<RefCell<Broker>>,
    number: usize,
}

impl Wire for MemoryWire {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut broker = self.broker.borrow_mut();
        broker.connections[self.number].unread.extend_from_slice(bytes);
        broker.read(self.number);
        broker.settle();
        Ok(())
    }

    fn receive(&mut self, into: &mut Vec<u8>, wait: Duration) -> Received {
        let mut broker = self.broker.borrow_mut();
        broker.pass(wait, |broker| broker.connections[self.number].has_news());
        let connection = &mut broker.connections[self.number];
        if !connection.written.is_empty() {
            into.append(&mut connection.written);
            Received::Bytes
        } else if connection.closed {
            Received::Closed
        } else {
            Received::Nothing
        }
    }
}

impl Drop for MemoryWire {
    fn drop(&mut self) {
        let mut broker = self.broker.borrow_mut();
        let Connection { shard, id, closed, .. } = broker.connections[self.number];
        if !closed {
            let now = broker.now;
            broker.shards[shard].peer_closed(id, None, now);
            broker.settle();
        }
    }
}

struct Broker {
    shards: Vec<Shard>,
    store: MemoryStore,
    now: Instant,
    connections: Vec<Connection>,
    numbers: HashMap<(usize, ConnectionId), usize>,
}

/// Both ends of a Network Connection.
struct Connection {
    shard: usize,
    id: ConnectionId,
    /// What the broker has not taken yet.
    unread: Vec<u8>,
    /// What the peer has not taken yet.
    written: Vec<u8>,
    closed: bool,
}

impl Connection {
    fn has_news(&self) -> bool {
        self.closed || !self.written.is_empty()
    }
}

const SHARDS: u16 = 2;

impl Broker {
    fn new() -> Self {
        let directory = Arc::new(Directory::new(SHARDS, 1));
        let limits = Arc::new(Limits { sys_interval: Duration::ZERO, ..Limits::default() });
        let now = Instant::from_nanos(1_000_000_000);
        let shards = (0..SHARDS)
            .map(|index| {
                Shard::new(ShardOptions {
                    index: ShardIndex(index),
                    limits: Arc::clone(&limits),
                    directory: Arc::clone(&directory),
                    access: Box::new(AllowAll),
                    now,
                    seed: u64::from(index),
                    first_record: 1,
                })
            })
            .collect();
        Self {
            shards,
            store: MemoryStore::new(SHARDS),
            now,
            connections: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// Connections arrive at the shards in turn.
    fn open(&mut self) -> usize {
        let number = self.connections.len();
        let shard = number % self.shards.len();
        let id = self.shards[shard].open(Peer::Local, &Arc::default(), self.now);
        self.connections.push(Connection {
            shard,
            id,
            unread: Vec::new(),
            written: Vec::new(),
            closed: false,
        });
        self.numbers.insert((shard, id), number);
        number
    }

    /// Moves the clock, stopping wherever something is due, until this holds or the time is over.
    fn pass(&mut self, time: Duration, until: impl Fn(&Self) -> bool) {
        let end = self.now.saturating_add(time);
        self.settle();
        while self.now < end && !until(self) {
            let due = self.shards.iter().filter_map(Shard::deadline).min().unwrap_or(end);
            // The wheel of the timers may be early by a step; time goes on in any case.
            let step = self.now.saturating_add(Duration::from_millis(1));
            self.now = due.max(step).min(end);
            self.settle();
        }
    }

    /// Lets the shards take turns until nothing happens any more.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    fn turn(&mut self) -> bool {
        let mut busy = false;
        for index in 0..self.shards.len() {
            let now = self.now;
            self.shards[index].advance(now);
            busy |= self.keep_records(index);
            for to in 0..SHARDS {
                for mail in self.shards[index].take_mail_for(ShardIndex(to)) {
                    self.shards[usize::from(to)].take_mail(mail, now);
                    busy = true;
                }
            }
            busy |= self.flush(index);
        }
        busy
    }

    fn keep_records(&mut self, index: usize) -> bool {
        let mut busy = false;
        if let Some(batch) = self.shards[index].take_records(self.now) {
            let writer = batch.writer;
            self.store.append(batch);
            self.shards[index].durable(self.store.progress(writer), self.now);
            busy = true;
        }
        for fetch in self.shards[index].take_fetches() {
            let fetched = self.store.fetch(fetch).expect("memory answers at once");
            self.shards[index].fetched(fetched, self.now);
            busy = true;
        }
        busy
    }

    fn flush(&mut self, index: usize) -> bool {
        let (mut dirty, mut closing, mut readable) = (Vec::new(), Vec::new(), Vec::new());
        self.shards[index].take_dirty(&mut dirty);
        for id in &dirty {
            self.write(index, *id);
        }
        self.shards[index].take_closing(&mut closing);
        for id in &closing {
            self.write(index, *id);
            self.shards[index].remove(*id);
            if let Some(number) = self.numbers.remove(&(index, *id)) {
                self.connections[number].closed = true;
            }
        }
        self.shards[index].take_readable(&mut readable);
        for id in &readable {
            if let Some(number) = self.numbers.get(&(index, *id)) {
                self.read(*number);
            }
        }
        !(dirty.is_empty() && closing.is_empty() && readable.is_empty())
    }

    fn write(&mut self, index: usize, id: ConnectionId) {
        loop {
            let Some(output) = self.shards[index].output(id) else { return };
            let (pieces, count) = output.pieces::<16>();
            let bytes = pieces[..count].concat();
            if bytes.is_empty() {
                return;
            }
            if let Some(number) = self.numbers.get(&(index, id)) {
                self.connections[*number].written.extend_from_slice(&bytes);
            }
            self.shards[index].written(id, bytes.len(), self.now);
        }
    }

    /// Hands in what the peer has sent, at the shard that is the client's home in the end.
    fn read(&mut self, number: usize) {
        loop {
            let connection = &mut self.connections[number];
            if connection.closed {
                return;
            }
            let shard = &mut self.shards[connection.shard];
            let (taken, reading) = shard.receive(connection.id, &connection.unread, self.now);
            connection.unread.drain(..taken);
            match reading {
                Reading::Later => {}
                Reading::Move(home) => {
                    let newcomer = shard.depart(connection.id).expect("it is there");
                    self.numbers.remove(&(connection.shard, connection.id));
                    connection.shard = home.as_usize();
                    connection.id = self.shards[connection.shard].arrive(newcomer);
                    self.numbers.insert((connection.shard, connection.id), number);
                }
                Reading::More { .. } | Reading::Paused | Reading::Ended => return,
            }
        }
    }
}
