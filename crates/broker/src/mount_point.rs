//! Mount points: the clients of a listener live in a part of the topic space and take it for all
//! of it.

use ferrymq_codec::{DecodeError, TopicName};

/// What stands in front of all topics of some clients. It is put before what they publish and
/// subscribe to and taken off what they receive; they never see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountPoint(Box<str>);

impl MountPoint {
    /// A mount point; the empty one changes nothing. It usually ends with `/`: nothing else parts
    /// it from the topics behind it.
    ///
    /// # Errors
    ///
    /// What could not be the beginning of a topic name.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        if !text.is_empty() {
            TopicName::parse(text)?;
        }
        Ok(Self(Box::from(text)))
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}
