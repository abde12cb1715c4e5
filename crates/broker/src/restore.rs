//! A shard goes on with what a log says: sessions as they were when it ended.
//!
//! Whoever was connected then counts as having gone without a word at that moment: the expiry of the
//! session and the delay of the will run from there, also while there was no broker.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_codec::TopicFilter;
use ferrymq_protocol::time::Instant;

use crate::access::Principal;
use crate::identity::SessionRef;
use crate::image::{Away, OwedMessage, SessionImage, SubscriptionImage, Unfinished, WillImage};
use crate::queue::Kept;
use crate::record::Record;
use crate::session::Orphan;
use crate::shard::{Shard, session_of};
use crate::subscriptions::Subscription;
use crate::will::Will;

impl Shard {
    /// Takes over a session whose home this shard is. `stopped` is when the log ended.
    pub fn restore(&mut self, image: SessionImage, stopped: Instant) {
        let SessionImage {
            number,
            client_id,
            expiry_interval,
            username,
            away,
            subscriptions,
            published,
            released,
            received,
            queue,
            will,
        } = image;
        let place = self.insert_session(number, client_id, expiry_interval);
        for subscription in subscriptions {
            self.restore_subscription(place, subscription);
        }
        let went = away.unwrap_or_else(|| gone_at(stopped, expiry_interval, will.as_ref()));
        let Some(session) = session_of(&mut self.sessions, place) else {
            return;
        };
        session.durable = true;
        session.announced = true;
        session.principal = username.as_deref().map(|name| Arc::new(Principal::named(name)));
        session.sleepers = self.limits.sleepers_of(&session.client_id, username.as_deref());
        session.expires = went.expires;
        session.will = will.map(|will| Box::new(restored_will(will, went.will_due)));
        for packet_id in received {
            session.inbound.insert(packet_id);
        }
        for packet_id in released {
            session.outbound.restore_released(packet_id);
        }
        session.restore_messages(published, queue, &self.effects);
        if away.is_none() {
            let Away { expires, will_due } = went;
            self.effects.record(Record::Away { session: number, expires, will_due });
        }
        for deadline in [Some(went.expires), went.will_due].into_iter().flatten() {
            if deadline < Instant::FAR_FUTURE {
                self.arm_session(place, deadline);
            }
        }
    }

    /// Ends what ended sessions have left behind. To be called on one shard, when all sessions are
    /// restored on all.
    pub fn finish(&mut self, unfinished: Unfinished, now: Instant) {
        let Unfinished { wills, orphans } = unfinished;
        for (session, will) in wills {
            let will = restored_will(will, None);
            self.publish_internally(&will.publication(now), now);
            self.effects.record(Record::WillDone { session });
        }
        for (from, owed) in orphans {
            let OwedMessage { number, group, load, .. } = owed;
            match group {
                Some(group) => {
                    self.reassign(Orphan { group, load, kept: Kept::Stored(number) }, from, now);
                }
                None => self.effects.settle(from, Some(number)),
            }
        }
    }

    fn restore_subscription(&mut self, place: SessionRef, subscription: SubscriptionImage) {
        let SubscriptionImage { filter, options, identifier, group } = subscription;
        let subscription = Subscription { session: place, identifier, options, durable: true };
        self.directory.restore_subscription(TopicFilter::trusted(&filter), subscription, group);
        if let Some(session) = session_of(&mut self.sessions, place)
            && !session.subscriptions.contains(&filter)
        {
            session.subscriptions.insert(&filter, &self.hasher);
        }
    }
}

/// When what runs while the client is away comes to its end, if that has gone at `stopped`.
fn gone_at(stopped: Instant, expiry_interval: u32, will: Option<&WillImage>) -> Away {
    let after = |seconds: u32| stopped.saturating_add(Duration::from_secs(u64::from(seconds)));
    Away {
        expires: match expiry_interval {
            u32::MAX => Instant::FAR_FUTURE,
            seconds => after(seconds),
        },
        // [MQTT-3.1.3-9]
        will_due: will.map(|will| after(will.delay_interval.min(expiry_interval))),
    }
}

fn restored_will(image: WillImage, due: Option<Instant>) -> Will {
    let WillImage { message, delay_interval } = image;
    let expiry_interval = message.publication().properties.message_expiry_interval();
    Will { message, expiry_interval, delay_interval, due, recorded: true }
}
