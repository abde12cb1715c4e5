//! A message that a client has published, or that the broker publishes as its will.

use std::time::Duration;

use ferrymq_codec::QoS;

use crate::event::{ClientNumber, TopicNumber};

/// What is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who publishes it.
    pub publisher: ClientNumber,
    /// Where.
    pub topic: TopicNumber,
    /// With which quality of service.
    pub qos: QoS,
    /// The RETAIN flag.
    pub retain: bool,
    /// Whether the payload is empty, so that RETAIN clears.
    pub is_empty: bool,
    /// The Message Expiry Interval in seconds.
    pub expiry: Option<u32>,
    /// The Will Delay Interval, if the message is a will.
    pub will_delay: Option<Duration>,
}

/// A message with what has become of it.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    pub(super) message: Message,
    /// How often it was sent to the broker.
    pub(super) attempts: u32,
    pub(super) first_moment: u64,
    pub(super) first_at: Duration,
    pub(super) last_at: Duration,
    /// From when on no attempt can be taken over any more.
    pub(super) closed: Option<u64>,
    pub(super) refused: bool,
    /// The publisher's connection at the last attempt, and how many messages it had settled there
    /// before.
    pub(super) mark: (u64, usize),
}

impl Publication {
    pub(super) const fn new(message: Message) -> Self {
        Self {
            message,
            attempts: 0,
            first_moment: 0,
            first_at: Duration::ZERO,
            last_at: Duration::ZERO,
            closed: None,
            refused: false,
            mark: (0, 0),
        }
    }

    pub(super) const fn is_will(&self) -> bool {
        self.message.will_delay.is_some()
    }

    /// How many copies a subscriber may be owed: QoS 1 takes every attempt for a new message.
    pub(super) fn copies(&self) -> u32 {
        if self.message.qos == QoS::ExactlyOnce || self.is_will() { 1 } else { self.attempts }
    }

    /// Whether it lives so long that nothing excuses its loss.
    pub(super) fn is_owed(&self) -> bool {
        !self.message.is_empty && self.message.expiry.is_none_or(|seconds| seconds >= LONG)
    }
}

/// A Message Expiry Interval in seconds that no run reaches.
pub(super) const LONG: u32 = 1000;
