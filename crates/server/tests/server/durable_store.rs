//! The store on a disk in memory, driven step by step beside a model: who is owed what, whatever is
//! settled, given to others, freed and read again meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use ferrymq_broker::{
    Epoch, Fetch, Fetched, GroupNumber, LogState, Message, Partition, Progress, Publication,
    Record, RecordBatch, RecordNumber, Recovered, Round, SessionNumber, SessionRef, ShardIndex,
    StoredTarget, Survivor,
};
use ferrymq_codec::{Properties, QoS, TopicName};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{Attendant, DurableStore, LogOptions, Opened, Store};
use ferrymq_store::TwinDisk;
use proptest::prelude::*;

/// What the store has for the shards.
#[derive(Default)]
struct Events {
    rounds: Mutex<VecDeque<Arc<Round>>>,
    fetched: Mutex<VecDeque<Fetched>>,
}

impl Attendant for Events {
    fn commit_wanted(&self) {}

    fn read_wanted(&self) {}

    fn news(&self, _shard: ShardIndex) {}

    fn fetched(&self, fetched: Fetched) {
        self.fetched.lock().unwrap().push_back(fetched);
    }

    fn round(&self, round: &Arc<Round>) {
        self.rounds.lock().unwrap().push_back(Arc::clone(round));
    }
}

/// Two shards that know what their sessions are owed, and the store.
struct World {
    disk: TwinDisk,
    events: Arc<Events>,
    store: DurableStore<TwinDisk>,
    counters: [u64; 2],
    owed: BTreeMap<(RecordNumber, u64), Terms>,
    /// What was acknowledged, which nobody is owed again.
    settled: BTreeSet<(RecordNumber, u64)>,
    /// The round that is open, and the sessions that were not looked at for it.
    round: Option<(Arc<Round>, BTreeSet<u64>)>,
    rounds: u64,
}

/// What a session is to be sent, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Terms {
    payload: Vec<u8>,
    identifier: u32,
}

#[derive(Clone, Debug)]
enum Step {
    /// A message of this length for these sessions.
    Message(u64, Vec<u64>, usize),
    /// Something is settled, chosen by this number.
    Settle(usize),
    /// Something is given to this session.
    Reassign(usize, u64),
    Fetch(usize),
    Commit,
    GoRound,
    /// A session is looked at for the round that is open.
    Look,
    /// The process ends, or the power does.
    Crash {
        power: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let sessions = prop::collection::vec(SESSIONS, 1..4);
    prop_oneof![
        8 => (0..2_u64, sessions, 100..1_500_usize).prop_map(|(w, s, l)| Step::Message(w, s, l)),
        10 => any::<usize>().prop_map(Step::Settle),
        3 => (any::<usize>(), SESSIONS).prop_map(|(at, to)| Step::Reassign(at, to)),
        2 => any::<usize>().prop_map(Step::Fetch),
        4 => Just(Step::Commit),
        4 => Just(Step::GoRound),
        4 => Just(Step::Look),
        1 => any::<bool>().prop_map(|power| Step::Crash { power }),
    ]
}

impl World {
    fn new(disk: TwinDisk) -> Self {
        let (store, events, recovered) = open(&disk);
        assert!(recovered.sessions.is_empty());
        let mut world = Self {
            disk,
            events,
            store,
            counters: [1; 2],
            owed: BTreeMap::new(),
            settled: BTreeSet::new(),
            round: None,
            rounds: 0,
        };
        for session in SESSIONS {
            world.append(home(session), vec![session_record(session)]);
        }
        world
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Message(writer, sessions, length) => self.publish(writer, &sessions, length),
            Step::Settle(at) => {
                if let Some((message, session)) = self.any_owed(at) {
                    self.settle(message, session);
                }
            }
            Step::Reassign(at, to) => self.reassign(at, to),
            Step::Fetch(at) => self.fetch(at),
            Step::Commit => {
                self.store.commit().unwrap();
            }
            Step::GoRound => {
                self.store.go_round();
                self.take_rounds();
            }
            Step::Look => self.look(),
            Step::Crash { power } => self.crash(power),
        }
    }

    fn append(&mut self, shard: ShardIndex, records: Vec<Record>) -> RecordNumber {
        let counter = &mut self.counters[shard.as_usize()];
        let first = *counter;
        *counter += records.len() as u64;
        self.store.append(RecordBatch {
            partition: Partition::LOCAL,
            epoch: Epoch::FIRST,
            writer: shard,
            at: Instant::from_nanos(first),
            first,
            needs_sync: true,
            records,
        });
        RecordNumber::new(shard, first)
    }

    fn publish(&mut self, writer: u64, sessions: &[u64], length: usize) {
        let shard = home(writer);
        let counter = self.counters[shard.as_usize()];
        let payload: Vec<u8> = counter.to_be_bytes().into_iter().cycle().take(length).collect();
        let publication = Publication {
            topic: TopicName::trusted("t"),
            properties: Properties::EMPTY,
            payload: &payload,
            qos: QoS::AtLeastOnce,
            retain: false,
            expires: Instant::FAR_FUTURE,
            publisher: SessionNumber(99),
        };
        let message = Arc::new(Message::new(&publication, Arc::from("t")));
        let sessions: BTreeSet<u64> = sessions.iter().copied().collect();
        let targets = sessions.iter().map(|session| target(*session, 1)).collect();
        let number = self.append(shard, vec![Record::Message { message, targets }]);
        for session in sessions {
            let terms = Terms { payload: payload.clone(), identifier: 1 };
            self.owed.insert((number, session), terms);
        }
    }

    fn any_owed(&self, at: usize) -> Option<(RecordNumber, u64)> {
        self.owed.keys().nth(at % self.owed.len().max(1)).copied()
    }

    fn settle(&mut self, message: RecordNumber, session: u64) {
        self.owed.remove(&(message, session));
        self.settled.insert((message, session));
        let record = Record::Settled { session: SessionNumber(session), message };
        self.append(home(session), vec![record]);
    }

    fn reassign(&mut self, at: usize, to: u64) {
        let Some((message, from)) = self.any_owed(at) else {
            return;
        };
        let key = (message, to);
        if self.owed.contains_key(&key) || self.settled.contains(&key) {
            return;
        }
        let mut terms = self.owed.remove(&(message, from)).expect("it was looked up");
        terms.identifier += 1;
        let to_target = target(to, terms.identifier);
        self.owed.insert((message, to), terms);
        let record =
            Record::Reassigned { message, from: SessionNumber(from), to: to_target, weight: 1 };
        self.append(home(from), vec![record]);
    }

    /// Asks for something that is owed, and gets it now or from the disk.
    fn fetch(&mut self, at: usize) {
        let Some((message, session)) = self.any_owed(at) else {
            return;
        };
        let place = SessionRef { number: SessionNumber(session), slot: 0, shard: home(session) };
        let fetch = Fetch { session: place, request: 7, messages: vec![message] };
        let fetched = self.store.fetch(fetch).unwrap_or_else(|| {
            assert!(self.store.read());
            self.events.fetched.lock().unwrap().pop_front().expect("it was read")
        });
        assert_eq!((fetched.session, fetched.request), (place, 7));
        let found = fetched.messages.expect("the disk can be read");
        assert_eq!(found.len(), 1, "{message:?} of {session}");
        let terms = &self.owed[&(message, session)];
        assert_eq!(found[0].message.payload(), terms.payload);
        assert_eq!(found[0].identifiers.first().map(|number| number.get()), Some(terms.identifier));
    }

    fn take_rounds(&mut self) {
        if let Some(round) = self.events.rounds.lock().unwrap().pop_front() {
            assert!(self.round.is_none(), "one at a time");
            self.round = Some((round, SESSIONS.collect()));
            self.rounds += 1;
        }
    }

    /// Looks at a session for the round, as its shard does.
    fn look(&mut self) {
        let Some((round, mut sessions)) = self.round.take() else {
            return;
        };
        let session = sessions.pop_first().expect("a round ends with the last of them");
        let shard = home(session);
        self.append(shard, vec![session_record(session)]);
        let hers = self.owed.keys().filter(|(_, of)| *of == session);
        let saved = hers.filter(|(message, _)| round.saved.contains(*message));
        let survivors = saved
            .map(|(message, _)| Survivor { message: *message, session: SessionNumber(session) })
            .collect();
        self.store.survivors(shard, survivors);
        if sessions.iter().all(|other| home(*other) != shard) {
            self.store.round_done(shard, round.number);
        }
        if !sessions.is_empty() {
            self.round = Some((round, sessions));
        }
    }

    /// Goes on until nothing is left to do.
    fn settle_down(&mut self) {
        for _ in 0..1_000 {
            self.store.go_round();
            self.take_rounds();
            while self.round.is_some() {
                self.look();
            }
            // While there is no space this fails, and is tried again.
            let _ = self.store.commit();
        }
    }

    /// What was written is all that is left.
    fn crash(&mut self, power: bool) {
        while self.store.commit().unwrap() {}
        if power {
            self.disk.crash();
        } else {
            self.disk.kill();
        }
        let (store, events, recovered) = open(&self.disk);
        (self.store, self.events, self.round) = (store, events, None);
        let mut found = BTreeSet::new();
        for session in &recovered.sessions {
            let published = session.published.iter().map(|(_, owed)| owed);
            for owed in published.chain(&session.queue) {
                assert!(found.insert((owed.number, session.number.0)), "{owed:?} comes twice");
            }
        }
        assert_eq!(found, self.owed.keys().copied().collect::<BTreeSet<_>>());
        for (shard, counter) in (0u16..).map(ShardIndex).zip(&mut self.counters) {
            let next = self.store.log().next_counters().get(&shard.0).copied().unwrap_or(1);
            assert!(next >= *counter, "a number must not be given twice");
            *counter = next;
        }
    }
}

fn open(disk: &TwinDisk) -> (DurableStore<TwinDisk>, Arc<Events>, Recovered) {
    let options = LogOptions {
        segment_bytes: SEGMENT_BYTES,
        tail_bytes: 2 * 1024,
        cache_bytes: 2 * 1024,
        ..LogOptions::default()
    };
    let opened = Opened::new(disk.clone(), options, 1, |_, _| true).expect("the log is whole");
    let events = Arc::new(Events::default());
    let attendant = Arc::clone(&events);
    let (store, recovered) = DurableStore::new(opened, 2, attendant);
    (store, events, recovered)
}

fn home(session: u64) -> ShardIndex {
    ShardIndex(u16::from(session % 2 == 1))
}

fn session_record(session: u64) -> Record {
    Record::Session {
        session: SessionNumber(session),
        client_id: session.to_string().into(),
        username: None,
        expiry_interval: u32::MAX,
    }
}

fn target(session: u64, identifier: u32) -> StoredTarget {
    StoredTarget {
        session: SessionNumber(session),
        qos: QoS::AtLeastOnce,
        retain: false,
        identifiers: NonZeroU32::new(identifier).into_iter().collect(),
        group: Some(GroupNumber(NonZeroU32::MIN)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_owed_stays_and_what_is_settled_does_not_come_back(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 100..900),
    ) {
        let mut world = World::new(TwinDisk::new(seed));
        for step in steps {
            world.step(step);
        }
        world.settle_down();
        world.crash(true);
        for at in 0..world.owed.len() {
            world.fetch(at);
        }
    }
}

#[test]
fn log_stays_small_however_much_goes_through_it() {
    let mut world = World::new(TwinDisk::new(1));
    for number in 0..2_000 {
        world.publish(number, &[1, 2], 1_000);
        // One message in a hundred stays.
        for session in [1, 2] {
            let last =
                *world.owed.keys().rfind(|(_, of)| *of == session).expect("it was published");
            if number % 100 != 0 {
                world.settle(last.0, last.1);
            }
        }
        world.settle_piece();
    }
    assert!(world.rounds > 10, "{} rounds", world.rounds);
    let bytes = world.store.log().bytes();
    // Twice the forty kilobytes that are owed, and what a round waits for.
    assert!(bytes < 16 * SEGMENT_BYTES, "{bytes}");
    world.crash(true);
}

impl World {
    /// One step of everything that goes on beside the shards.
    fn settle_piece(&mut self) {
        self.store.commit().unwrap();
        self.store.go_round();
        self.take_rounds();
        self.look();
    }
}

#[test]
fn full_disk_refuses_and_recovers_when_enough_is_settled() {
    let disk = TwinDisk::new(2);
    let mut world = World::new(disk.clone());
    disk.set_capacity(12 * SEGMENT_BYTES);
    let mut published = 0;
    while world.store.state() == LogState::Ready {
        world.publish(published, &[1], 1_000);
        published += 1;
        assert!(published < 1_000, "the disk is full before that");
        let _ = world.store.commit();
    }
    assert_eq!(world.store.state(), LogState::NoSpace);
    let owed: Vec<(RecordNumber, u64)> = world.owed.keys().copied().collect();
    for (message, session) in owed {
        world.settle(message, session);
    }
    world.settle_down();
    assert_eq!(world.store.state(), LogState::Ready);
    assert!(world.rounds > 0);
    world.crash(true);
}

#[test]
fn disk_that_cannot_be_written_for_a_while_delays_and_loses_nothing() {
    let disk = TwinDisk::new(3);
    let mut world = World::new(disk.clone());
    world.store.commit().unwrap();
    disk.set_read_only(true);
    world.publish(1, &[1, 2], 100);
    assert!(world.store.commit().is_err());
    assert_eq!(world.store.state(), LogState::NoSpace);
    let shard = home(1);
    let before = world.store.progress(shard);
    disk.set_read_only(false);
    world.store.commit().unwrap();
    assert_eq!(world.store.state(), LogState::Ready);
    let counter = world.counters[shard.as_usize()] - 1;
    assert!(before.synced < counter);
    assert_eq!(world.store.progress(shard), Progress::all(counter));
    world.crash(true);
}

#[test]
fn time_of_a_log_goes_on_without_records() {
    let disk = TwinDisk::new(4);
    let world = World::new(disk.clone());
    world.store.commit().unwrap();
    world.store.log().tick(5_000).unwrap();
    world.store.log().tick(4_000).unwrap();
    disk.crash();
    let opened = Opened::new(disk, LogOptions::default(), 1, |_, _| true).unwrap();
    assert_eq!(opened.last_time(), Instant::from_nanos(5_000));
}

const SESSIONS: std::ops::Range<u64> = 1..7;
const SEGMENT_BYTES: u64 = 8 * 1024;
