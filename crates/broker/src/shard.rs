//! A shard: the machine that owns the connections and sessions of its part of the client
//! identifiers. Its verbs are in the files named after the packets: `connect`, `publish`,
//! `subscribe`, `acknowledge`, `close`.
//!
//! Its driver calls it in turns: mail and answers in, received bytes in, [`Shard::advance`], then
//! the effects out: records, mail, fetches, questions, and the output of each dirty connection. A
//! shard never blocks, never reads a clock and never fails; what a peer does wrong ends that peer's
//! connection and nothing else.

use std::collections::VecDeque;
use std::sync::Arc;

use ferrymq_codec::{Packet, TopicName};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::server::{self, Received, Reply};
use ferrymq_protocol::time::Instant;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use slab::Slab;

use crate::access::{Access, Ask, Principal};
use crate::connection::{Connection, Deferred, Pause, Phase};
use crate::directory::Directory;
use crate::durability::{LogState, Progress};
use crate::effects::Effects;
use crate::flapping::Flapping;
use crate::identity::{ConnectionId, SessionRef, ShardIndex};
use crate::limits::Limits;
use crate::listener_profile::{Identity, ListenerProfile, Newcomer};
use crate::log_events::LogEvents;
use crate::mail::Mail;
use crate::notice::{Interests, Notice, Observer, Summary};
use crate::notices::Notices;
use crate::output::Output;
use crate::pace::Paces;
use crate::peer::Peer;
use crate::record::{Fetch, Fetched, RecordBatch};
use crate::retained_table::Cursor;
use crate::round::Rounds;
use crate::route::Route;
use crate::route_cache::RouteCache;
use crate::session::{ConnectionRef, Session};
use crate::slots::Slots;
use crate::sys::SysTopics;
use crate::timer::TimerWheel;
use crate::unwritten::Unwritten;

/// A shard.
pub struct Shard {
    pub(crate) index: ShardIndex,
    pub(crate) limits: Arc<Limits>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) connections: Slots<Connection>,
    pub(crate) sessions: Slab<Box<Session>>,
    /// Places of sessions, by the hash of their client identifiers.
    pub(crate) clients: HashTable<u32>,
    pub(crate) hasher: FixedState,
    pub(crate) routes: RouteCache,
    pub(crate) effects: Effects,
    pub(crate) timers: TimerWheel<Timer>,
    /// Sessions with subscriptions that are still being sent retained messages.
    pub(crate) walking: VecDeque<SessionRef>,
    pub(crate) sweep: Option<Cursor>,
    pub(crate) sys: SysTopics,
    pub(crate) random: u64,
    /// The number of the next question of access.
    pub(crate) next_request: u32,
    /// What the log can do.
    pub(crate) log: LogState,
    /// Whether the process has no memory left for more.
    pub(crate) memory_is_short: bool,
    pub(crate) rounds: Rounds,
    /// Connections that are not read from until the mail or the log has room.
    paused: Vec<ConnectionId>,
    /// Connections that are not read from until the log has space.
    pub(crate) held_back: Vec<ConnectionId>,
    /// Clients that come again and again.
    pub(crate) flapping: Flapping,
    /// What clients have spent of what they may send.
    pub(crate) paces: Paces,
    /// What QoS 0 has retained while the log has no space.
    pub(crate) unwritten: Unwritten,
}

/// What a shard is made of.
pub struct ShardOptions {
    /// Which shard it is.
    pub index: ShardIndex,
    /// The limits of the broker.
    pub limits: Arc<Limits>,
    /// What it shares with the others.
    pub directory: Arc<Directory>,
    /// Who may do what.
    pub access: Box<dyn Access>,
    /// The time now.
    pub now: Instant,
    /// The seed of the client identifiers that it makes up.
    pub seed: u64,
    /// The counter of its first record: 1, or higher than that of any record with its index that
    /// was ever made.
    pub first_record: u64,
}

/// How reading from a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// With more bytes. The whole length of the packet whose beginning is left, if it is known.
    More {
        /// The length in bytes.
        needed: Option<usize>,
    },
    /// In the next turn: this connection has had its share of this one.
    Later,
    /// When [`Shard::take_readable`] names the connection; until then it is not to be read from.
    Paused,
    /// On another shard, the home of its client, which is to be given the rest of the bytes.
    Move(ShardIndex),
    /// Not at all: the connection ends.
    Ended,
}

/// What a packet led to.
pub(crate) enum Step {
    Done,
    /// Nothing was done; the same packet is to be read again later.
    Park,
    Move(ShardIndex),
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    Connection(ConnectionId),
    Session(SessionRef),
    Flapping,
    Sys,
    Sweep,
}

impl Shard {
    /// A shard without connections.
    pub fn new(options: ShardOptions) -> Self {
        let ShardOptions { index, limits, directory, access, now, seed, first_record } = options;
        let hasher = FixedState::with_seed(directory.seed());
        let mut timers = TimerWheel::new(now);
        if index.0 == 0 {
            timers.insert(now.saturating_add(SWEEP_INTERVAL), Timer::Sweep);
        }
        let mut shard = Self {
            index,
            effects: Effects::new(
                index,
                Arc::clone(&limits),
                Arc::clone(&directory),
                first_record,
                Notices::new(Box::<LogEvents>::default(), now),
                access,
            ),
            limits,
            directory,
            connections: Slots::new(),
            sessions: Slab::new(),
            clients: HashTable::new(),
            routes: RouteCache::new(hasher.clone()),
            hasher,
            timers,
            walking: VecDeque::new(),
            sweep: None,
            sys: SysTopics::new(now),
            random: seed,
            next_request: 0,
            log: LogState::Ready,
            memory_is_short: false,
            rounds: Rounds::default(),
            paused: Vec::new(),
            held_back: Vec::new(),
            flapping: Flapping::new(),
            paces: Paces::default(),
            unwritten: Unwritten::default(),
        };
        shard.arm_sys();
        shard
    }

    /// A connection was accepted.
    pub fn open(
        &mut self,
        peer: Peer,
        profile: &Arc<ListenerProfile>,
        now: Instant,
    ) -> ConnectionId {
        if self.effects.notices.wants(Interests::CONNECTIONS) {
            self.effects.notices.say(&Notice::Opened { peer, listener: profile });
        }
        self.effects.metrics().connections_opened.add(1);
        self.take_in(Newcomer::new(peer, Arc::clone(profile), now), Phase::AwaitingConnect)
    }

    /// A connection has moved here, to the home of its client.
    pub fn arrive(&mut self, newcomer: Newcomer) -> ConnectionId {
        self.take_in(newcomer, Phase::Arrived)
    }

    /// Takes out a connection that is to move to the home of its client.
    pub fn depart(&mut self, id: ConnectionId) -> Option<Newcomer> {
        let connection = self.connections.get_mut(id)?;
        let newcomer = Newcomer {
            peer: connection.peer,
            profile: Arc::clone(&self.effects.profiles.terms(connection.profile).profile),
            certified: connection.username().map(Box::from),
            opened: connection.opened,
        };
        self.forget(id);
        Some(newcomer)
    }

    /// What holds for the connections of this one's listener.
    pub fn profile(&self, id: ConnectionId) -> Option<&Arc<ListenerProfile>> {
        let connection = self.connections.get(id)?;
        Some(&self.effects.profiles.terms(connection.profile).profile)
    }

    /// Where a connection comes from, as far as that is known.
    pub fn peer(&self, id: ConnectionId) -> Option<Peer> {
        self.connections.get(id).map(|connection| connection.peer)
    }

    /// Says what the transport has learnt of a peer. To be called before its first MQTT bytes are
    /// handed in.
    pub fn identify(&mut self, id: ConnectionId, identity: Identity) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.peer = identity.peer.unwrap_or(connection.peer);
        let profile = &self.effects.profiles.terms(connection.profile).profile;
        connection.principal = profile.certified(identity).map(named);
    }

    /// Changes the limits for what comes from now on: what connected clients were told holds until
    /// they go. How durable messages are, and the rules for clients that sleep, stay as they were
    /// at the start.
    pub fn set_limits(&mut self, limits: &Limits) {
        let limits = Arc::new(Limits {
            durability: self.limits.durability,
            topic_durability: self.limits.topic_durability.clone(),
            sleepers: self.limits.sleepers.clone(),
            ..limits.clone()
        });
        self.limits = Arc::clone(&limits);
        self.effects.permissions.set_most(limits.verdicts);
        self.effects.limits = limits;
        self.effects.profiles.renew();
        self.arm_sys();
    }

    /// Tells somebody else from now on what happens.
    pub fn set_observer(&mut self, observer: Box<dyn Observer>, now: Instant) {
        self.effects.notices = Notices::new(observer, now);
        self.name_clients();
    }

    fn take_in(&mut self, newcomer: Newcomer, phase: Phase) -> ConnectionId {
        let Newcomer { peer, profile, certified, opened } = newcomer;
        let profile = self.effects.profiles.enter(&profile, &self.limits);
        let id = self.connections.insert(|id| Connection {
            phase,
            principal: certified.map(named),
            ..Connection::new(id, peer, profile, opened)
        });
        self.arm_connection(id, opened.saturating_add(self.limits.connect_timeout));
        id
    }

    /// Takes the packets at the front of `bytes`, and says how many bytes they were and how it goes
    /// on. What is not taken must be handed in again, in front of what follows.
    pub fn receive(&mut self, id: ConnectionId, bytes: &[u8], now: Instant) -> (usize, Reading) {
        self.effects.deliveries = 0;
        let mut taken = 0;
        loop {
            let rest = bytes.get(taken..).unwrap_or_default();
            if let Some(reading) = self.hindrance(id) {
                return (taken, reading);
            }
            if rest.is_empty() {
                return (taken, Reading::More { needed: None });
            }
            if self.effects.deliveries > self.limits.deliveries_per_turn {
                return (taken, Reading::Later);
            }
            let (step, length) = match self.step(id, rest, now) {
                Ok(Received::Incomplete { needed }) => {
                    return (taken, Reading::More { needed });
                }
                Ok(Received::Packet(step, length)) => (step, length),
                Err(error) => {
                    self.fail(id, error, now);
                    (Step::Ended, 0)
                }
            };
            match step {
                Step::Done => {
                    taken += length;
                    self.effects.metrics().packets_received.add(1);
                }
                Step::Park => return (taken, Reading::Paused),
                Step::Move(home) => return (taken, Reading::Move(home)),
                Step::Ended => return (taken, Reading::Ended),
            }
        }
    }

    /// Takes a letter from another shard.
    pub fn take_mail(&mut self, mail: Mail, now: Instant) {
        match mail {
            Mail::Deliver { message, number, route } => {
                self.deliver_mail(&message, number, &route, now);
            }
            Mail::DeliverShared(shared) => self.deliver_shared(*shared, now),
            Mail::Owed(owed) => self.take_owed(&owed, now),
            Mail::Barrier(round) => self.take_barrier(&round),
        }
    }

    /// Takes stored messages.
    pub fn fetched(&mut self, fetched: Fetched, now: Instant) {
        let place = fetched.session;
        let Some(session) = self.session(place) else {
            return;
        };
        match session.fetched(fetched) {
            Some(true) => {
                self.pump(place.slot, now);
            }
            Some(false) => {
                self.effects.metrics().fetches_failed.add(1);
                self.arm_session(place, now.saturating_add(self.limits.fetch_retry));
            }
            None => {}
        }
    }

    /// The log has come this far with this shard's records.
    pub fn durable(&mut self, progress: Progress, now: Instant) {
        self.effects.set_progress(progress);
        while let Some(id) = self.effects.next_to_release() {
            self.release(id, now);
        }
    }

    /// How many bytes of messages wait in the mail for another shard.
    pub fn set_mail_waiting(&mut self, shard: ShardIndex, bytes: usize) {
        self.effects.outbox.set_waiting(shard, bytes);
    }

    /// What the log can do now.
    pub const fn set_log_state(&mut self, state: LogState) {
        self.log = state;
    }

    /// Does what is due: timers, retained messages for new subscriptions, a round, and reading on
    /// from connections that were paused.
    pub fn advance(&mut self, now: Instant) {
        if self.effects.notices.begin_turn(now) {
            self.name_clients();
        }
        self.note_memory();
        let mut fired = Vec::new();
        self.timers.advance(now, &mut fired);
        for timer in fired {
            match timer {
                Timer::Connection(id) => self.connection_timer(id, now),
                Timer::Session(place) => self.session_timer(place, now),
                Timer::Flapping => self.count_flapping(now),
                Timer::Sys => self.publish_numbers(now),
                Timer::Sweep => self.sweep_retained(now),
            }
        }
        self.walk_retained(now);
        self.restate(now);
        self.record_unwritten();
        if !self.paused.is_empty() && !self.is_congested() {
            for id in std::mem::take(&mut self.paused) {
                self.read_on(id, Pause::Congestion, now);
            }
        }
        if !self.held_back.is_empty() && self.log != LogState::NoSpace {
            for id in std::mem::take(&mut self.held_back) {
                self.read_on(id, Pause::NoSpace, now);
            }
        }
    }

    /// Tells those who want to hear of each packet who is connected.
    fn name_clients(&mut self) {
        for (_, session) in &self.sessions {
            if let Some(ConnectionRef(id)) = session.connection {
                self.effects.notices.name(id, &session.client_id);
            }
        }
    }

    /// Reads on from a connection that was paused for this reason.
    pub(crate) fn read_on(&mut self, id: ConnectionId, pause: Pause, now: Instant) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.pause == pause
        {
            connection.pause = Pause::None;
            if let Some(link) = &mut connection.link {
                link.restart_keep_alive(now);
            }
            self.effects.readable.push(id);
        }
    }

    /// When [`Self::advance`] has something to do at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        if self.has_unwritten() || !self.walking.is_empty() || self.may_restate() {
            return Some(Instant::ZERO);
        }
        self.timers.next_deadline()
    }

    /// A connection's output.
    pub fn output(&mut self, id: ConnectionId) -> Option<&mut Output> {
        self.connections.get_mut(id).map(|connection| &mut connection.output)
    }

    /// `count` bytes of a connection's output were written.
    pub fn written(&mut self, id: ConnectionId, count: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.output.advance(count);
        self.effects.metrics().bytes_sent.add(count as u64);
        if let Some(buffer) = connection.output.take_buffer() {
            self.effects.take_back(buffer);
        }
        if connection.pause == Pause::Output
            && connection.output.len() < self.limits.output_stop / 2
        {
            connection.pause = Pause::None;
            self.effects.readable.push(id);
        }
        if connection.output.len() >= self.limits.output_room {
            return;
        }
        let Some(slot) = connection.session else {
            return;
        };
        if self.sessions.get(slot as usize).is_some_and(|session| session.is_in_line()) {
            self.pump(slot, now);
        }
    }

    /// Counts bytes that were read from a connection.
    pub fn count_received(&self, bytes: usize) {
        self.effects.metrics().bytes_received.add(bytes as u64);
    }

    /// Counts a connection that was closed as soon as it was accepted.
    pub fn count_turned_away(&self) {
        self.effects.metrics().connections_turned_away.add(1);
    }

    /// Forgets a connection that came out of [`Self::take_closing`].
    pub fn remove(&mut self, id: ConnectionId) {
        if self.forget(id) {
            self.effects.metrics().connections_closed.add(1);
        }
    }

    /// Whether there was such a connection.
    fn forget(&mut self, id: ConnectionId) -> bool {
        let connection = self.connections.remove(id);
        if let Some(connection) = &connection {
            self.effects.profiles.leave(connection.profile);
            self.effects.notices.forget(id);
            self.paces.forget(id);
        }
        connection.is_some()
    }

    /// How many connections there are.
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Whether anything is to be taken and handed out: records, mail, fetches, questions, output.
    pub fn has_effects(&self) -> bool {
        self.effects.has_output() || self.has_records() || self.has_mail() || self.has_requests()
    }

    /// Whether there is something for the log: records, or what a round has found.
    pub fn has_records(&self) -> bool {
        self.effects.has_records() || self.rounds.has_news()
    }

    /// Whether there are letters for other shards.
    pub const fn has_mail(&self) -> bool {
        !self.effects.outbox.is_empty()
    }

    /// Whether there are fetches, questions of access, or requests to the broker.
    pub fn has_requests(&self) -> bool {
        self.effects.has_requests()
    }

    /// Whether there are connections whose parked bytes are to be handed in again.
    pub fn has_readable(&self) -> bool {
        !self.effects.readable.is_empty()
    }

    /// The records made since the last call.
    pub fn take_records(&mut self, now: Instant) -> Option<RecordBatch> {
        self.effects.take_records(now)
    }

    /// The letters for another shard since the last call.
    pub fn take_mail_for(&mut self, shard: ShardIndex) -> Vec<Mail> {
        self.effects.outbox.take(shard)
    }

    /// The stored messages that are asked for.
    pub fn take_fetches(&mut self) -> Vec<Fetch> {
        std::mem::take(&mut self.effects.fetches)
    }

    /// The questions of access that were left for later.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.effects.asks)
    }

    /// Appends the connections that have something to write, and forgets them.
    pub fn take_dirty(&mut self, into: &mut Vec<ConnectionId>) {
        for id in self.effects.dirty.drain(..) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.dirty = false;
                into.push(id);
            }
        }
    }

    /// Appends the connections that are to be flushed as far as possible, closed, and removed.
    pub fn take_closing(&mut self, into: &mut Vec<ConnectionId>) {
        into.append(&mut self.effects.closing);
    }

    /// Appends the connections whose parked bytes are to be handed in again.
    pub fn take_readable(&mut self, into: &mut Vec<ConnectionId>) {
        into.append(&mut self.effects.readable);
    }

    /// Who gets the messages of a topic, from memory if that still holds.
    pub(crate) fn route(&mut self, topic: TopicName<'_>) -> Arc<Route> {
        if let Some(route) = self.known_route(topic) {
            return route;
        }
        let (state, route) = self.directory.route(topic, self.index);
        let durability = self.limits.durability_of(topic);
        let route = Arc::new(Route { durability, ..route });
        self.routes.insert(state, &route, &self.limits);
        route
    }

    /// The same, if it is in memory.
    pub(crate) fn known_route(&self, topic: TopicName<'_>) -> Option<Arc<Route>> {
        self.routes.get(topic.as_str(), &self.directory).map(Arc::clone)
    }

    /// The session at this place, unless another has taken it.
    pub(crate) fn session(&mut self, place: SessionRef) -> Option<&mut Session> {
        session_of(&mut self.sessions, place)
    }

    /// Writes what waited for records that are durable now.
    pub(crate) fn release(&mut self, id: ConnectionId, now: Instant) {
        while let Some(connection) = self.connections.get_mut(id) {
            let Some(deferred) = connection.next_ready(&self.effects) else {
                return;
            };
            match deferred {
                Deferred::Reply(reply) => {
                    connection.write_reply(&reply, &mut self.effects);
                    if matches!(reply, Reply::ConnAck(_)) {
                        self.connack_written(id, now);
                    }
                }
                Deferred::Publish { packet_id, dup, held } => {
                    let session =
                        connection.session.and_then(|slot| self.sessions.get_mut(slot as usize));
                    if let Some(session) = session {
                        let sent = session.publish_deferred(
                            packet_id,
                            dup,
                            &held,
                            connection,
                            &mut self.effects,
                            now,
                        );
                        let slot = session.place.slot;
                        if !sent {
                            // Its place in the window is free again.
                            self.pump(slot, now);
                        }
                    }
                }
            }
        }
    }

    /// Makes a connection's timer fire at `deadline` or earlier.
    pub(crate) fn arm_connection(&mut self, id: ConnectionId, deadline: Instant) {
        let deadline = deadline.min(self.timers.time().saturating_add(TIMER_HORIZON));
        if let Some(connection) = self.connections.get_mut(id)
            && deadline < connection.timer
        {
            connection.timer = deadline;
            self.timers.insert(deadline, Timer::Connection(id));
        }
    }

    /// Makes a session's timer fire at `deadline` or earlier.
    pub(crate) fn arm_session(&mut self, place: SessionRef, deadline: Instant) {
        let deadline = deadline.min(self.timers.time().saturating_add(TIMER_HORIZON));
        if let Some(session) = session_of(&mut self.sessions, place)
            && deadline < session.timer
        {
            session.timer = deadline;
            self.timers.insert(deadline, Timer::Session(place));
        }
    }

    /// Why no packet of this connection is to be taken now.
    fn hindrance(&mut self, id: ConnectionId) -> Option<Reading> {
        let congested = self.is_congested();
        let Some(connection) = self.connections.get_mut(id) else {
            return Some(Reading::Ended);
        };
        match connection.phase {
            Phase::Closing => return Some(Reading::Ended),
            Phase::Opening => return Some(Reading::Paused),
            Phase::AwaitingConnect | Phase::Arrived | Phase::Authenticating | Phase::Open => {}
        }
        if connection.question.as_ref().is_some_and(|question| question.open.is_some()) {
            return Some(Reading::Paused);
        }
        if connection.pause == Pause::Pace {
            return Some(Reading::Paused);
        }
        if connection.output.len() >= self.limits.output_stop {
            // Whoever does not read its answers is not asked for more questions. Its keep alive
            // runs on: should it not read any more, it ends there.
            connection.pause = Pause::Output;
            return Some(Reading::Paused);
        }
        if congested {
            if connection.pause != Pause::Congestion {
                connection.pause = Pause::Congestion;
                self.paused.push(id);
            }
            return Some(Reading::Paused);
        }
        None
    }

    fn is_congested(&self) -> bool {
        self.log == LogState::Full || self.effects.outbox.is_full(self.limits.mail_bytes)
    }

    /// Reads one packet and does what it says.
    fn step(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        now: Instant,
    ) -> Result<Received<Step>, ProtocolError> {
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(Received::Packet(Step::Ended, 0));
        };
        let was_asked = connection.question.is_some();
        let limits = &self.effects.profiles.terms(connection.profile).limits;
        let (step, length) = match &mut connection.link {
            None => match server::receive_connect(bytes, limits) {
                Ok(Received::Incomplete { needed }) => return Ok(Received::Incomplete { needed }),
                Ok(Received::Packet(connect, length)) => {
                    let raw = bytes.get(..length).unwrap_or_default();
                    (self.connect(id, &connect, raw, now), length)
                }
                Err(error) => {
                    self.refuse_malformed(id, bytes, error, now);
                    (Step::Ended, 0)
                }
            },
            Some(link) => match link.receive(bytes, limits, now)? {
                Received::Incomplete { needed } => return Ok(Received::Incomplete { needed }),
                Received::Packet(packet, length) => {
                    if connection.phase == Phase::Authenticating
                        && !matches!(packet, Packet::Auth(_) | Packet::Disconnect(_))
                    {
                        return Err(ProtocolError::AuthenticationInterrupted);
                    }
                    let step = self.handle(id, &packet, now)?;
                    if matches!((&packet, &step), (Packet::Publish(_), Step::Done)) {
                        self.pay(id, length, now);
                    }
                    (step, length)
                }
            },
        };
        if was_asked
            && matches!(step, Step::Done)
            && let Some(connection) = self.connections.get_mut(id)
            && connection.question.as_ref().is_some_and(|question| question.open.is_none())
        {
            // The next packet asks anew.
            connection.question = None;
        }
        Ok(Received::Packet(step, length))
    }

    fn handle(
        &mut self,
        id: ConnectionId,
        packet: &Packet<'_>,
        now: Instant,
    ) -> Result<Step, ProtocolError> {
        if self.effects.notices.wants(Interests::PACKETS)
            && let Some(packet) = Summary::of_simple(packet)
        {
            self.effects.notices.received(id, packet);
        }
        match packet {
            Packet::Publish(publish) => return self.publish(id, publish, now),
            Packet::PubAck(ack) => self.puback(id, ack, now)?,
            Packet::PubRec(ack) => self.pubrec(id, ack, now)?,
            Packet::PubRel(ack) => self.pubrel(id, ack),
            Packet::PubComp(ack) => self.pubcomp(id, ack, now),
            Packet::Subscribe(subscribe) => return Ok(self.subscribe(id, subscribe, now)),
            Packet::Unsubscribe(unsubscribe) => return Ok(self.unsubscribe(id, unsubscribe, now)),
            Packet::PingReq => self.pingreq(id),
            Packet::Disconnect(disconnect) => {
                self.disconnected(id, disconnect, now)?;
                return Ok(Step::Ended);
            }
            Packet::Auth(auth) => return Ok(self.auth(id, auth, now)),
            Packet::Connect(_) => return Err(ProtocolError::SecondConnect),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                return Err(ProtocolError::WrongDirection);
            }
        }
        Ok(Step::Done)
    }
}

/// Somebody of whom a name is known.
fn named(username: Box<str>) -> Arc<Principal> {
    Arc::new(Principal { username: Some(username), ..Principal::default() })
}

pub(crate) fn session_of(
    sessions: &mut Slab<Box<Session>>,
    place: SessionRef,
) -> Option<&mut Session> {
    sessions
        .get_mut(place.slot as usize)
        .map(|session| &mut **session)
        .filter(|session| session.place.number == place.number)
}

/// How often expired retained messages are looked for.
pub(crate) const SWEEP_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);
/// How far ahead a timer is set at most. What has lost its meaning stays in the wheel for no longer,
/// however long the keep alive or the expiry was that it was set for.
const TIMER_HORIZON: std::time::Duration = std::time::Duration::from_mins(1);
