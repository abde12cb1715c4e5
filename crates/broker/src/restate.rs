//! A round on a shard: it says again what still holds, so that the log can free the records that
//! said it first, and names the messages in them that somebody is still owed.
//!
//! Whatever may be owed is seen. A shard looks at its sessions when every other shard has sent it a
//! barrier: then all mail that was made before the round has been taken. Mail that is made later
//! can take a message to another session only by a record that says so, and whoever makes that
//! record while its round is open names the session that the message came from; who has it then,
//! the records say.
//!
//! A session's queue is looked at from its back, some messages a turn, and after that what is with
//! its client: so a message that is sent meanwhile is met there. What is with the client is said
//! again in one piece, so that the order of sending holds wherever the log breaks off.

use std::ops::ControlFlow;
use std::sync::Arc;

use ferrymq_codec::TopicFilter;
use ferrymq_protocol::time::Instant;

use crate::durability::{Durability, LogState};
use crate::effects::Effects;
use crate::identity::{SessionNumber, ShardIndex};
use crate::limits::Limits;
use crate::mail::Mail;
use crate::message::Lifetime;
use crate::record::Record;
use crate::round::{OpenRound, Page, Remainder, Round, Survivor};
use crate::session::Session;
use crate::shard::{Shard, session_of};
use crate::subscriptions::Subscription;

/// How much a shard may still say again in this turn.
struct Budget {
    sessions: usize,
    entries: usize,
    bytes: usize,
}

impl Shard {
    /// The log begins a round. What of it holds, this shard says in the turns that follow.
    pub fn begin_round(&mut self, round: &Arc<Round>) {
        let others = self.directory.shards().saturating_sub(1);
        let retained = (self.index == ShardIndex(0)).then_some(Page::First);
        if self.rounds.begin(round, others, retained) {
            self.post_barriers(round);
        }
    }

    /// Messages of the open round that sessions are still owed; some may be named twice. They are
    /// to be handed to the log after the records that were made before.
    pub fn take_survivors(&mut self) -> Vec<Survivor> {
        self.rounds.take_survivors()
    }

    /// The number of the round with which this shard is done, once.
    pub const fn take_round_done(&mut self) -> Option<u64> {
        self.rounds.take_done()
    }

    /// Another shard has begun a round, perhaps before the log's own letter has come here.
    pub(crate) fn take_barrier(&mut self, round: &Arc<Round>) {
        self.begin_round(round);
        self.rounds.take_barrier(round.number);
    }

    /// Whether a round has something to do now.
    pub(crate) fn may_restate(&self) -> bool {
        self.rounds.has_work() && !matches!(self.log, LogState::Full | LogState::Failed)
    }

    /// Goes on with the round, as far as the limits of a turn allow.
    pub(crate) fn restate(&mut self, now: Instant) {
        if !self.may_restate() {
            return;
        }
        let Some(mut open) = self.rounds.take_open() else {
            return;
        };
        let mut budget = Budget::of_a_turn(&self.limits);
        if self.restate_retained(&mut open, &mut budget, now)
            && self.restate_sessions(&mut open, &mut budget)
        {
            self.rounds.finish(open.round.number);
        } else {
            self.rounds.put_back(open);
        }
    }

    fn post_barriers(&mut self, round: &Arc<Round>) {
        for shard in (0..self.directory.shards()).map(ShardIndex) {
            if shard != self.index {
                self.effects.outbox.post(shard, Mail::Barrier(Arc::clone(round)));
            }
        }
    }

    /// Says again what is retained; whether all of it was.
    fn restate_retained(
        &mut self,
        open: &mut OpenRound,
        budget: &mut Budget,
        now: Instant,
    ) -> bool {
        let after = match &open.retained {
            None => return true,
            Some(Page::First) => None,
            Some(Page::From(cursor)) => Some(cursor),
        };
        let mut found = Vec::new();
        let next = self.directory.all_retained(after, |message, version| {
            let publication = message.publication();
            // What the broker says of itself is said again after a restart anyway.
            if publication.publisher != SessionNumber::BROKER
                && self.limits.durability_of(publication.topic) != Durability::None
                && publication.lifetime(now) != Lifetime::Expired
            {
                budget.spend_bytes(message.weight());
                found.push((Arc::clone(message), version));
            }
            budget.spend_entries(1);
            if budget.is_left() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        for (message, version) in found {
            let topic = Arc::clone(message.topic());
            self.effects.record(Record::Retained { topic, message: Some(message), version });
        }
        open.retained = next.map(Page::From);
        open.retained.is_none()
    }

    /// Looks at the sessions; whether at all of them.
    fn restate_sessions(&mut self, open: &mut OpenRound, budget: &mut Budget) -> bool {
        while budget.is_left() {
            if open.session.is_none() {
                // Of those too that are newer than the round: a shard that has heard of it later
                // may have given them messages before.
                if open.next_slot >= self.sessions.capacity() {
                    return true;
                }
                budget.spend_entries(1);
                open.session =
                    self.sessions.get(open.next_slot).map(|session| Remainder::new(session));
                budget.sessions -= usize::from(open.session.is_some());
                open.next_slot += 1;
            }
            if let Some(remainder) = &mut open.session
                && self.restate_session(&open.round, remainder, budget)
            {
                open.session = None;
            }
        }
        false
    }

    /// Looks at a session; whether at all of it.
    fn restate_session(
        &mut self,
        round: &Round,
        remainder: &mut Remainder,
        budget: &mut Budget,
    ) -> bool {
        self.restate_subscriptions(remainder, budget);
        let Some(session) = session_of(&mut self.sessions, remainder.session) else {
            // It has ended. What others are owed instead was named when they were given it.
            return true;
        };
        let number = remainder.session.number;
        let end = remainder.queued.min(session.queued());
        let start = end.saturating_sub(budget.entries);
        for message in session.stored_in_queue(start..end) {
            if round.saved.contains(message) {
                self.rounds.survives(Survivor { message, session: number });
            }
        }
        budget.spend_entries(end - start);
        remainder.queued = start;
        if start > 0 || !remainder.filters.is_empty() {
            return false;
        }
        for (_, message) in session.stored_in_flight() {
            if round.saved.contains(message) {
                self.rounds.survives(Survivor { message, session: number });
            }
        }
        let weight = session.will.as_ref().map_or(0, |will| will.message.weight());
        budget.spend_bytes(weight);
        budget.spend_entries(restate_state(session, &mut self.effects));
        true
    }

    fn restate_subscriptions(&mut self, remainder: &mut Remainder, budget: &mut Budget) {
        let session = remainder.session.number;
        while budget.entries > 0
            && let Some(filter) = remainder.filters.pop()
        {
            budget.spend_entries(1);
            let found = self.directory.subscription(TopicFilter::trusted(&filter), session);
            // It may have been unsubscribed meanwhile.
            if let Some((Subscription { options, identifier, .. }, group)) = found {
                let record = Record::Subscribed { session, filter, options, identifier, group };
                self.effects.record(record);
            }
        }
    }
}

impl Remainder {
    fn new(session: &Session) -> Self {
        let filters = match session.durable {
            true => session.subscriptions.iter().map(Box::from).collect(),
            false => Vec::new(),
        };
        Self { session: session.place, filters, queued: session.queued() }
    }
}

impl Budget {
    const fn of_a_turn(limits: &Limits) -> Self {
        Self {
            sessions: limits.round_sessions_per_turn,
            entries: limits.round_entries_per_turn,
            bytes: limits.round_bytes_per_turn,
        }
    }

    const fn is_left(&self) -> bool {
        self.sessions > 0 && self.entries > 0 && self.bytes > 0
    }

    const fn spend_entries(&mut self, count: usize) {
        self.entries = self.entries.saturating_sub(count);
    }

    const fn spend_bytes(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_sub(count);
    }
}

/// Says again everything about a session but its subscriptions and what waits for it: how many
/// records that took.
fn restate_state(session: &Session, effects: &mut Effects) -> usize {
    let number = session.place.number;
    let mut records: Vec<Record> = session.existence().into_iter().collect();
    records.extend(session.testament());
    if session.durable {
        let received = session.inbound.iter();
        records.extend(received.map(|packet_id| Record::Received { session: number, packet_id }));
        let released = session.outbound.released();
        records.extend(released.map(|packet_id| Record::Released {
            session: number,
            message: None,
            packet_id,
        }));
    }
    // Also of a session that does not outlive its connection: what was sent with QoS 2 goes to no
    // other member of its group [MQTT-4.8.2-5].
    records.extend(session.stored_in_flight().map(|(packet_id, message)| Record::Sent {
        session: number,
        message,
        packet_id,
    }));
    if session.durable && session.connection.is_none() {
        let (expires, will_due) =
            (session.expires, session.will.as_ref().and_then(|will| will.due));
        records.push(Record::Away { session: number, expires, will_due });
    }
    let count = records.len();
    for record in records {
        effects.record(record);
    }
    count
}
