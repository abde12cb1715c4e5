//! From a log to what a broker was when the log ended.
//!
//! Records are applied in the order of the log, and each is taken for what it says: one that is
//! applied twice, or said again, changes nothing. A session is made at its first mention, because
//! the record that began it may have been freed after it was said again; one that was never begun
//! is dropped at the end. Copies of messages keep the order of the records that they were made from,
//! and a queue is sorted by that.
//!
//! Nothing here costs more than a message's place in a queue, and nothing is searched through: what
//! is no longer owed is gathered, and taken out when enough has come together.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod latest;
mod session;

use std::sync::Arc;

use ferrymq_protocol::time::Instant;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::identity::{GroupNumber, RecordNumber, SessionNumber, ShardIndex};
use crate::image::{Away, DirectoryImage, OwedMessage, Recovered, Unfinished, WillImage};
use crate::message::{Message, Publication};
use crate::queue::Load;
use crate::record::{Record, StoredTarget};
use crate::record_codec::{self, MessageRecord, RecordError};
use session::{SessionReplay, Terms};

/// What the records so far have made true.
#[derive(Debug)]
pub struct Replay {
    sessions: HashMap<SessionNumber, SessionReplay, FixedState>,
    retained: HashMap<Arc<str>, Retained, FixedState>,
    retained_version: u64,
    /// The highest counter of each writer that was mentioned.
    counters: Vec<u64>,
    last_session: SessionNumber,
    last_group: Option<GroupNumber>,
    last_order: u64,
    last_time: Instant,
}

#[derive(Debug)]
struct Retained {
    /// Nothing, if the topic was cleared.
    message: Option<Arc<Message>>,
    version: u64,
}

impl Replay {
    /// Nothing has happened. `seed` must be secret wherever strangers choose topics.
    pub fn new(seed: u64) -> Self {
        Self {
            sessions: HashMap::with_hasher(FixedState::with_seed(seed)),
            retained: HashMap::with_hasher(FixedState::with_seed(seed)),
            retained_version: 0,
            counters: Vec::new(),
            last_session: SessionNumber::BROKER,
            last_group: None,
            last_order: 0,
            last_time: Instant::ZERO,
        }
    }

    /// Applies the next record of the log: its number, its place in the order of all records (that
    /// of a copy is its original's), when it was written, and itself.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the bytes are no record.
    pub fn apply(
        &mut self,
        number: RecordNumber,
        order: u64,
        at: Instant,
        bytes: &[u8],
    ) -> Result<(), RecordError> {
        let is_copy = order < self.last_order;
        self.last_order = self.last_order.max(order);
        self.last_time = self.last_time.max(at);
        self.mention(number);
        if record_codec::is_message(bytes) {
            let record = MessageRecord::parse(bytes)?;
            return self.message(number, order, is_copy, &record);
        }
        match record_codec::decode(bytes)? {
            Record::Settled { session, message } => self.settle(session, message),
            Record::Reassigned { message, from, to, weight } => {
                self.take_away(from, message);
                self.session(to.session).take_back(message);
                self.owe(&to, message, order, weight as usize, false);
            }
            Record::Sent { session, message, packet_id } => {
                self.mention(message);
                self.session(session).sent(message, packet_id);
            }
            Record::Released { session, message, packet_id } => {
                if let Some(message) = message {
                    self.settle(session, message);
                }
                self.session(session).released(packet_id);
            }
            Record::Completed { session, packet_id } => {
                if let Some(session) = self.known(session) {
                    session.completed(packet_id);
                }
            }
            Record::Received { session, packet_id } => {
                self.session(session).received.insert(packet_id);
            }
            Record::ReceivedDone { session, packet_id } => {
                if let Some(session) = self.known(session) {
                    session.received.release(packet_id);
                }
            }
            Record::Retained { topic, message, version } => self.retain(topic, message, version),
            other => self.apply_to_session(other),
        }
        Ok(())
    }

    /// What is true when the log has ended.
    pub fn finish(self) -> Recovered {
        let mut sessions = Vec::with_capacity(self.sessions.len());
        let mut unfinished = Unfinished::default();
        for (number, session) in self.sessions {
            session.finish(number, &mut sessions, &mut unfinished);
        }
        // They are published and handed on in the order in which they came.
        unfinished.wills.sort_unstable_by_key(|(session, _)| *session);
        unfinished.orphans.sort_unstable_by_key(|(_, owed)| (owed.order, owed.number));
        let retained = self
            .retained
            .into_values()
            .filter_map(|retained| Some((retained.message?, retained.version)))
            .collect();
        let directory = DirectoryImage {
            retained,
            retained_version: self.retained_version,
            next_session: SessionNumber(self.last_session.0.saturating_add(1)),
            next_group: self
                .last_group
                .map_or_else(|| DirectoryImage::default().next_group, GroupNumber::next),
        };
        let counters = (0..=u16::MAX)
            .map(ShardIndex)
            .zip(self.counters)
            .filter(|(_, counter)| *counter > 0)
            .collect();
        Recovered { sessions, unfinished, directory, counters, last_time: self.last_time }
    }

    fn message(
        &mut self,
        number: RecordNumber,
        order: u64,
        is_copy: bool,
        record: &MessageRecord<'_>,
    ) -> Result<(), RecordError> {
        let Publication { topic, properties, payload, publisher, .. } = record.publication();
        let weight = [topic.as_str().len(), properties.len(), payload.len()]
            .into_iter()
            .fold(0, usize::saturating_add);
        self.mention_session(*publisher);
        let mut targets = record.targets();
        while let Some(target) = targets.next_target()? {
            self.owe(&target, number, order, weight, is_copy);
        }
        Ok(())
    }

    fn owe(
        &mut self,
        target: &StoredTarget,
        number: RecordNumber,
        order: u64,
        weight: usize,
        is_copy: bool,
    ) {
        self.mention(number);
        if let Some(group) = target.group {
            self.mention_group(group);
        }
        let load = Load::new(weight, target.qos);
        let owed = OwedMessage { order, number, group: target.group, load };
        self.session(target.session).owe(owed, is_copy);
    }

    /// What a session is owed comes before it is settled, so whoever is not known has nothing.
    fn take_away(&mut self, session: SessionNumber, message: RecordNumber) {
        self.mention(message);
        if let Some(session) = self.known(session) {
            session.take_away(message);
        }
    }

    fn settle(&mut self, session: SessionNumber, message: RecordNumber) {
        self.mention(message);
        if let Some(session) = self.known(session) {
            session.settle(message);
        }
    }

    fn apply_to_session(&mut self, record: Record) {
        match record {
            Record::Session { session, client_id, expiry_interval, username } => {
                self.session(session).begin(client_id, expiry_interval, username);
            }
            Record::Away { session, expires, will_due } => {
                self.session(session).away = Some(Away { expires, will_due });
            }
            Record::Gone { session, .. } => {
                self.mention_session(session);
                self.sessions.remove(&session);
            }
            Record::Subscribed { session, filter, options, identifier, group } => {
                if let Some(group) = group {
                    self.mention_group(group);
                }
                let terms = Terms { options, identifier, group };
                self.session(session).subscriptions.push(filter, Some(terms));
            }
            Record::Unsubscribed { session, filter } => {
                if let Some(session) = self.known(session) {
                    session.subscriptions.push(filter, None);
                }
            }
            Record::Will { session, message, delay_interval } => {
                self.session(session).will = Some(Box::new(WillImage { message, delay_interval }));
            }
            Record::WillDone { session } => self.will_done(session),
            _ => {}
        }
    }

    fn will_done(&mut self, number: SessionNumber) {
        self.mention_session(number);
        if let Entry::Occupied(mut entry) = self.sessions.entry(number) {
            entry.get_mut().will = None;
            // Of a transient session nothing else was said.
            if entry.get().is_blank() {
                entry.remove();
            }
        }
    }

    fn retain(&mut self, topic: Arc<str>, message: Option<Arc<Message>>, version: u64) {
        self.retained_version = self.retained_version.max(version);
        if let Some(message) = &message {
            self.mention_session(message.publication().publisher);
        }
        match self.retained.entry(topic) {
            Entry::Occupied(mut entry) => {
                if entry.get().version <= version {
                    entry.insert(Retained { message, version });
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(Retained { message, version });
            }
        }
    }

    /// The session, if something is known of it.
    fn known(&mut self, number: SessionNumber) -> Option<&mut SessionReplay> {
        self.mention_session(number);
        self.sessions.get_mut(&number)
    }

    /// The session, which begins to be known at its first mention.
    fn session(&mut self, number: SessionNumber) -> &mut SessionReplay {
        self.mention_session(number);
        self.sessions.entry(number).or_default()
    }

    fn mention(&mut self, number: RecordNumber) {
        let writer = number.writer().as_usize();
        if self.counters.len() <= writer {
            self.counters.resize(writer.saturating_add(1), 0);
        }
        if let Some(counter) = self.counters.get_mut(writer) {
            *counter = number.counter().max(*counter);
        }
    }

    fn mention_session(&mut self, session: SessionNumber) {
        self.last_session = self.last_session.max(session);
    }

    fn mention_group(&mut self, group: GroupNumber) {
        self.last_group = self.last_group.max(Some(group));
    }
}
