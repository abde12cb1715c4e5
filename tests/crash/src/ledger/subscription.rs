//! A subscription of a session: when it was there for sure, and when it may have been.

use std::collections::{HashMap, HashSet};

use ferrymq_codec::QoS;

use crate::event::TopicNumber;

/// A subscription over the life of a session.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) qos: QoS,
    /// Acknowledged at this moment, and nothing has been done since that could end it.
    pub(super) certain_since: Option<u64>,
    /// From the SUBSCRIBE to the UNSUBACK; the last may be open.
    possible: Vec<(u64, Option<u64>)>,
    /// The place of the retained message that was acknowledged when the first SUBSCRIBE was sent.
    pub(super) retained_floor: HashMap<TopicNumber, usize>,
    /// Topics of which something has come.
    pub(super) topics_seen: HashSet<TopicNumber>,
}

impl Subscription {
    pub(super) fn new(qos: QoS) -> Self {
        Self {
            qos,
            certain_since: None,
            possible: Vec::new(),
            retained_floor: HashMap::new(),
            topics_seen: HashSet::new(),
        }
    }

    /// SUBSCRIBE is sent. Returns whether the subscription is new for sure.
    pub(super) fn begin(&mut self, moment: u64) -> bool {
        let is_new = self.possible.last().is_none_or(|(_, to)| to.is_some());
        if is_new {
            self.possible.push((moment, None));
        }
        is_new
    }

    /// UNSUBACK has come, or the session is gone.
    pub(super) fn end(&mut self, moment: u64) {
        self.certain_since = None;
        if let Some((_, to)) = self.possible.last_mut() {
            to.get_or_insert(moment);
        }
    }

    /// Whether it may have been there at some time from `from` to `to`, both moments included.
    pub(super) fn is_possible(&self, from: u64, to: Option<u64>) -> bool {
        self.possible.iter().any(|(begin, end)| {
            to.is_none_or(|to| *begin <= to) && end.is_none_or(|end| from <= end)
        })
    }

    /// Whether it was there from `moment` until now for sure.
    pub(super) fn is_certain_since(&self, moment: u64) -> bool {
        self.certain_since.is_some_and(|since| since < moment)
    }

    /// Forgets what ended before.
    pub(super) fn forget_the_past(&mut self) {
        self.possible.retain(|(_, to)| to.is_none());
    }
}
