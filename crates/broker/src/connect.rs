//! CONNECT, and AUTH (sections 3.1, 3.15, 4.12): from bytes to a client with a session.

use std::borrow::Cow;
use std::sync::Arc;

use ferrymq_codec::{Auth, Connect, ReasonCode, TopicFilter, TopicName};
use ferrymq_protocol::error::ProtocolError;
use ferrymq_protocol::limits::ServerLimits;
use ferrymq_protocol::server::{self, Link, Received, Reply, Welcome};
use ferrymq_protocol::time::Instant;
use std::hash::BuildHasher;

use crate::access::{Admission, Principal, Question, Verdict};
use crate::cause::Cause;
use crate::connection::{Connection, Phase};
use crate::control_request::is_control;
use crate::durability::Progress;
use crate::identity::{ConnectionId, RecordNumber, SessionNumber, SessionRef};
use crate::listener_profile::{IdentitySource, ListenerProfile};
use crate::notice::{Connected, Interests, Notice, Summary, WillSummary};
use crate::session::{ConnectionRef, Session};
use crate::shard::{Shard, Step, Timer, session_of};
use crate::sleepers::SleepersIndex;
use crate::will::Will;

/// Who connects, and where to.
struct Arrival<'a> {
    client_id: Cow<'a, str>,
    /// Whether we made the client identifier up.
    assigned: bool,
}

/// What a client is granted of what it asks for, or beyond.
#[derive(Clone, Copy, Debug)]
struct Grant {
    /// How long its session outlives the connection, in seconds.
    expiry: u32,
    /// Whether the session begins anew.
    clean_start: bool,
    /// The rule that grants it more than others.
    sleepers: Option<SleepersIndex>,
}

/// The session that a client finds.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// None.
    Nothing,
    /// One that goes on [MQTT-3.1.2-5]. Whether a client was told of it, and how long it outlives
    /// its connection.
    Session { place: SessionRef, announced: bool, expiry_interval: u32 },
    /// One that ends, because it does not outlive its connection, has expired, or is not wanted
    /// [MQTT-3.1.2-4]. Whether it is persistent.
    Remains { place: SessionRef, durable: bool },
}

impl Found {
    /// Whether CONNACK says something of a persistent session that must be durable before it is
    /// said: it was created, changed or discarded.
    const fn must_be_recorded(&self, expiry: u32) -> bool {
        match self {
            Self::Nothing => expiry > 0,
            Self::Session { announced, expiry_interval, .. } => {
                !*announced || *expiry_interval != expiry
            }
            Self::Remains { durable, .. } => *durable || expiry > 0,
        }
    }
}

impl Shard {
    /// Reads a CONNECT on the shard that accepted it or, after a move, on its client's home.
    pub(crate) fn connect(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        raw: &[u8],
        now: Instant,
    ) -> Step {
        let Some(connection) = self.connections.get_mut(id) else {
            return Step::Ended;
        };
        let terms = self.effects.profiles.terms(connection.profile);
        let (profile, limits) = (Arc::clone(&terms.profile), terms.limits);
        let named = take_username(connection, connect, &profile);
        let arrival = match named.and_then(|()| self.arrival(id, connect)) {
            Ok(arrival) => arrival,
            Err(reason) => return self.refuse(id, connect, reason, now),
        };
        let home = self.directory.home(&arrival.client_id);
        if home != self.index && self.awaits_connect(id) {
            return Step::Move(home);
        }
        let will_topic = connect.will.as_ref().map(|will| profile.mount_point.mount(will.topic));
        let will_topic = match will_topic.transpose() {
            // [MQTT-3.1.2-8] would let a client speak for the broker, or to it when it has gone.
            Ok(Some(topic)) if topic.starts_with("$SYS/") || is_control(&topic) => {
                return self.refuse(id, connect, ReasonCode::NotAuthorized, now);
            }
            Ok(_) if self.has_too_large_will(connect) => {
                return self.refuse(id, connect, ReasonCode::PacketTooLarge, now);
            }
            Ok(topic) => topic,
            Err(_) => return self.refuse(id, connect, ReasonCode::TopicNameInvalid, now),
        };
        if let Err(reason) = server::check_connect(connect, &limits) {
            return self.refuse(id, connect, reason, now);
        }
        let question = match connect.properties.authentication_method() {
            Some(method) => {
                let data = connect.properties.authentication_data();
                Question::Authenticate { method, data }
            }
            None => {
                Question::Connect { password: connect.password, will_topic: will_topic.as_deref() }
            }
        };
        if self.is_flapping(&arrival, now) {
            self.effects.metrics().logins_banned.add(1);
            return self.refuse(id, connect, ReasonCode::QuotaExceeded, now);
        }
        let known_id = if arrival.assigned { "" } else { &*arrival.client_id };
        match self.ask(id, known_id, 0, &question, now) {
            None => Step::Park,
            Some(Verdict::Deny(reason)) => {
                self.count_refused(reason);
                self.refuse(id, connect, reason, now)
            }
            Some(Verdict::Allow(admission)) => self.let_in(id, connect, &arrival, admission, now),
            Some(Verdict::Continue(data)) => self.challenge(id, connect, raw, &data, now),
        }
    }

    /// AUTH: the next step of the exchange that CONNECT began, or a new one on an open connection.
    pub(crate) fn auth(&mut self, id: ConnectionId, auth: &Auth<'_>, now: Instant) -> Step {
        let Some(connection) = self.connections.get_mut(id) else {
            return Step::Ended;
        };
        let connecting = connection.phase == Phase::Authenticating;
        let under_way = connecting || connection.reauthenticating;
        let out_of_place = match auth.reason {
            ReasonCode::ContinueAuthentication => !under_way,
            ReasonCode::Reauthenticate => under_way && connection.question.is_none(),
            _ => true,
        };
        let Some(method) = auth.properties.authentication_method().filter(|_| !out_of_place) else {
            self.fail(id, ProtocolError::UnexpectedAuth, now);
            return Step::Ended;
        };
        if !connecting {
            connection.reauthenticating = true;
        }
        let client_id = self.client_id_of(id);
        let question =
            Question::Authenticate { method, data: auth.properties.authentication_data() };
        match self.ask(id, &client_id, 0, &question, now) {
            None => Step::Park,
            Some(Verdict::Continue(data)) => {
                self.write_auth(id, ReasonCode::ContinueAuthentication, Some(&data));
                Step::Done
            }
            Some(Verdict::Deny(reason)) if connecting => {
                self.count_refused(reason);
                self.end_named(id, Some(&client_id), Cause::Refused(reason), now);
                Step::Ended
            }
            Some(Verdict::Deny(reason)) => {
                self.end(id, Cause::Denied(reason), now);
                Step::Ended
            }
            Some(Verdict::Allow(admission)) if connecting => self.authenticated(id, admission, now),
            Some(Verdict::Allow(admission)) => {
                self.become_principal(id, &admission);
                self.write_auth(id, ReasonCode::Success, admission.data.as_deref());
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.reauthenticating = false;
                }
                Step::Done
            }
        }
    }

    /// CONNACK is on its way: what the session owes follows it [MQTT-3.2.0-1].
    pub(crate) fn connack_written(&mut self, id: ConnectionId, now: Instant) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.phase = Phase::Open;
        let deadline = connection.link.as_ref().and_then(Link::keep_alive_deadline);
        let deadline = deadline.unwrap_or(Instant::FAR_FUTURE).min(connection.expires());
        self.effects.readable.push(id);
        if deadline < Instant::FAR_FUTURE {
            self.arm_connection(id, deadline);
        }
        let Some(slot) = self.connections.get(id).and_then(|connection| connection.session) else {
            return;
        };
        if let (Some(session), Some(connection)) =
            (self.sessions.get_mut(slot as usize), self.connections.get_mut(id))
        {
            session.announced = true;
            session.resume(connection, &mut self.effects);
            self.pump(slot, now);
        }
    }

    /// The client identifier of a connection, for a question.
    pub(crate) fn client_id_of(&self, id: ConnectionId) -> Box<str> {
        let Some(connection) = self.connections.get(id) else {
            return Box::default();
        };
        if let Some(session) = connection.session.and_then(|slot| self.sessions.get(slot as usize))
        {
            return session.client_id.clone();
        }
        let terms = self.effects.profiles.terms(connection.profile);
        if terms.profile.use_username_as_client_id {
            return connection.username().map(Box::from).unwrap_or_default();
        }
        let raw = connection.connect.as_deref().unwrap_or_default();
        match server::receive_connect(raw, &terms.limits) {
            Ok(Received::Packet(connect, _)) => Box::from(connect.client_id),
            _ => Box::default(),
        }
    }

    /// Refuses a CONNECT with a reason.
    fn refuse(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        reason: ReasonCode,
        now: Instant,
    ) -> Step {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.begin_writing(&mut self.effects);
            server::refuse(connect.version, reason, connection.output.bytes());
        }
        self.effects.metrics().connects_answered.add(1);
        let client_id = Some(connect.client_id).filter(|client_id| !client_id.is_empty());
        if self.effects.notices.wants(Interests::PACKETS) {
            let packet = Summary::ConnAck { session_present: false, reason };
            let client_id = client_id.unwrap_or_default();
            self.effects.notices.say(&Notice::Sent { client_id, packet });
        }
        self.end_named(id, client_id, Cause::Refused(reason), now);
        Step::Ended
    }

    fn has_too_large_will(&self, connect: &Connect<'_>) -> bool {
        connect.will.as_ref().is_some_and(|will| will.payload.len() > self.limits.payload_maximum)
    }

    /// The client must prove more before it is welcome.
    fn challenge(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        raw: &[u8],
        data: &[u8],
        now: Instant,
    ) -> Step {
        let limits = self.limits_of(id);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.link = Some(Link::accept(connect, &limits, now));
            connection.connect = Some(Box::from(raw));
            connection.phase = Phase::Authenticating;
        }
        self.write_auth(id, ReasonCode::ContinueAuthentication, Some(data));
        Step::Done
    }

    /// The exchange that CONNECT began has ended well: the CONNECT goes on.
    fn authenticated(&mut self, id: ConnectionId, admission: Admission, now: Instant) -> Step {
        let raw = self.connections.get_mut(id).and_then(|connection| connection.connect.take());
        let Some(raw) = raw else {
            return Step::Ended;
        };
        let Ok(Received::Packet(connect, _)) = server::receive_connect(&raw, &self.limits_of(id))
        else {
            return Step::Ended;
        };
        let step = match self.arrival(id, &connect) {
            Ok(arrival) => self.let_in(id, &connect, &arrival, admission, now),
            Err(reason) => self.refuse(id, &connect, reason, now),
        };
        if let (Step::Park, Some(connection)) = (&step, self.connections.get_mut(id)) {
            connection.connect = Some(raw);
        }
        step
    }

    /// Gives a client that has proved who it is its session, unless it may not leave its will.
    fn let_in(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        arrival: &Arrival<'_>,
        admission: Admission,
        now: Instant,
    ) -> Step {
        match self.admit(id, &arrival.client_id, connect, &admission, now) {
            None => Step::Park,
            Some(Err(reason)) => {
                self.count_refused(reason);
                self.refuse(id, connect, reason, now)
            }
            Some(Ok(())) => self.welcome(id, connect, arrival, admission.data, now),
        }
    }

    fn write_auth(&mut self, id: ConnectionId, reason: ReasonCode, data: Option<&[u8]>) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.begin_writing(&mut self.effects);
            if let Some(link) = &connection.link {
                link.auth(reason, data, connection.output.bytes());
            }
        }
    }

    /// Gives the client its session, and CONNACK when that is durable.
    fn welcome(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        arrival: &Arrival<'_>,
        authentication_data: Option<Box<[u8]>>,
        now: Instant,
    ) -> Step {
        let grant = self.grant(connect, arrival);
        let expiry = grant.expiry;
        let found = self.found(&arrival.client_id, grant.clean_start, now);
        let recorded = found.must_be_recorded(expiry);
        if matches!(found, Found::Nothing)
            && self.directory.metrics().sessions() >= self.limits.sessions as u64
        {
            return self.refuse(id, connect, ReasonCode::QuotaExceeded, now);
        }
        if matches!(found, Found::Nothing) && self.memory_is_short {
            self.effects.metrics().memory_refused.add(1);
            return self.refuse(id, connect, ReasonCode::QuotaExceeded, now);
        }
        if recorded && self.lacks_space() {
            self.effects.metrics().no_space_refused.add(1);
            return self.refuse(id, connect, ReasonCode::QuotaExceeded, now);
        }
        if self.flaps(id, arrival, now) {
            self.effects.metrics().logins_banned.add(1);
            return self.refuse(id, connect, ReasonCode::QuotaExceeded, now);
        }
        self.effects.metrics().logins_accepted.add(1);
        let limits = self.limits_of(id);
        let link = Link::accept(connect, &limits, now);
        let keep_alive = server::granted_keep_alive(connect, &limits);
        let asked_expiry = connect.properties.session_expiry_interval().unwrap_or(0);
        // Who asks for a clean start is told of none, also where an administrator wants it to have
        // one.
        let session_present = matches!(found, Found::Session { .. }) && !connect.clean_start;
        let place = self.take_session(found, &arrival.client_id, expiry, now);
        let begun = self.attach(id, place, link, grant, connect);
        let after = match recorded {
            true => {
                begun.map(|begun| self.effects.promise(begun));
                self.effects.promised()
            }
            false if session_present => Progress::default(),
            false => self.effects.ended(),
        };
        let welcome = Welcome {
            session_present,
            assigned_client_id: arrival.assigned.then(|| Box::from(&*arrival.client_id)),
            session_expiry_interval: (expiry != asked_expiry).then_some(expiry),
            server_keep_alive: (keep_alive != connect.keep_alive).then_some(keep_alive),
            authentication_data,
        };
        self.effects.metrics().connects_answered.add(1);
        self.say_connected(id, connect, arrival, expiry, &welcome);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.phase = Phase::Opening;
            connection.reply_later(Reply::ConnAck(Box::new(welcome)), after, &mut self.effects);
        }
        self.release(id, now);
        Step::Done
    }

    fn say_connected(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'_>,
        arrival: &Arrival<'_>,
        session_expiry_interval: u32,
        welcome: &Welcome,
    ) {
        if !self.effects.notices.wants(Interests::CONNECTIONS) {
            return;
        }
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let connected = Connected {
            client_id: &arrival.client_id,
            peer: connection.peer,
            listener: &self.effects.profiles.terms(connection.profile).profile,
            version: connect.version,
            clean_start: connect.clean_start,
            keep_alive: welcome.server_keep_alive.unwrap_or(connect.keep_alive),
            session_expiry_interval,
            session_present: welcome.session_present,
            username: connection.username(),
            will: connect.will.as_ref().map(|will| WillSummary {
                topic: will.topic.as_str(),
                payload_length: will.payload.len(),
                retain: will.retain,
                qos: will.qos,
            }),
        };
        self.effects.notices.say(&Notice::Connected(connected));
    }

    /// The limits towards the client of a connection.
    fn limits_of(&self, id: ConnectionId) -> ServerLimits {
        self.connections.get(id).map_or(self.limits.connection, |connection| {
            self.effects.profiles.terms(connection.profile).limits
        })
    }

    /// Whether a client is kept out because it came too often. One whose identifier we make up comes
    /// once.
    fn is_flapping(&self, arrival: &Arrival<'_>, now: Instant) -> bool {
        let client = || self.hasher.hash_one(&*arrival.client_id);
        !self.flapping.is_empty()
            && !arrival.assigned
            && self.flapping.is_banned(client(), &self.limits.flapping, now)
    }

    /// A client is about to be let in. Whether that is once too often.
    fn flaps(&mut self, id: ConnectionId, arrival: &Arrival<'_>, now: Instant) -> bool {
        if self.limits.flapping.is_open() || arrival.assigned {
            return false;
        }
        let client_id = &*arrival.client_id;
        let client = self.hasher.hash_one(client_id);
        let is_too_often = self.flapping.comes(client, &self.limits.flapping, now);
        if is_too_often {
            self.count_flapping(now);
            let ban = self.limits.flapping.ban;
            self.timers.insert(now.saturating_add(ban), Timer::Flapping);
            if let Some(peer) = self.peer(id)
                && self.effects.notices.wants(Interests::CONNECTIONS)
            {
                self.effects.notices.say(&Notice::Flapping { client_id, peer, ban });
            }
        }
        is_too_often
    }

    /// Counts the clients that are kept out because they came too often.
    pub(crate) fn count_flapping(&mut self, now: Instant) {
        let bans = self.flapping.bans(now);
        self.effects.metrics().clients_flapping.set(bans);
    }

    /// Counts a client that is not let in, by what its answer says.
    fn count_refused(&self, reason: ReasonCode) {
        let metrics = self.effects.metrics();
        match reason {
            ReasonCode::QuotaExceeded | ReasonCode::Banned => metrics.logins_banned.add(1),
            ReasonCode::ServerBusy => metrics.logins_not_in_turn.add(1),
            ReasonCode::ServerUnavailable => metrics.logins_unanswered.add(1),
            _ => metrics.logins_unauthorized.add(1),
        }
    }

    /// What a client is granted. Nobody comes back with a client identifier that we have made up.
    fn grant(&self, connect: &Connect<'_>, arrival: &Arrival<'_>) -> Grant {
        let sleepers = match arrival.assigned {
            true => None,
            false => self.limits.sleepers_of(&arrival.client_id, connect.username),
        };
        let rule = self.limits.sleepers(sleepers);
        let least = rule.map_or(0, |rule| rule.expiry_interval);
        Grant {
            expiry: server::granted_session_expiry(connect, &self.limits.connection).max(least),
            clean_start: connect.clean_start && !rule.is_some_and(|rule| rule.resume),
            sleepers,
        }
    }

    /// The session that a client finds.
    fn found(&self, client_id: &str, clean_start: bool, now: Instant) -> Found {
        let session =
            self.find_session(client_id).and_then(|place| self.sessions.get(place.slot as usize));
        let Some(session) = session else {
            return Found::Nothing;
        };
        let Session { place, durable, announced, expiry_interval, .. } = **session;
        let lives =
            session.connection.map_or(session.expires > now, |_| session.expiry_interval > 0);
        if !clean_start && durable && lives {
            Found::Session { place, announced, expiry_interval }
        } else {
            Found::Remains { place, durable }
        }
    }

    /// The session that a client is given: the one that it found, or a new one.
    fn take_session(
        &mut self,
        found: Found,
        client_id: &str,
        expiry: u32,
        now: Instant,
    ) -> SessionRef {
        match found {
            Found::Session { place, .. } => {
                self.take_over(place, true, now);
                place
            }
            Found::Remains { place, .. } => {
                self.take_over(place, false, now);
                self.end_session(place, now);
                self.new_session(client_id, expiry)
            }
            Found::Nothing => self.new_session(client_id, expiry),
        }
    }

    /// Closes the connection that a session still has: another has taken its place
    /// [MQTT-3.1.4-3].
    fn take_over(&mut self, place: SessionRef, goes_on: bool, now: Instant) {
        let Some(session) = self.session(place) else {
            return;
        };
        let old = session.connection;
        // A will that waits is not published if its session goes on in time [MQTT-3.1.3-9]. One that
        // fell due without a broker, or since the timers were looked at, is.
        let will = session.will.as_ref();
        let waits = will.is_some_and(|will| will.delay_interval > 0);
        let is_due = will.and_then(|will| will.due).is_some_and(|due| due <= now);
        if is_due {
            self.publish_will(place, now);
        } else if goes_on && (old.is_none() || waits) {
            self.drop_will(place);
        }
        if let Some(ConnectionRef(old)) = old {
            self.effects.metrics().take_overs.add(1);
            self.end(old, Cause::TakenOver, now);
        }
    }

    /// Connects session and connection. The record that the session exists, if it is persistent.
    fn attach(
        &mut self,
        id: ConnectionId,
        place: SessionRef,
        link: Link,
        grant: Grant,
        connect: &Connect<'_>,
    ) -> Option<RecordNumber> {
        let connection = self.connections.get_mut(id)?;
        connection.link = Some(link);
        connection.session = Some(place.slot);
        let mount_point = &self.effects.profiles.terms(connection.profile).profile.mount_point;
        let will = connect.will.as_ref().and_then(|will| {
            let topic = mount_point.mount(will.topic).ok()?;
            Some(Box::new(Will::new(will, TopicName::trusted(&topic), place.number)))
        });
        self.effects.permissions.forget_origin(place.number);
        let session = session_of(&mut self.sessions, place)?;
        if session.subscriptions.len() > 0 {
            self.effects.permissions.client_changes();
        }
        session.connection = Some(ConnectionRef(id));
        session.principal = connection.principal.clone();
        session.expiry_interval = grant.expiry;
        session.sleepers = grant.sleepers;
        session.expires = Instant::FAR_FUTURE;
        session.will = will;
        if connect.clean_start {
            session.forget_received(&mut self.effects);
        }
        let begun = session.existence().map(|begun| self.effects.record(begun));
        self.record_will(place);
        self.tell_groups(place, true);
        self.effects.metrics().clients_connected.add(1);
        if let Some(session) = session_of(&mut self.sessions, place) {
            self.effects.notices.name(id, &session.client_id);
        }
        begun
    }

    /// Records a session's will, if it may be published as things are.
    fn record_will(&mut self, place: SessionRef) {
        let may_publish = self.may_publish_will(place);
        let Some(session) = session_of(&mut self.sessions, place) else {
            return;
        };
        if let Some(will) = &mut session.will {
            will.recorded = may_publish;
        }
        if let Some(will) = session.testament() {
            self.effects.record(will);
        }
    }

    /// Tells the groups of a session's shared subscriptions whether it is connected.
    pub(crate) fn tell_groups(&self, place: SessionRef, connected: bool) {
        let Some(session) = self.sessions.get(place.slot as usize) else {
            return;
        };
        for filter in session.subscriptions.iter() {
            if filter.starts_with("$share/") {
                self.directory.set_connected(TopicFilter::trusted(filter), place.number, connected);
            }
        }
    }

    fn find_session(&self, client_id: &str) -> Option<SessionRef> {
        let hash = self.hasher.hash_one(client_id);
        let slot = *self.clients.find(hash, |slot| self.is_client(*slot, client_id))?;
        self.sessions.get(slot as usize).map(|session| session.place)
    }

    fn new_session(&mut self, client_id: &str, expiry: u32) -> SessionRef {
        let number = self.directory.new_session();
        self.insert_session(number, Box::from(client_id), expiry)
    }

    /// Puts a session into the tables.
    pub(crate) fn insert_session(
        &mut self,
        number: SessionNumber,
        client_id: Box<str>,
        expiry: u32,
    ) -> SessionRef {
        let hash = self.hasher.hash_one(&*client_id);
        let entry = self.sessions.vacant_entry();
        let slot = u32::try_from(entry.key()).expect("fewer than 2^32 sessions exist");
        let place = SessionRef { number, slot, shard: self.index };
        entry.insert(Box::new(Session::new(place, client_id, expiry)));
        let (sessions, hasher) = (&self.sessions, &self.hasher);
        let hash_of = |slot: &u32| {
            let session = sessions.get(*slot as usize);
            hasher.hash_one(session.map_or("", |session| &*session.client_id))
        };
        self.clients.insert_unique(hash, slot, hash_of);
        self.effects.metrics().sessions.add(1);
        place
    }

    /// Takes a session out of the tables.
    pub(crate) fn remove_session(&mut self, place: SessionRef) -> Option<Box<Session>> {
        self.session(place)?;
        let session = self.sessions.try_remove(place.slot as usize)?;
        self.effects.permissions.forget_origin(place.number);
        let hash = self.hasher.hash_one(&*session.client_id);
        if let Ok(entry) = self.clients.find_entry(hash, |slot| *slot == place.slot) {
            entry.remove();
        }
        self.effects.metrics().sessions.subtract(1);
        Some(session)
    }

    fn is_client(&self, slot: u32, client_id: &str) -> bool {
        self.sessions.get(slot as usize).is_some_and(|session| *session.client_id == *client_id)
    }

    /// Who connects: with the client identifier of CONNECT or, where the listener says so, with the
    /// user name; without one, with a client identifier that we make up. The reason if nobody can.
    fn arrival<'a>(
        &mut self,
        id: ConnectionId,
        connect: &Connect<'a>,
    ) -> Result<Arrival<'a>, ReasonCode> {
        let connection = self.connections.get(id).ok_or(ReasonCode::UnspecifiedError)?;
        let terms = self.effects.profiles.terms(connection.profile);
        let client_id = match terms.profile.use_username_as_client_id {
            true => {
                let username = connection.username().ok_or(ReasonCode::NotAuthorized)?;
                Cow::Owned(username.to_owned())
            }
            false => Cow::Borrowed(connect.client_id),
        };
        if client_id.len() > usize::from(terms.limits.client_id_maximum) {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        if !client_id.is_empty() {
            return Ok(Arrival { client_id, assigned: false });
        }
        if !terms.profile.allow_zero_length_client_id || !server::may_assign_client_id(connect) {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        let profile = Arc::clone(&terms.profile);
        let client_id = Cow::Owned(self.make_up_client_id(&profile.auto_id_prefix));
        Ok(Arrival { client_id, assigned: true })
    }

    /// A client identifier that nobody has, and whose home is this shard.
    fn make_up_client_id(&mut self, prefix: &str) -> String {
        loop {
            let id = format!("{prefix}{:016x}", self.next_random());
            if self.directory.home(&id) == self.index && self.find_session(&id).is_none() {
                return id;
            }
        }
    }

    /// Whether a connection is where it was accepted and has not come any further.
    fn awaits_connect(&self, id: ConnectionId) -> bool {
        self.connections.get(id).is_some_and(|found| found.phase == Phase::AwaitingConnect)
    }

    /// `SplitMix64`: a client identifier is no secret, it must only be new.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Gives a connection the user name of CONNECT, unless that of its certificate counts. The reason if
/// it lacks the one that it must have.
fn take_username(
    connection: &mut Connection,
    connect: &Connect<'_>,
    profile: &ListenerProfile,
) -> Result<(), ReasonCode> {
    match profile.identity {
        IdentitySource::None => {
            connection.principal =
                connect.username.map(|username| Arc::new(Principal::named(username)));
            Ok(())
        }
        IdentitySource::CommonName | IdentitySource::Subject => match connection.principal {
            Some(_) => Ok(()),
            None => Err(ReasonCode::BadUserNameOrPassword),
        },
    }
}
