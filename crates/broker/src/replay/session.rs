//! One session, while the log is read.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU32;

use ferrymq_codec::{PacketId, QoS, SubscriptionOptions};
use ferrymq_protocol::inbound::Inbound;

use super::latest::Latest;
use crate::identity::{GroupNumber, RecordNumber, SessionNumber};
use crate::image::{Away, OwedMessage, SessionImage, SubscriptionImage, Unfinished, WillImage};

/// What was said of a session.
#[derive(Debug, Default)]
pub(super) struct SessionReplay {
    /// Whose it is; nothing, if it was never begun.
    client_id: Option<Box<str>>,
    expiry_interval: u32,
    username: Option<Box<str>>,
    pub(super) away: Option<Away>,
    pub(super) will: Option<Box<WillImage>>,
    /// By filter; nothing, where it was unsubscribed.
    pub(super) subscriptions: Latest<Box<str>, Option<Terms>>,
    pub(super) received: Inbound,
    released: VecDeque<PacketId>,
    owed: VecDeque<OwedMessage>,
    /// Whether a message may be among them twice.
    has_copies: bool,
    /// What was sent, by message: that may come later, as a copy.
    sent: Latest<RecordNumber, PacketId>,
    /// What is not owed any more and is still among `owed` or `sent`.
    settled: Vec<RecordNumber>,
    /// What another session is owed instead. It may be owed here again later.
    taken_away: BTreeSet<RecordNumber>,
}

/// How a filter was subscribed to.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) options: SubscriptionOptions,
    pub(super) identifier: Option<NonZeroU32>,
    pub(super) group: Option<GroupNumber>,
}

impl SessionReplay {
    /// The session exists and its client is connected.
    pub(super) fn begin(
        &mut self,
        client_id: Box<str>,
        expiry_interval: u32,
        username: Option<Box<str>>,
    ) {
        self.client_id = Some(client_id);
        self.expiry_interval = expiry_interval;
        self.username = username;
        self.away = None;
    }

    pub(super) fn owe(&mut self, owed: OwedMessage, is_copy: bool) {
        self.has_copies |= is_copy;
        self.owed.push_back(owed);
    }

    /// Clients acknowledge in order, so it is nearly always the first.
    pub(super) fn settle(&mut self, message: RecordNumber) {
        let is_first =
            !self.has_copies && self.owed.pop_front_if(|owed| owed.number == message).is_some();
        let was_sent_first = self.sent.is_empty() || self.sent.pop_first(&message);
        if is_first && was_sent_first {
            if self.owed.is_empty() && self.owed.capacity() > KEPT_CAPACITY {
                self.owed = VecDeque::new();
            }
            return;
        }
        self.settled.push(message);
        let left = self.owed.len().saturating_add(self.sent.len());
        if self.settled.len() > SLACK.max(left / 2) {
            self.take_out_settled();
        }
    }

    /// Another session is owed the message instead.
    pub(super) fn take_away(&mut self, message: RecordNumber) {
        self.settle(message);
        self.taken_away.insert(message);
    }

    /// The session is about to be owed the message, perhaps not for the first time: that it was
    /// settled before is no longer said of it.
    pub(super) fn take_back(&mut self, message: RecordNumber) {
        if self.taken_away.remove(&message) {
            self.take_out_settled();
        }
    }

    pub(super) fn sent(&mut self, message: RecordNumber, packet_id: PacketId) {
        self.sent.push(message, packet_id);
    }

    pub(super) fn released(&mut self, packet_id: PacketId) {
        self.completed(packet_id);
        self.released.push_back(packet_id);
    }

    pub(super) fn completed(&mut self, packet_id: PacketId) {
        if let Some(place) = self.released.iter().position(|released| *released == packet_id) {
            self.released.remove(place);
        }
    }

    /// Whether nothing is known of it.
    pub(super) fn is_blank(&self) -> bool {
        self.client_id.is_none()
            && self.away.is_none()
            && self.will.is_none()
            && self.subscriptions.is_empty()
            && self.received.is_empty()
            && self.released.is_empty()
            && self.owed.is_empty()
            && self.sent.is_empty()
    }

    /// The session as it is at the end of the log, or what it has left behind.
    pub(super) fn finish(
        mut self,
        number: SessionNumber,
        sessions: &mut Vec<SessionImage>,
        unfinished: &mut Unfinished,
    ) {
        self.take_out_settled();
        let owed = in_order(self.owed, self.has_copies);
        let (mut published, queue) = divide(owed, self.sent);
        let Some(client_id) = self.client_id else {
            unfinished.wills.extend(self.will.map(|will| (number, *will)));
            // [MQTT-4.8.2-5]: what was sent with QoS 2 goes to nobody else.
            published.retain(|(_, owed)| owed.qos() != QoS::ExactlyOnce);
            let left = published.into_iter().map(|(_, owed)| owed).chain(queue);
            unfinished
                .orphans
                .extend(left.filter(|owed| owed.group.is_some()).map(|owed| (number, owed)));
            return;
        };
        let in_use: BTreeSet<PacketId> = published.iter().map(|(id, _)| *id).collect();
        sessions.push(SessionImage {
            number,
            client_id,
            expiry_interval: self.expiry_interval,
            username: self.username,
            away: self.away,
            subscriptions: self
                .subscriptions
                .into_entries()
                .filter_map(|(filter, terms)| {
                    let Terms { options, identifier, group } = terms?;
                    Some(SubscriptionImage { filter, options, identifier, group })
                })
                .collect(),
            published,
            released: self.released.into_iter().filter(|id| !in_use.contains(id)).collect(),
            received: self.received.iter().collect(),
            queue,
            will: self.will.map(|will| *will),
        });
    }

    fn take_out_settled(&mut self) {
        if self.settled.is_empty() {
            return;
        }
        let mut settled = std::mem::take(&mut self.settled);
        settled.sort_unstable();
        let is_settled = |number: &RecordNumber| settled.binary_search(number).is_ok();
        self.owed.retain(|owed| !is_settled(&owed.number));
        self.sent.retain(|number| !is_settled(number));
    }
}

/// The messages in the order in which they are to be sent, each once.
fn in_order(owed: VecDeque<OwedMessage>, has_copies: bool) -> Vec<OwedMessage> {
    let mut owed = Vec::from(owed);
    if has_copies {
        owed.sort_unstable_by_key(|owed| (owed.number, owed.order));
        owed.dedup_by_key(|owed| owed.number);
    }
    let place = |owed: &OwedMessage| (owed.order, owed.number);
    if !owed.is_sorted_by_key(place) {
        owed.sort_unstable_by_key(place);
    }
    owed.shrink_to_fit();
    owed
}

/// What was sent, in the order of sending, and the rest.
fn divide(
    mut owed: Vec<OwedMessage>,
    sent: Latest<RecordNumber, PacketId>,
) -> (Vec<(PacketId, OwedMessage)>, Vec<OwedMessage>) {
    if sent.is_empty() {
        return (Vec::new(), owed);
    }
    let mut places: Vec<(RecordNumber, usize, PacketId)> = sent
        .into_entries()
        .enumerate()
        .map(|(place, (number, packet_id))| (number, place, packet_id))
        .collect();
    places.sort_unstable();
    let mut published: Vec<(usize, PacketId, OwedMessage)> = Vec::new();
    owed.retain(|owed| {
        let found = places.binary_search_by_key(&owed.number, |(number, ..)| *number);
        let place = found.ok().and_then(|found| places.get(found));
        published.extend(place.map(|(_, place, packet_id)| (*place, *packet_id, *owed)));
        place.is_none()
    });
    published.sort_unstable_by_key(|(place, ..)| *place);
    // An identifier is in use once. Were it not so, the message would be sent as if for the first
    // time.
    let mut in_use = BTreeSet::new();
    let (published, queue): (Vec<_>, Vec<_>) = published
        .into_iter()
        .map(|(_, packet_id, owed)| (packet_id, owed))
        .partition(|(packet_id, _)| in_use.insert(*packet_id));
    (published, queue.into_iter().map(|(_, owed)| owed).chain(owed).collect())
}

/// A queue that a burst has made longer than this is given back when it is empty.
const KEPT_CAPACITY: usize = 32;
/// Short lists are not worth the work.
const SLACK: usize = 64;
