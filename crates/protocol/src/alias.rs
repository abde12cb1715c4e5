//! Topic Aliases (section 3.3.2.3.4): two directions, two types, both gone with the connection.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use ferrymq_codec::TopicName;

use crate::error::ProtocolError;

/// The aliases that the peer has given to topics, up to the maximum that we announced.
#[derive(Clone, Debug)]
pub struct InboundAliases {
    topics: Vec<Option<Arc<str>>>,
    maximum: u16,
}

impl InboundAliases {
    /// No aliases yet.
    pub const fn new(maximum: u16) -> Self {
        Self { topics: Vec::new(), maximum }
    }

    /// The peer says that `alias` stands for `topic` from now on.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TopicAliasTooLarge`] above the announced maximum [MQTT-3.3.2-9].
    pub fn insert(&mut self, alias: NonZeroU16, topic: TopicName<'_>) -> Result<(), ProtocolError> {
        let place = self.place(alias)?;
        if self.topics.len() <= place {
            self.topics.resize(place.saturating_add(1), None);
        }
        if let Some(entry) = self.topics.get_mut(place)
            && entry.as_deref() != Some(topic.as_str())
        {
            *entry = Some(Arc::from(topic.as_str()));
        }
        Ok(())
    }

    /// The topic that `alias` stands for.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::TopicAliasTooLarge`], or [`ProtocolError::TopicAliasUnknown`] if the peer
    /// has not said what it stands for on this connection.
    pub fn topic(&self, alias: NonZeroU16) -> Result<Arc<str>, ProtocolError> {
        let place = self.place(alias)?;
        self.topics.get(place).cloned().flatten().ok_or(ProtocolError::TopicAliasUnknown)
    }

    fn place(&self, alias: NonZeroU16) -> Result<usize, ProtocolError> {
        if alias.get() > self.maximum {
            return Err(ProtocolError::TopicAliasTooLarge);
        }
        Ok(usize::from(alias.get()).saturating_sub(1))
    }
}

/// The aliases that we have given to topics, up to the maximum that the peer announced. The first
/// topics get one and keep it: replacing would send every topic whole when there are many.
#[derive(Clone, Debug)]
pub struct OutboundAliases {
    topics: Vec<Box<str>>,
    maximum: u16,
}

/// How a topic is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Whole, and no alias.
    Whole,
    /// Whole, with the alias that stands for it from now on.
    Introduced(NonZeroU16),
    /// As the alias alone.
    Alias(NonZeroU16),
}

impl OutboundAliases {
    /// How many topics get an alias at most, whatever the peer allows: they are compared one by
    /// one.
    pub const LIMIT: u16 = 16;

    /// No aliases yet.
    pub fn new(maximum: u16) -> Self {
        Self { topics: Vec::new(), maximum: maximum.min(Self::LIMIT) }
    }

    /// How to write `topic` now. The packet must really be sent after this.
    pub fn write(&mut self, topic: &str) -> Written {
        if self.maximum == 0 {
            return Written::Whole;
        }
        if let Some(place) = self.topics.iter().position(|known| **known == *topic) {
            return alias_at(place).map_or(Written::Whole, Written::Alias);
        }
        if self.topics.len() >= usize::from(self.maximum) {
            return Written::Whole;
        }
        self.topics.push(Box::from(topic));
        alias_at(self.topics.len().saturating_sub(1)).map_or(Written::Whole, Written::Introduced)
    }
}

fn alias_at(place: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(place.saturating_add(1)).ok()?)
}
