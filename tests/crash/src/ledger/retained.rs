//! The retained messages of a topic with one publisher, in the order in which they were published.

use std::collections::VecDeque;
use std::time::Duration;

use super::session::{EARLY, LATE};
use crate::event::MessageNumber;

/// What is retained, or may be.
#[derive(Debug, Default)]
pub(super) struct RetainedTopic {
    versions: VecDeque<Version>,
    /// How many versions were forgotten.
    forgotten: usize,
    /// The place of the newest that was acknowledged.
    acknowledged: Option<usize>,
}

#[derive(Debug)]
struct Version {
    message: MessageNumber,
    is_empty: bool,
    first_at: Duration,
    expiry: Option<Duration>,
}

impl RetainedTopic {
    pub(super) fn publishing(
        &mut self,
        message: MessageNumber,
        is_empty: bool,
        expiry: Option<u32>,
        now: Duration,
    ) {
        let expiry = expiry.map(|seconds| Duration::from_secs(seconds.into()));
        self.versions.push_back(Version { message, is_empty, first_at: now, expiry });
    }

    pub(super) fn published(&mut self, message: MessageNumber) {
        self.acknowledged = self.acknowledged.max(self.place(message));
    }

    pub(super) const fn acknowledged(&self) -> Option<usize> {
        self.acknowledged
    }

    /// Whether a subscriber may be sent this message who found `floor` acknowledged.
    pub(super) fn may_be(&self, message: MessageNumber, floor: Option<usize>) -> bool {
        self.place(message).is_some_and(|place| floor.is_none_or(|floor| place >= floor))
    }

    /// Whether there may be nothing for a subscriber who found `floor` acknowledged.
    pub(super) fn may_be_nothing(&self, floor: Option<usize>, now: Duration) -> bool {
        let Some(floor) = floor else {
            return true;
        };
        let mut since = self.versions.iter().skip(floor.saturating_sub(self.forgotten));
        since.any(|version| {
            let expiry = version.expiry.map(|expiry| version.first_at + expiry);
            version.is_empty || expiry.is_some_and(|expiry| now + EARLY + LATE > expiry)
        })
    }

    /// The newest acknowledged message.
    pub(super) fn current(&self) -> Option<MessageNumber> {
        let place = self.acknowledged?.checked_sub(self.forgotten)?;
        self.versions.get(place).map(|version| version.message)
    }

    /// Forgets what an acknowledged message has replaced.
    pub(super) fn forget_the_past(&mut self) {
        while self.acknowledged.is_some_and(|place| place > self.forgotten) {
            self.versions.pop_front();
            self.forgotten += 1;
        }
    }

    pub(super) fn mentioned(&self) -> impl Iterator<Item = MessageNumber> {
        self.versions.iter().map(|version| version.message)
    }

    fn place(&self, message: MessageNumber) -> Option<usize> {
        let place = self.versions.binary_search_by_key(&message, |version| version.message).ok()?;
        Some(self.forgotten + place)
    }
}
