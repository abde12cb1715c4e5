//! Stored messages on their way to the session that is owed them.

use std::ops::Range;
use std::sync::Arc;

use ::bytes::Bytes;

use super::error::RecordError;
use super::message::MessageRecord;
use crate::identity::{RecordNumber, SessionNumber};
use crate::message::Message;
use crate::record::{FetchedMessage, StoredTarget};

/// Gathers the messages of a fetch from their records.
///
/// Their contents share one piece of memory, and those that follow each other on one topic share
/// its text. Who reads the log is often not the thread that lets go of the messages, and memory
/// that is taken here and given back there, piece by piece, costs more than all the rest.
#[derive(Debug)]
pub struct FetchBuilder {
    session: SessionNumber,
    content: Vec<u8>,
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    number: RecordNumber,
    message: Message,
    content: Range<usize>,
    retain: bool,
    identifiers: Arc<[std::num::NonZeroU32]>,
}

impl FetchBuilder {
    /// No message yet of those that this session is owed.
    pub const fn new(session: SessionNumber) -> Self {
        Self { session, content: Vec::new(), found: Vec::new() }
    }

    /// Adds the message of a [`Record::Message`](crate::Record::Message), if the session is owed
    /// it. `terms`: how, where that is not in the record.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if the bytes are no such record; nothing is added then.
    pub fn add(
        &mut self,
        number: RecordNumber,
        bytes: &[u8],
        terms: Option<StoredTarget>,
    ) -> Result<(), RecordError> {
        let record = MessageRecord::parse(bytes)?;
        let target = match terms {
            Some(terms) => Some(terms),
            None => record.target_of(self.session)?,
        };
        let Some(StoredTarget { retain, identifiers, .. }) = target else {
            return Ok(());
        };
        let publication = record.publication();
        let topic = publication.topic.as_str();
        let topic = match self.found.last().map(|found| found.message.topic()) {
            Some(last) if **last == *topic => Arc::clone(last),
            _ => Arc::from(topic),
        };
        let start = self.content.len();
        self.content.extend_from_slice(publication.properties.as_bytes());
        self.content.extend_from_slice(publication.payload);
        let content = start..self.content.len();
        let message = Message::without_content(publication, topic);
        self.found.push(Found { number, message, content, retain, identifiers });
        Ok(())
    }

    /// The messages, in the order in which they were added.
    pub fn finish(self) -> Vec<FetchedMessage> {
        let bytes = Bytes::from(self.content);
        let fill = |Found { number, message, content, retain, identifiers }| {
            let message = Arc::new(message.with_content(bytes.slice(content)));
            FetchedMessage { number, message, retain, identifiers }
        };
        self.found.into_iter().map(fill).collect()
    }
}
