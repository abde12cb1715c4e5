//! SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11), and the retained messages that a new
//! subscription is sent.
//!
//! A subscription is in the directory before its SUBACK is in line, and its retained messages are
//! looked up after that, by a cursor: so many a turn, and only while the connection takes them.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{
    QoS, ReasonCode, RetainHandling, Subscribe, SubscriptionOptions, TopicFilter, Unsubscribe,
};
use ferrymq_protocol::server::Reply;
use ferrymq_protocol::time::Instant;

use crate::access::{Question, Verdict};
use crate::directory::Subscribed;
use crate::durability::Durability;
use crate::identity::{ConnectionId, SessionRef};
use crate::message::{Lifetime, Message, Parcel};
use crate::notice::{Interests, Notice, Summary};
use crate::record::{Record, StoredTarget};
use crate::session::{Terms, Walk};
use crate::shard::{Shard, Step, session_of};
use crate::subscriptions::Subscription;

impl Shard {
    /// A client subscribes. All its filters are decided on before any takes effect.
    pub(crate) fn subscribe(
        &mut self,
        id: ConnectionId,
        subscribe: &Subscribe<'_>,
        now: Instant,
    ) -> Step {
        let (Some(place), Some(profile)) = (self.place_of(id), self.profile(id).map(Arc::clone))
        else {
            return Step::Ended;
        };
        let mut wanted = Vec::with_capacity(subscribe.filters.len());
        let most = self.limits.filters_per_packet;
        for (nth, (filter, options)) in subscribe.filters.iter().enumerate() {
            let options = SubscriptionOptions {
                // What is granted may be less than what was asked for (section 3.9.3).
                maximum_qos: options.maximum_qos.min(profile.maximum_qos),
                ..options
            };
            let (filter, verdict) = match profile.mount_point.mount_filter(filter) {
                Err(error) => (Cow::Borrowed(filter.as_str()), Verdict::Deny(error.reason())),
                Ok(filter) if nth >= most => (filter, TOO_MANY),
                Ok(filter) => {
                    let question =
                        Question::Subscribe { filter: &filter, qos: options.maximum_qos };
                    match self.ask_of_session(id, place.slot, nth, &question, now) {
                        Some(verdict) => (filter, verdict),
                        None => return Step::Park,
                    }
                }
            };
            wanted.push((filter, options, verdict));
        }
        let durable = self.session(place).is_some_and(|session| session.durable);
        let lacks_space = durable && self.lacks_space();
        let client_id = self.client_id_of(id);
        let identifier = subscribe.properties.subscription_identifiers().next();
        if self.effects.notices.wants(Interests::PACKETS) {
            self.effects.notices.received(id, Summary::Subscribe(subscribe.packet_id));
        }
        let reasons = wanted
            .into_iter()
            .map(|(filter, options, verdict)| {
                let reason = match verdict {
                    Verdict::Deny(reason) => {
                        self.effects.metrics().subscriptions_denied.add(1);
                        reason
                    }
                    Verdict::Allow(_) | Verdict::Continue(_) if lacks_space => {
                        self.effects.metrics().no_space_refused.add(1);
                        ReasonCode::QuotaExceeded
                    }
                    Verdict::Allow(_) | Verdict::Continue(_) => {
                        let filter = TopicFilter::trusted(&filter);
                        self.add_subscription(place, filter, options, identifier)
                    }
                };
                if self.effects.notices.wants(Interests::SUBSCRIPTIONS) {
                    self.effects.notices.say(&Notice::Subscribed {
                        client_id: &client_id,
                        filter: &filter,
                        qos: options.maximum_qos,
                        reason,
                    });
                }
                reason
            })
            .collect();
        self.answer(id, place, Reply::SubAck(subscribe.packet_id, reasons));
        Step::Done
    }

    /// A client unsubscribes: from nothing before all its filters are decided on. What was on its
    /// way to it still arrives.
    pub(crate) fn unsubscribe(
        &mut self,
        id: ConnectionId,
        unsubscribe: &Unsubscribe<'_>,
        now: Instant,
    ) -> Step {
        let (Some(place), Some(profile)) = (self.place_of(id), self.profile(id).map(Arc::clone))
        else {
            return Step::Ended;
        };
        let mut unwanted = Vec::with_capacity(unsubscribe.filters.len());
        for (nth, filter) in unsubscribe.filters.iter().enumerate() {
            let Ok(filter) = profile.mount_point.mount_filter(filter) else {
                unwanted.push((Cow::Borrowed(filter.as_str()), NO_SUBSCRIPTION));
                continue;
            };
            let question = Question::Unsubscribe { filter: &filter };
            let Some(verdict) = self.ask_of_session(id, place.slot, nth, &question, now) else {
                return Step::Park;
            };
            unwanted.push((filter, verdict));
        }
        if self.effects.notices.wants(Interests::PACKETS) {
            self.effects.notices.received(id, Summary::Unsubscribe(unsubscribe.packet_id));
        }
        let reasons = unwanted
            .into_iter()
            .map(|(filter, verdict)| {
                let filter = TopicFilter::trusted(&filter);
                let reason = match verdict {
                    Verdict::Deny(reason) => {
                        let is_denied = reason != ReasonCode::NoSubscriptionExisted;
                        let denied = &self.effects.metrics().unsubscriptions_denied;
                        denied.add(u64::from(is_denied));
                        reason
                    }
                    _ if self.remove_subscription(place, filter) => ReasonCode::Success,
                    _ => ReasonCode::NoSubscriptionExisted,
                };
                if let Some(session) = session_of(&mut self.sessions, place)
                    && self.effects.notices.wants(Interests::SUBSCRIPTIONS)
                {
                    let (client_id, filter) = (&*session.client_id, filter.as_str());
                    let notice = Notice::Unsubscribed { client_id, filter, reason };
                    self.effects.notices.say(&notice);
                }
                reason
            })
            .collect();
        self.answer(id, place, Reply::UnsubAck(unsubscribe.packet_id, reasons));
        Step::Done
    }

    /// Sends retained messages to new subscriptions, a page each.
    pub(crate) fn walk_retained(&mut self, now: Instant) {
        for _ in 0..self.walking.len() {
            let Some(place) = self.walking.pop_front() else {
                return;
            };
            let goes_on = self.walk(place, now);
            if let Some(session) = session_of(&mut self.sessions, place) {
                session.is_walking = goes_on;
                if goes_on {
                    self.walking.push_back(place);
                }
            }
        }
    }

    /// Sees to it that a session is sent the retained messages that it still waits for.
    pub(crate) fn walk_on(&mut self, slot: u32) {
        if let Some(session) = self.sessions.get_mut(slot as usize)
            && session.has_walks()
            && !session.is_walking
        {
            session.is_walking = true;
            self.walking.push_back(session.place);
        }
    }

    /// Answers a request when what it has recorded is durable.
    fn answer(&mut self, id: ConnectionId, place: SessionRef, reply: Reply) {
        let Some(session) = session_of(&mut self.sessions, place) else {
            return;
        };
        let after = session.promised(&self.effects);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.reply(reply, after, &mut self.effects);
        }
    }

    pub(crate) fn place_of(&self, id: ConnectionId) -> Option<SessionRef> {
        let slot = self.connections.get(id)?.session?;
        self.sessions.get(slot as usize).map(|session| session.place)
    }

    fn add_subscription(
        &mut self,
        place: SessionRef,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: Option<NonZeroU32>,
    ) -> ReasonCode {
        let most = self.limits.subscriptions;
        let Some(session) = session_of(&mut self.sessions, place) else {
            return ReasonCode::UnspecifiedError;
        };
        let durable = session.durable;
        let known = session.subscriptions.contains(filter.as_str());
        if !known {
            if session.subscriptions.len() >= most {
                return ReasonCode::QuotaExceeded;
            }
            session.subscriptions.insert(filter.as_str(), &self.hasher);
        }
        let subscription = Subscription { session: place, identifier, options, durable };
        let Subscribed { new, retained_version, group } =
            self.directory.subscribe(filter, subscription);
        debug_assert_eq!(new, !known, "session and directory disagree about a subscription");
        if durable {
            let subscribed = self.effects.record(Record::Subscribed {
                session: place.number,
                filter: Box::from(filter.as_str()),
                options,
                identifier,
                group,
            });
            self.effects.promise(subscribed);
        }
        let send_retained = match options.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => new,
            RetainHandling::DoNotSend => false,
        };
        let identifiers: Arc<[NonZeroU32]> = identifier.into_iter().collect();
        if let Some(session) = session_of(&mut self.sessions, place) {
            // A shared subscription gets none [section 4.8.2].
            if send_retained && filter.share().is_none() {
                let walk = Walk { options, identifiers, version: retained_version, after: None };
                session.begin_walk(filter.as_str(), walk);
            } else {
                session.change_walk(filter.as_str(), options, identifiers);
            }
        }
        self.walk_on(place.slot);
        match options.maximum_qos {
            QoS::AtMostOnce => ReasonCode::Success,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        }
    }

    fn remove_subscription(&mut self, place: SessionRef, filter: TopicFilter<'_>) -> bool {
        let Some(session) = session_of(&mut self.sessions, place) else {
            return false;
        };
        session.subscriptions.remove(filter.as_str());
        session.end_walk(filter.as_str());
        let durable = session.durable;
        let removed = self.directory.unsubscribe(filter, place.number);
        if removed && durable {
            let filter = Box::from(filter.as_str());
            let record = Record::Unsubscribed { session: place.number, filter };
            let number = self.effects.record(record);
            self.effects.promise(number);
        }
        removed
    }

    /// Sends a page of retained messages; whether to go on in the next turn. A session whose client
    /// is away or does not take more goes on when that changes.
    fn walk(&mut self, place: SessionRef, now: Instant) -> bool {
        let Some(session) = session_of(&mut self.sessions, place) else {
            return false;
        };
        if session.queued() > 0 || !session.has_room(&self.connections, &self.effects) {
            return false;
        }
        let Some((filter, mut walk)) = session.take_walk() else {
            return false;
        };
        let mut found = Vec::new();
        let page = self.limits.retained_per_turn;
        walk.after = self.directory.retained(
            TopicFilter::trusted(&filter),
            walk.after.as_ref(),
            walk.version,
            page,
            &mut found,
        );
        for message in &found {
            self.deliver_retained(place, &walk, message, now);
        }
        let Some(session) = session_of(&mut self.sessions, place) else {
            return false;
        };
        if walk.after.is_some() {
            session.put_walk_back(filter, walk);
        }
        session.has_walks()
    }

    fn deliver_retained(
        &mut self,
        place: SessionRef,
        walk: &Walk,
        message: &Arc<Message>,
        now: Instant,
    ) {
        let Some(session) = session_of(&mut self.sessions, place) else {
            return;
        };
        let publication = message.publication();
        // [MQTT-3.8.3-3]
        let is_own = publication.publisher == place.number;
        if (walk.options.no_local && is_own) || publication.lifetime(now) == Lifetime::Expired {
            return;
        }
        if !session.may_still_receive(message.topic(), &self.connections, &mut self.effects) {
            self.effects.metrics().deliveries_withheld.add(1);
            return;
        }
        let published = self.effects.limits.outgoing_qos(publication.qos);
        let qos = published.min(walk.options.maximum_qos);
        let durability = self.effects.limits.durability_for(publication.topic, qos);
        let recorded = session.durable && qos != QoS::AtMostOnce && durability != Durability::None;
        let number = recorded.then(|| {
            let target = StoredTarget {
                session: place.number,
                qos,
                retain: true,
                identifiers: Arc::clone(&walk.identifiers),
                group: None,
            };
            let message = Arc::clone(message);
            self.effects.record(Record::Message { message, targets: vec![target] })
        });
        // [MQTT-3.3.1-8]
        let terms =
            Terms { qos, retain: true, identifiers: &walk.identifiers, number, group: None };
        let mut parcel = Parcel::owned(message);
        session.deliver(&mut parcel, terms, &mut self.connections, &mut self.effects, now);
    }
}

/// The verdict on filters that no topic of the client matches.
const NO_SUBSCRIPTION: Verdict = Verdict::Deny(ReasonCode::NoSubscriptionExisted);
/// The verdict on filters beyond those that one packet may have.
const TOO_MANY: Verdict = Verdict::Deny(ReasonCode::QuotaExceeded);
