//! What the broker sends: whether it may, and in time.

use std::time::Duration;

use super::Ledger;
use super::publication::Publication;
use super::session::LATE;
use super::subscription::Subscription;
use super::will::WillState;
use crate::event::{ClientNumber, Delivery, FilterNumber};
use crate::history::Fault;

impl Ledger {
    pub(super) fn receive(
        &mut self,
        client: ClientNumber,
        delivery: &Delivery,
    ) -> Result<(), Fault> {
        self.received += 1;
        let number = delivery.message;
        let fault = |text: &str| {
            let (qos, dup) = (delivery.qos.bits(), delivery.dup);
            let text = format!("{number} {text} (to {client}, QoS {qos}, DUP {dup})");
            Fault::of(client, text).about(number)
        };
        let Some(publication) = self.publications.get(&number) else {
            return Err(fault("was settled long ago, or never published, and comes now"));
        };
        let publication = publication.clone();
        let publisher = publication.message.publisher;
        let fault = |text: &str| fault(text).with(publisher);
        self.note_topic(client, &publication);
        if publication.refused {
            return Err(fault("was refused, and is delivered"));
        }
        let topic = publication.message.topic;
        let is_group = self.scene.shared_filters().any(|filter| self.scene.matches(filter, topic));
        self.check_subscription(client, delivery, &publication, is_group).map_err(fault)?;
        self.check_expiry(client, delivery, &publication).map_err(fault)?;
        let cancelled = |state| matches!(state, WillState::Cancelled(_));
        if self.wills.iter().any(|will| will.message == number && cancelled(will.state)) {
            return Err(fault("is a will that was taken back, and was published"));
        }
        if delivery.retain {
            return Ok(());
        }
        let ordered = self.is_ordered(client, &publication, is_group);
        let outcome = self
            .receiver_of(client, number)
            .map_or(Ok(()), |receiver| receiver.receive(delivery, &publication, ordered));
        outcome.map_err(fault)
    }

    /// Whether newer messages of the publisher must not come before this one. They may, if it was
    /// sent again and the subscription is younger, or the first copy has expired.
    fn is_ordered(&self, client: ClientNumber, publication: &Publication, is_group: bool) -> bool {
        let session = self.sessions.get(client.0);
        let is_old = session.is_some_and(|session| {
            session.subscriptions.iter().any(|(filter, subscription)| {
                self.scene.matches(*filter, publication.message.topic)
                    && subscription.is_certain_since(publication.first_moment)
            })
        });
        let is_sure = is_old && publication.is_owed();
        !is_group && !publication.is_will() && (publication.attempts == 1 || is_sure)
    }

    /// There may be a subscription that this delivery belongs to.
    fn check_subscription(
        &self,
        client: ClientNumber,
        delivery: &Delivery,
        publication: &Publication,
        is_group: bool,
    ) -> Result<(), &'static str> {
        let message = &publication.message;
        let Some(session) = self.sessions.get(client.0) else {
            return Ok(());
        };
        // A retained message is sent, and one of a group handed on, long after it was published.
        let later = delivery.retain || is_group || publication.is_will();
        let to = publication.closed.filter(|_| !later);
        let possible = session.subscriptions.iter().filter(|(filter, subscription)| {
            self.scene.matches(**filter, message.topic)
                && subscription.is_possible(publication.first_moment, to)
        });
        let mut possible = possible.map(|(_, subscription)| subscription).peekable();
        if possible.peek().is_none() {
            return Err("belongs to no subscription");
        }
        let possible: Vec<&Subscription> = possible.collect();
        if possible.iter().all(|subscription| subscription.qos.min(message.qos) != delivery.qos) {
            return Err("has a QoS that no subscription gives");
        }
        let Some(kept) = self.retained.get(&message.topic).filter(|_| delivery.retain) else {
            return Ok(());
        };
        let may_be = |subscription: &&Subscription| {
            let floor = subscription.retained_floor.get(&message.topic);
            kept.may_be(delivery.message, floor.copied())
        };
        if !possible.iter().any(may_be) {
            return Err("is retained, but was replaced or cleared before the SUBSCRIBE");
        }
        Ok(())
    }

    fn check_expiry(
        &self,
        client: ClientNumber,
        delivery: &Delivery,
        publication: &Publication,
    ) -> Result<(), &'static str> {
        let Some(expiry) = publication.message.expiry else {
            return match delivery.expiry {
                None => Ok(()),
                Some(_) => Err("expires, but was published without an expiry"),
            };
        };
        let lives = Duration::from_secs(expiry.into());
        let is_known = self
            .sessions
            .get(client.0)
            .is_some_and(|session| session.receiver.is_known(delivery.message));
        // It may have come right after the time before.
        let (_, before) = self.looks;
        if !delivery.dup && !is_known && before > publication.last_at + lives + LATE {
            return Err("has expired, and comes now");
        }
        let Some(left) = delivery.expiry else {
            return Ok(());
        };
        let least = (publication.first_at + lives).saturating_sub(self.now + LATE);
        // Two clocks of one broker may be a moment apart, and seconds are rounded up.
        if left > expiry + 1 || Duration::from_secs(left.into()) < least {
            return Err("has a wrong Message Expiry Interval");
        }
        Ok(())
    }

    fn note_topic(&mut self, client: ClientNumber, publication: &Publication) {
        let topic = publication.message.topic;
        let Some(session) = self.sessions.get_mut(client.0) else {
            return;
        };
        for (filter, subscription) in &mut session.subscriptions {
            if publication.message.retain && self.scene.matches(*filter, topic) {
                subscription.topics_seen.insert(topic);
            }
        }
    }

    /// All retained messages have come: none that must be there may be missing.
    pub(super) fn retained_read(
        &self,
        client: ClientNumber,
        filter: FilterNumber,
    ) -> Result<(), Fault> {
        let subscription =
            self.sessions.get(client.0).and_then(|session| session.subscriptions.get(&filter));
        let Some(subscription) = subscription else {
            return Ok(());
        };
        for (topic, kept) in &self.retained {
            if !self.scene.matches(filter, *topic) || subscription.topics_seen.contains(topic) {
                continue;
            }
            let floor = subscription.retained_floor.get(topic).copied();
            if !kept.may_be_nothing(floor, self.now) {
                let name = self.scene.topic(*topic);
                let fault = Fault::of(client, format!("the retained message of {name} is lost"));
                return Err(Fault { message: kept.current(), ..fault });
            }
        }
        Ok(())
    }
}
