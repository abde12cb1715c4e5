//! What was published, by whom and when, and what must come of it.

use std::collections::{BTreeMap, BTreeSet};

use ferrymq_codec::{QoS, TopicFilter, TopicName};
use ferrymq_protocol::time::Instant;

use crate::late_access::{FORBIDDEN, LostRight, Right};

/// Everything that was said in a run.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) publications: Vec<Publication>,
    pub(crate) topics: Vec<String>,
    sequences: BTreeMap<Publisher, u32>,
    /// How often each publication has reached a member of a shared subscription.
    pub(crate) shared_receptions: BTreeMap<usize, Receptions>,
    /// The groups of which a member's session has ended.
    pub(crate) broken_groups: BTreeSet<String>,
    /// How often the broker has crashed.
    pub(crate) crashes: usize,
    pub(crate) losses: Vec<Loss>,
}

/// A right that a client has lost.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) client: usize,
    pub(crate) topic: usize,
    pub(crate) lost: LostRight,
    /// From when on it may be so, and from when on it must.
    pub(crate) begun_at: u64,
    pub(crate) holds_since: Option<(u64, Instant)>,
}

/// How often a publication has reached members of a group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Receptions {
    pub(crate) all: usize,
    /// Those with QoS 2.
    pub(crate) exactly_once: usize,
}

/// Who publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Publisher {
    Client(usize),
    /// The broker, in the name of a client that has gone.
    Will(usize),
}

/// A message.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) publisher: Publisher,
    pub(crate) sequence: u32,
    pub(crate) topic: usize,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// The payload is empty, which clears what is retained.
    pub(crate) clears: bool,
    padding: usize,
    /// When it was sent first.
    pub(crate) sent_at: Option<u64>,
    pub(crate) sends: usize,
    /// When its publisher learned that the broker has it.
    pub(crate) acknowledged_at: Option<u64>,
}

/// A subscription, as its client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// With its `$share` prefix.
    pub(crate) filter: String,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) identifier: Option<u32>,
    /// When SUBACK said yes.
    pub(crate) granted_at: Option<u64>,
    /// When something was sent that ends or replaces it.
    pub(crate) ended_at: Option<u64>,
}

impl Model {
    pub(crate) fn new(topics: usize) -> Self {
        let mut names: Vec<String> =
            TOPICS.iter().take(topics).map(|&topic| topic.into()).collect();
        names.push(FORBIDDEN.into());
        names.extend(SHARED_TOPICS.iter().map(|&topic| topic.into()));
        Self {
            publications: Vec::new(),
            topics: names,
            sequences: BTreeMap::new(),
            shared_receptions: BTreeMap::new(),
            broken_groups: BTreeSet::new(),
            crashes: 0,
            losses: Vec::new(),
        }
    }

    pub(crate) fn lost_rights(&self) -> Vec<LostRight> {
        self.losses.iter().map(|loss| loss.lost.clone()).collect()
    }

    fn losses_of(&self, client: usize, topic: usize, right: Right) -> impl Iterator<Item = &Loss> {
        self.losses.iter().filter(move |loss| {
            loss.client == client && loss.topic == topic && loss.lost.right == right
        })
    }

    /// Whether the publisher's right may have been lost before the broker had taken a publication over.
    fn may_be_denied(&self, publication: &Publication) -> bool {
        let (Publisher::Client(client) | Publisher::Will(client)) = publication.publisher;
        self.losses_of(client, publication.topic, Right::Publish)
            .any(|loss| publication.acknowledged_at.is_none_or(|at| at >= loss.begun_at))
    }

    /// Whether its publisher had lost the right to a publication before it was sent.
    pub(crate) fn is_denied(&self, number: usize) -> bool {
        let publication = &self.publications[number];
        let (Publisher::Client(client) | Publisher::Will(client)) = publication.publisher;
        self.losses_of(client, publication.topic, Right::Publish)
            .any(|loss| loss.holds_since.is_some_and(|(step, _)| publication.sent_at > Some(step)))
    }

    /// Whether a client that has connected then must not be given a publication any more.
    pub(crate) fn is_withheld(&self, number: usize, client: usize, connected_at: Instant) -> bool {
        let publication = &self.publications[number];
        self.losses_of(client, publication.topic, Right::Receive).any(|loss| {
            loss.holds_since
                .is_some_and(|(step, time)| publication.sent_at > Some(step) || connected_at > time)
        })
    }

    /// Whether a publication is certainly taken over.
    fn is_taken(&self, publication: &Publication) -> bool {
        publication.acknowledged_at.is_some() && !self.may_be_denied(publication)
    }

    /// Makes a publication; its number.
    pub(crate) fn publish(
        &mut self,
        publisher: Publisher,
        topic: usize,
        qos: QoS,
        retain: bool,
        length: Option<usize>,
    ) -> usize {
        let sequence = self.sequences.entry(publisher).or_default();
        *sequence += 1;
        self.publications.push(Publication {
            publisher,
            sequence: *sequence,
            topic,
            qos,
            retain,
            clears: length.is_none(),
            padding: length.unwrap_or(0),
            sent_at: None,
            sends: 0,
            acknowledged_at: None,
        });
        self.publications.len() - 1
    }

    /// The broker has crashed. A will that it had not published yet, or not durably, need not come
    /// any more: CONNACK does not wait for its record.
    pub(crate) fn crash(&mut self) {
        self.crashes += 1;
        for publication in &mut self.publications {
            if matches!(publication.publisher, Publisher::Will(_)) {
                publication.acknowledged_at = None;
            }
        }
    }

    pub(crate) fn payload(&self, number: usize) -> Vec<u8> {
        let publication = &self.publications[number];
        if publication.clears {
            return Vec::new();
        }
        let mut payload = format!(
            "{:?} {} {:?} #{number} ",
            publication.publisher, publication.sequence, publication.qos
        )
        .into_bytes();
        payload.resize(payload.len() + publication.padding, b'x');
        payload
    }

    /// The publication with this payload, if the payload is exactly that.
    pub(crate) fn recognize(&self, payload: &[u8]) -> Option<usize> {
        let text = std::str::from_utf8(payload).ok()?;
        let (_, rest) = text.split_once('#')?;
        let number: usize = rest.split_once(' ')?.0.parse().ok()?;
        (number < self.publications.len() && self.payload(number) == payload).then_some(number)
    }

    pub(crate) fn topic_of(&self, number: usize) -> &str {
        &self.topics[self.publications[number].topic]
    }

    /// The topics that may be published to, without those of shared subscriptions if not wanted.
    pub(crate) fn topic_count(&self, shared: bool) -> usize {
        if shared { self.topics.len() } else { self.topics.len() - SHARED_TOPICS.len() }
    }

    /// Whether a persistent session with this subscription must get this message in the end.
    pub(crate) fn is_owed(
        &self,
        number: usize,
        subscription: &Subscription,
        client: usize,
        largest: Option<u32>,
    ) -> bool {
        let publication = &self.publications[number];
        let (Some(sent), Some(acknowledged), Some(granted)) =
            (publication.sent_at, publication.acknowledged_at, subscription.granted_at)
        else {
            return false;
        };
        let publishers = [Publisher::Client(client), Publisher::Will(client)];
        let own = publishers.contains(&publication.publisher);
        let length = self.payload(number).len() + MOST_OVERHEAD;
        publication.qos != QoS::AtMostOnce
            && subscription.qos != QoS::AtMostOnce
            && !publication.clears
            && granted < sent
            && subscription.ended_at.is_none_or(|ended| acknowledged < ended)
            && !(own && subscription.no_local)
            && largest.is_none_or(|largest| length <= largest as usize)
            && !self.is_forbidden(number)
            && !self.may_be_denied(publication)
            && self.losses_of(client, publication.topic, Right::Receive).next().is_none()
            && matches(&subscription.filter, self.topic_of(number))
    }

    pub(crate) fn is_forbidden(&self, number: usize) -> bool {
        self.topic_of(number).starts_with(FORBIDDEN)
    }

    /// Whether this may be what a topic's retained message is in the end (`None`: nothing).
    pub(crate) fn may_be_retained(&self, topic: usize, found: Option<usize>) -> bool {
        if self.topics[topic].starts_with(FORBIDDEN) {
            return found.is_none();
        }
        let of_topic = || {
            self.publications
                .iter()
                .filter(move |other| other.topic == topic && other.retain && other.sends > 0)
        };
        let is_last_of_its_publisher = |candidate: &Publication| {
            !of_topic().any(|other| {
                other.publisher == candidate.publisher
                    && other.sequence > candidate.sequence
                    && self.is_taken(other)
                    // Sent again, an older one may have been taken for a newer one.
                    && (candidate.sends == 1 || candidate.qos == QoS::ExactlyOnce)
            })
        };
        match found {
            Some(number) => {
                let candidate = &self.publications[number];
                candidate.topic == topic
                    && candidate.retain
                    && !self.is_denied(number)
                    && is_last_of_its_publisher(candidate)
            }
            None => {
                of_topic().any(|other| other.clears && is_last_of_its_publisher(other))
                    || !of_topic().any(|other| self.is_taken(other) && other.qos != QoS::AtMostOnce)
            }
        }
    }
}

impl Subscription {
    pub(crate) fn is_shared(&self) -> bool {
        self.filter.starts_with("$share/")
    }
}

/// Whether a filter, with or without a `$share` prefix, matches a topic.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let filter = TopicFilter::trusted(filter);
    let plain = filter.share().map_or(filter, |(_, plain)| plain);
    plain.matches(TopicName::trusted(topic))
}

const TOPICS: [&str; 5] = ["t/a", "t/a/b", "u/b", "u/a/b", "t/c"];
/// Only shared subscriptions match these, so that who gets their messages is a member of a group.
const SHARED_TOPICS: [&str; 2] = ["s/1/x", "s/2/y"];
pub(crate) const FILTERS: [&str; 9] =
    ["t/#", "t/+", "+/a/b", "t/a", "t/a/b", "u/b", "u/+/b", "u/#", "t/+/+"];
pub(crate) const SHARED_FILTERS: [&str; 2] = ["$share/one/s/1/#", "$share/two/s/+/y"];
/// Bytes of a PUBLISH besides topic and payload, and the topic.
const MOST_OVERHEAD: usize = 60;
