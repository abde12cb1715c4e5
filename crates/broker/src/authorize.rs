//! Asking who may do what, for the packets of a connection, and what follows when the rules change.

use std::sync::Arc;

use ferrymq_codec::{Connect, QoS, ReasonCode, TopicName};
use ferrymq_protocol::time::Instant;

use crate::access::{Access, Admission, Answer, Ask, AskedQuestion, Asker, Question, Verdict};
use crate::cause::Cause;
use crate::connection::{Connection, Phase};
use crate::identity::{ConnectionId, RecordNumber, SessionNumber, SessionRef};
use crate::listener_profile::{ListenerProfile, WillCheck};
use crate::message::Parcel;
use crate::peer::Peer;
use crate::permissions::{Origin, Right, Ruling};
use crate::profiles::Profiles;
use crate::route::{Audience, Route, Target};
use crate::shard::{Shard, session_of};

impl Shard {
    /// Takes the answer to a question of access.
    pub fn answered(&mut self, answer: Answer) {
        let Some(connection) = self.connections.get_mut(answer.connection) else {
            return;
        };
        let Some(question) = &mut connection.question else {
            return;
        };
        if question.open == Some(answer.request) {
            question.open = None;
            match question.asked {
                Some(nth) => question.verdicts.push((nth, answer.verdict)),
                None => connection.question = None,
            }
            self.effects.readable.push(answer.connection);
        }
    }

    /// Asks somebody else from now on, as after [`Self::access_changed`].
    pub fn set_access(&mut self, access: Box<dyn Access>, now: Instant) {
        self.effects.permissions.set_access(access);
        self.access_changed(now);
    }

    /// Who may do what has changed: verdicts that were remembered are forgotten, questions that are
    /// open are asked again, and the connection of each client that may not stay ends.
    /// Subscriptions stay: their clients are not sent what they may not have any more.
    pub fn access_changed(&mut self, now: Instant) {
        self.effects.permissions.renew();
        for id in self.connections.ids() {
            if self.still_stands(id) {
                self.ask_again(id);
            } else {
                self.end(id, Cause::Denied(ReasonCode::NotAuthorized), now);
            }
        }
    }

    /// Whether a client that has a session may stay.
    fn still_stands(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(id) else {
            return true;
        };
        let Some(session) = connection.session.and_then(|slot| self.sessions.get(slot as usize))
        else {
            // It is being let in, and asked about when that is done.
            return true;
        };
        let asker = connection.asker(&session.client_id, &self.effects.profiles);
        self.effects.permissions.still_stands(&asker)
    }

    /// Whoever waits for an answer, or has got one that was not acted on, is asked about again by the
    /// rules that hold now. A request goes on, and so does an exchange of AUTH packets, after which
    /// the client is looked at as the rules say then.
    fn ask_again(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.phase != Phase::Authenticating
            && !connection.reauthenticating
            && connection.question.take_if(|question| question.asked.is_some()).is_some()
        {
            self.effects.readable.push(id);
        }
    }

    /// A client has proved who it is. Whether it may come in, with the will that it leaves; the
    /// first question of its packet was answered with this.
    pub(crate) fn admit(
        &mut self,
        id: ConnectionId,
        client_id: &str,
        connect: &Connect<'_>,
        admission: &Admission,
        now: Instant,
    ) -> Option<Result<(), ReasonCode>> {
        self.become_principal(id, admission);
        let connection = self.connections.get(id)?;
        let asker = Asker {
            principal: connection.principal.as_deref(),
            ..connection.asker(client_id, &self.effects.profiles)
        };
        // The rules may have changed since the answer was found.
        if !self.effects.permissions.still_stands(&asker) {
            return Some(Err(ReasonCode::NotAuthorized));
        }
        let profile = Arc::clone(asker.profile);
        let Some(will) = connect.will.filter(|_| profile.will_check == WillCheck::AtConnect) else {
            return Some(Ok(()));
        };
        if self.effects.permissions.is_open() {
            return Some(Ok(()));
        }
        let Ok(topic) = profile.mount_point.mount(will.topic) else {
            return Some(Err(ReasonCode::TopicNameInvalid));
        };
        let right = Right::Publish { qos: will.qos, retain: will.retain };
        match self.ask(id, client_id, 1, &right.question(&topic), now) {
            Some(Verdict::Deny(reason)) => Some(Err(reason)),
            Some(Verdict::Allow(_) | Verdict::Continue(_)) => Some(Ok(())),
            None => {
                // The packet is read again: its first question is not to be asked again then.
                let question = self.connections.get_mut(id)?.question.as_mut()?;
                question.remember_first(Verdict::Allow(admission.clone()));
                None
            }
        }
    }

    /// A client is somebody else from now on, if an answer says so.
    pub(crate) fn become_principal(&mut self, id: ConnectionId, admission: &Admission) {
        let (Some(connection), Some(principal)) =
            (self.connections.get_mut(id), &admission.principal)
        else {
            return;
        };
        connection.principal = Some(Arc::clone(principal));
        let session = connection.session.and_then(|slot| self.sessions.get_mut(slot as usize));
        if let Some(session) = session {
            session.principal = Some(Arc::clone(principal));
            self.effects.permissions.forget(id);
        }
        if let Some(expires) = principal.expires {
            self.arm_connection(id, expires);
        }
    }

    /// Asks whether a client may do something. `None`: the answer will come later, and the packet
    /// is to be parked. `nth` tells the questions of one packet apart.
    pub(crate) fn ask(
        &mut self,
        id: ConnectionId,
        client_id: &str,
        nth: usize,
        question: &Question<'_>,
        now: Instant,
    ) -> Option<Verdict> {
        let connection = self.connections.get(id)?;
        if let Some(verdict) = answered_late(connection, nth) {
            return Some(verdict.clone());
        }
        let asker = asker_of(connection, client_id, &self.effects.profiles, question);
        if let Some(verdict) = self.effects.permissions.decide(&asker, question) {
            return Some(verdict);
        }
        self.leave_for_later(id, client_id, nth, question, now);
        None
    }

    /// The same for a client with a session, which may do everything where nobody needs to be asked.
    pub(crate) fn ask_of_session(
        &mut self,
        id: ConnectionId,
        slot: u32,
        nth: usize,
        question: &Question<'_>,
        now: Instant,
    ) -> Option<Verdict> {
        if self.effects.permissions.is_open() {
            return Some(Verdict::YES);
        }
        // Taken out for the time of the question, so that its client identifier can be lent.
        let client_id = std::mem::take(&mut self.sessions.get_mut(slot as usize)?.client_id);
        let verdict = self.ask(id, &client_id, nth, question, now);
        if let Some(session) = self.sessions.get_mut(slot as usize) {
            session.client_id = client_id;
        }
        verdict
    }

    /// Whether a client with a session may publish a message. For a topic whose route is known the
    /// verdict may be known too.
    pub(crate) fn may_publish(
        &mut self,
        id: ConnectionId,
        slot: u32,
        topic: TopicName<'_>,
        route: Option<&Route>,
        right: Right,
        now: Instant,
    ) -> Option<Result<(), ReasonCode>> {
        let permissions = &mut self.effects.permissions;
        if permissions.is_open() {
            return Some(Ok(()));
        }
        if let Some(Route { topic, .. }) = route {
            let ruling = permissions.known(id, right, topic).or_else(|| {
                let connection = self.connections.get(id)?;
                let client_id = &self.sessions.get(slot as usize)?.client_id;
                let asker = connection.asker(client_id, &self.effects.profiles);
                permissions.decide_on(id, right, topic, &asker)
            });
            if let Some(ruling) = ruling {
                return Some(ruling.verdict);
            }
        }
        match self.ask_of_session(id, slot, 0, &right.question(topic.as_str()), now)? {
            Verdict::Deny(reason) => Some(Err(reason)),
            Verdict::Allow(_) | Verdict::Continue(_) => Some(Ok(())),
        }
    }

    /// Whether a session of this shard may be sent messages of this topic.
    pub(crate) fn may_receive(&mut self, place: SessionRef, topic: &Arc<str>) -> bool {
        self.effects.permissions.is_open() || self.rule_on(place, topic).verdict.is_ok()
    }

    fn rule_on(&mut self, place: SessionRef, topic: &Arc<str>) -> Ruling {
        // Nothing is delivered to a session that has ended.
        session_of(&mut self.sessions, place).map_or(Ruling::NOBODY, |session| {
            session.may_receive(topic, &self.connections, &mut self.effects)
        })
    }

    /// Those sessions of this shard that may not be sent messages of this topic, in the order of
    /// their numbers. That it is nobody is remembered.
    pub(crate) fn kept_from(
        &mut self,
        audience: &Audience,
        topic: &Arc<str>,
    ) -> Vec<SessionNumber> {
        let permissions = &self.effects.permissions;
        let edition = permissions.edition();
        let mut kept_from = Vec::new();
        if permissions.is_open() || audience.is_cleared(edition) {
            return kept_from;
        }
        let mut lasts = true;
        for target in &audience.targets {
            let ruling = self.rule_on(target.session, topic);
            lasts &= ruling.lasts;
            if ruling.verdict.is_err() {
                kept_from.push(target.session.number);
            }
        }
        if lasts && kept_from.is_empty() {
            audience.clear(edition);
        }
        kept_from
    }

    /// A session may not be sent a message, of which there may be a record that it is owed it.
    pub(crate) fn withhold(
        &mut self,
        target: &Target,
        parcel: &Parcel<'_>,
        number: Option<RecordNumber>,
    ) {
        let Some(wish) = target.wish(parcel.publication.publisher) else {
            return;
        };
        self.effects.metrics().deliveries_withheld.add(1);
        let is_owed = target.durable && wish.qos(parcel.publication.qos) != QoS::AtMostOnce;
        self.effects.settle(target.session.number, number.filter(|_| is_owed));
    }

    /// Whether the will of a session may be published. Nobody waits for an answer any more when the
    /// client has gone: where there is none, what was said when the client came counts.
    pub(crate) fn may_publish_will(&mut self, place: SessionRef) -> bool {
        let permissions = &mut self.effects.permissions;
        let Some(session) = session_of(&mut self.sessions, place) else {
            return false;
        };
        let (Some(will), false) = (&session.will, permissions.is_open()) else {
            return true;
        };
        let publication = will.message.publication();
        let right = Right::Publish { qos: publication.qos, retain: publication.retain };
        let connection = session.connection.and_then(|it| self.connections.get(it.0));
        let origin = match (connection, permissions.origin(place.number)) {
            (Some(connection), _) => connection.origin(&self.effects.profiles),
            (None, Some(origin)) => origin.clone(),
            // Of clients that have gone before the broker began it is not known where they were.
            (None, None) => {
                Origin { peer: Peer::Local, profile: Arc::new(ListenerProfile::default()) }
            }
        };
        let question = right.question(publication.topic.as_str());
        match permissions.decide(&session.asker(&origin), &question) {
            Some(Verdict::Deny(_)) => false,
            Some(Verdict::Allow(_) | Verdict::Continue(_)) => true,
            None => origin.profile.will_check == WillCheck::AtConnect,
        }
    }

    /// Emits a question, whose answer comes later.
    fn leave_for_later(
        &mut self,
        id: ConnectionId,
        client_id: &str,
        nth: usize,
        question: &Question<'_>,
        now: Instant,
    ) {
        let request = self.next_request();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let asker = asker_of(connection, client_id, &self.effects.profiles, question);
        self.effects.asks.push(Ask {
            shard: self.index,
            connection: id,
            request,
            peer: asker.peer,
            client_id: Box::from(client_id),
            username: asker.username.map(Box::from),
            principal: asker.principal.and_then(|_| connection.principal.clone()),
            profile: Arc::clone(asker.profile),
            question: AskedQuestion::from(question),
        });
        let deadline = now.saturating_add(self.limits.answer_timeout);
        let known = connection.question.get_or_insert_default();
        known.open = Some(request);
        known.asked = Some(nth);
        known.deadline = deadline;
        self.arm_connection(id, deadline);
    }

    /// The number of the next question, which no other question of the connection has.
    pub(crate) const fn next_request(&mut self) -> u32 {
        let request = self.next_request;
        self.next_request = request.wrapping_add(1);
        request
    }
}

/// Who asks this. Whether somebody may come in is asked of whom it says it is; what it may do with
/// messages, as its will, of whom it was admitted as.
fn asker_of<'a>(
    connection: &'a Connection,
    client_id: &'a str,
    profiles: &'a Profiles,
    question: &Question<'_>,
) -> Asker<'a> {
    let asker = connection.asker(client_id, profiles);
    match question {
        Question::Connect { .. } | Question::Authenticate { .. } => asker,
        _ => Asker { principal: connection.principal.as_deref(), ..asker },
    }
}

/// The answer to a question of the packet that is being read, if it came late.
fn answered_late(connection: &Connection, nth: usize) -> Option<&Verdict> {
    connection.question.as_ref()?.verdict(nth)
}
