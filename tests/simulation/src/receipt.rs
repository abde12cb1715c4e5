//! What a client checks about each message that it is given: that it was wanted and allowed, that
//! it comes once and in order; and at the end, that nothing is missing.

use ferrymq_codec::{Publish, QoS};
use ferrymq_protocol::time::Instant;

use crate::client::Client;
use crate::model::{Publication, Publisher, Subscription, matches};
use crate::scene::Scene;

impl Client {
    /// A message has come that is no repetition.
    pub(crate) fn delivered(
        &mut self,
        number: Option<usize>,
        topic: &str,
        publish: &Publish<'_>,
        scene: &mut Scene,
    ) {
        if self.is_observer {
            return;
        }
        let matching: Vec<Subscription> = self
            .session
            .subscriptions
            .iter()
            .filter(|subscription| matches(&subscription.filter, topic))
            .cloned()
            .collect();
        if matching.is_empty() {
            scene.fail(Some(self.index), format!("got {topic}, which it did not subscribe to"));
        }
        self.check_identifiers(publish, &matching, scene);
        let Some(number) = number else {
            // Who clears what is retained says nothing that could be recognized.
            if !publish.payload.is_empty() {
                scene.fail(Some(self.index), "got a payload that nobody has sent".to_owned());
            }
            return;
        };
        let publication = scene.model.publications[number].clone();
        let own = publication.publisher == Publisher::Client(self.index);
        if scene.model.topics[publication.topic] != topic {
            scene.fail(Some(self.index), format!("got message #{number} on {topic}"));
        }
        if scene.model.is_forbidden(number) {
            scene.fail(Some(self.index), format!("got message #{number}, which was denied"));
        }
        if scene.model.is_denied(number) {
            let finding =
                format!("got message #{number}, whose publisher had lost the right to it");
            scene.fail(Some(self.index), finding);
        }
        let connected_at = self.link.as_ref().map_or(Instant::ZERO, |link| link.connected_at);
        if scene.model.is_withheld(number, self.index, connected_at) {
            let finding = format!("got message #{number}, to which it had lost the right");
            scene.fail(Some(self.index), finding);
        }
        if own && !publication.retain && matching.iter().all(|found| found.no_local) {
            scene.fail(Some(self.index), format!("got its own message #{number} with no local"));
        }
        let highest = matching.iter().map(|found| found.qos).max().unwrap_or_default();
        if publish.delivery.qos() > publication.qos.min(highest) {
            scene.fail(Some(self.index), format!("got message #{number} with too high a QoS"));
        }
        let shared = matching.iter().any(Subscription::is_shared);
        if shared {
            let exactly_once = publish.delivery.qos() == QoS::ExactlyOnce;
            let receptions = scene.model.shared_receptions.entry(number).or_default();
            receptions.all += 1;
            receptions.exactly_once += usize::from(exactly_once);
        }
        self.check_copies(number, &publication, publish.delivery.qos(), scene);
        if !shared {
            self.check_order(number, &publication, publish.delivery.qos(), &matching, scene);
        }
    }

    /// Whether everything that this client's session is owed has come.
    pub(crate) fn check_owed(&self, scene: &mut Scene) {
        if !self.is_persistent() || !self.session.confirmed {
            return;
        }
        for number in 0..scene.model.publications.len() {
            for subscription in &self.session.subscriptions {
                let largest = self.maximum_packet_size;
                if !subscription.is_shared()
                    && !self.session.deliveries.contains_key(&number)
                    && scene.model.is_owed(number, subscription, self.index, largest)
                {
                    let publication = &scene.model.publications[number];
                    let finding = format!(
                        "message #{number} to {} was acknowledged and is lost: {publication:?}, \
                         {subscription:?}",
                        scene.model.topic_of(number)
                    );
                    scene.fail(Some(self.index), finding);
                }
            }
        }
    }

    /// Each subscription has an identifier of its own, which must be one that matches.
    fn check_identifiers(
        &self,
        publish: &Publish<'_>,
        matching: &[Subscription],
        scene: &mut Scene,
    ) {
        for identifier in publish.properties.subscription_identifiers() {
            if !matching.iter().any(|found| found.identifier == Some(identifier.get())) {
                let finding = format!("subscription identifier {identifier} does not match");
                scene.fail(Some(self.index), finding);
            }
        }
    }

    fn check_copies(
        &mut self,
        number: usize,
        publication: &Publication,
        qos: QoS,
        scene: &mut Scene,
    ) {
        let session = &mut self.session;
        let count = session.deliveries.entry(number).or_default();
        *count += 1;
        let copies = match publication.qos {
            // What a publisher sends again may be a new message to the broker.
            QoS::AtLeastOnce => publication.sends,
            QoS::AtMostOnce | QoS::ExactlyOnce => 1,
        };
        // Delivery with QoS 0 or 1 waits for no record: a crash may make each come again. Then it
        // may come with QoS 2, if the client has subscribed with more meanwhile.
        let most = copies * (1 + scene.model.crashes);
        // A retained message comes again with each subscription.
        if *count > most && !publication.retain {
            let finding = format!("got message #{number} {count} times, sent {copies} times");
            scene.fail(Some(self.index), finding);
        }
        let exactly_once = publication.qos == QoS::ExactlyOnce && qos == QoS::ExactlyOnce;
        let is_second = exactly_once && !session.exactly_once.insert(number);
        if is_second && !publication.retain {
            scene.fail(Some(self.index), format!("got message #{number} twice with QoS 2"));
        }
    }

    fn check_order(
        &mut self,
        number: usize,
        publication: &Publication,
        qos: QoS,
        matching: &[Subscription],
        scene: &mut Scene,
    ) {
        if matches!(publication.publisher, Publisher::Will(_)) {
            return;
        }
        // A crash may make a broker forget what it had taken over and not acknowledged.
        let may_be_new = publication.qos == QoS::AtLeastOnce || scene.model.crashes > 0;
        let sent_again = may_be_new && publication.sends > 1;
        let is_first = self.session.deliveries.get(&number) == Some(&1);
        // Who has subscribed in between sees the second of a message's two lives only, and a QoS 0
        // delivery of the first may be lost.
        let saw_all = qos != QoS::AtMostOnce
            && self.maximum_packet_size.is_none()
            && matching.iter().any(|subscription| {
                subscription.granted_at.is_some_and(|at| Some(at) < publication.sent_at)
                    && subscription.ended_at.is_none()
                    && !subscription.no_local
                    && subscription.qos != QoS::AtMostOnce
            });
        // A retained message may overtake others when a new subscription is made.
        let key =
            (publication.publisher, publication.topic, publication.qos, qos, publication.retain);
        let highest = self.session.highest.entry(key).or_default();
        let sequence = publication.sequence;
        let must_be_newer = match publication.retain {
            // A retained message that was lost in a crash uncovers the one before it.
            true => !sent_again && scene.model.crashes == 0,
            false => is_first && (saw_all || !sent_again),
        };
        if sequence < *highest && must_be_newer {
            let finding = format!("got message #{number} ({sequence}) after {highest}");
            scene.fail(Some(self.index), finding);
        }
        *highest = (*highest).max(sequence);
    }
}
