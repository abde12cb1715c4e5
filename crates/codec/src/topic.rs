//! Topic Names and Topic Filters (section 4.7) and what a subscriber says besides a filter.
//!
//! The text is checked once, by `parse`, and the types are the proof. Levels are walked by
//! iteration and their number is limited, so nothing here depends on how deep a peer nests.

use core::fmt;

use crate::error::DecodeError;
use crate::primitives::QoS;

/// The most levels that a Topic Name or Topic Filter may have.
pub const MAX_TOPIC_LEVELS: usize = 200;

/// A Topic Name: not empty, without wildcards and NUL, of bounded depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// Checks text that is to be a Topic Name.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        // [MQTT-4.7.3-1]
        if text.is_empty() {
            return Err(DecodeError::EmptyTopicName);
        }
        // [MQTT-4.7.3-3]
        if text.len() > MAX_TOPIC_LENGTH {
            return Err(DecodeError::TopicNameTooLong);
        }
        let mut separators: usize = 0;
        for byte in text.bytes() {
            match byte {
                b'/' => separators = separators.saturating_add(1),
                // [MQTT-3.3.2-2] [MQTT-4.7.0-1]
                b'#' | b'+' => return Err(DecodeError::WildcardInTopicName),
                // [MQTT-4.7.3-2]
                0 => return Err(DecodeError::NullCharacter),
                _ => {}
            }
        }
        if separators >= MAX_TOPIC_LEVELS {
            return Err(DecodeError::TooManyTopicNameLevels);
        }
        Ok(Self(text))
    }

    /// Takes text that was a Topic Name before: the result of [`TopicName::as_str`].
    ///
    /// Other text is not refused here and gives a name that no peer would accept.
    pub const fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// The text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels; a level may be empty.
    pub fn levels(self) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        self.0.split('/')
    }

    /// The text before the first `/`.
    pub fn first_level(self) -> &'a str {
        self.0.split_once('/').map_or(self.0, |(first, _)| first)
    }

    /// Whether the name is kept out of the reach of a wildcard at the first level.
    pub fn starts_with_dollar(self) -> bool {
        self.0.starts_with('$')
    }
}

impl fmt::Display for TopicName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl AsRef<str> for TopicName<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

/// A Topic Filter: not empty, every wildcard at its place, of bounded depth. A filter of a shared
/// subscription keeps its `$share/…/` prefix here; [`TopicFilter::share`] takes it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a str);

impl<'a> TopicFilter<'a> {
    /// Checks text that is to be a Topic Filter.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        // [MQTT-4.7.3-3]
        if text.len() > MAX_TOPIC_LENGTH {
            return Err(DecodeError::TopicFilterTooLong);
        }
        // [MQTT-4.7.3-2]
        if text.as_bytes().contains(&0) {
            return Err(DecodeError::NullCharacter);
        }
        match text.strip_prefix(SHARE_PREFIX) {
            None => check_plain_filter(text)?,
            Some(shared) => check_shared_filter(shared)?,
        }
        Ok(Self(text))
    }

    /// Takes text that was a Topic Filter before: the result of [`TopicFilter::as_str`].
    ///
    /// Other text is not refused here and gives a filter that no peer would accept.
    pub const fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// The text, with the prefix of a shared subscription.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The levels, those of the prefix of a shared subscription too.
    pub fn levels(self) -> impl DoubleEndedIterator<Item = &'a str> + Clone {
        self.0.split('/')
    }

    /// Whether the filter can match more than one name.
    pub fn has_wildcards(self) -> bool {
        // A wildcard is always a whole level, so the characters have no other use.
        self.0.bytes().any(|byte| matches!(byte, b'#' | b'+'))
    }

    /// The two parts of the filter of a shared subscription (section 4.8.2).
    pub fn share(self) -> Option<(ShareName<'a>, Self)> {
        let (name, filter) = self.0.strip_prefix(SHARE_PREFIX)?.split_once('/')?;
        Some((ShareName(name), Self(filter)))
    }

    /// Whether a message with this name belongs to the subscription. The prefix of a shared
    /// subscription takes no part in it.
    pub fn matches(self, name: TopicName<'_>) -> bool {
        let filter = self.share().map_or(self, |(_, filter)| filter);
        // [MQTT-4.7.2-1]
        if name.starts_with_dollar() && filter.0.starts_with(['#', '+']) {
            return false;
        }
        let mut names = name.levels();
        for level in filter.levels() {
            match (level, names.next()) {
                // `sport/#` matches `sport` too: the name may have ended (section 4.7.1.2).
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }
}

impl fmt::Display for TopicFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl AsRef<str> for TopicFilter<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

/// The name of a shared subscription: not empty, without `/`, `+` and `#` [MQTT-4.8.2-2].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareName<'a>(&'a str);

impl<'a> ShareName<'a> {
    /// The text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for ShareName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl AsRef<str> for ShareName<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

/// What a subscriber asks for besides a filter (section 3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SubscriptionOptions {
    /// The highest quality of service that the subscriber wants.
    pub maximum_qos: QoS,
    /// Do not send the subscriber its own messages. `false` before MQTT 5.0.
    pub no_local: bool,
    /// Keep the RETAIN flag as it was published. `false` before MQTT 5.0.
    pub retain_as_published: bool,
    /// Whether retained messages are sent when the subscription is made.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// The options in this byte of a SUBSCRIBE of MQTT 5.0. Before MQTT 5.0 the byte has only
    /// two bits.
    pub fn from_bits(bits: u8) -> Result<Self, DecodeError> {
        // [MQTT-3.8.3-5]
        if bits & 0b1100_0000 != 0 {
            return Err(DecodeError::ReservedSubscriptionOption);
        }
        Ok(Self {
            maximum_qos: QoS::from_bits(bits & 0b11).ok_or(DecodeError::InvalidMaximumQoS)?,
            no_local: bits & NO_LOCAL != 0,
            retain_as_published: bits & RETAIN_AS_PUBLISHED != 0,
            retain_handling: match bits >> 4 {
                0 => RetainHandling::Send,
                1 => RetainHandling::SendIfNew,
                2 => RetainHandling::DoNotSend,
                _ => return Err(DecodeError::InvalidRetainHandling),
            },
        })
    }

    /// The byte of a SUBSCRIBE of MQTT 5.0.
    pub const fn bits(self) -> u8 {
        let no_local = if self.no_local { NO_LOCAL } else { 0 };
        let retain_as_published = if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 };
        self.maximum_qos.bits() | no_local | retain_as_published | (self.retain_handling as u8) << 4
    }
}

/// Whether retained messages are sent when a subscription is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RetainHandling {
    /// Send them at every SUBSCRIBE, as MQTT 3.1.1 does.
    #[default]
    Send = 0,
    /// Send them only where the subscription is new.
    SendIfNew = 1,
    /// Do not send them.
    DoNotSend = 2,
}

fn check_shared_filter(shared: &str) -> Result<(), DecodeError> {
    let (name, filter) = shared.split_once('/').unwrap_or((shared, ""));
    // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    if name.is_empty() || name.contains(['#', '+']) {
        return Err(DecodeError::InvalidShareName);
    }
    // [MQTT-4.8.2-2]
    if filter.is_empty() {
        return Err(DecodeError::MissingSharedFilter);
    }
    // A filter must be plain once it has been taken out of its share.
    if filter.starts_with(SHARE_PREFIX) {
        return Err(DecodeError::NestedSharedSubscription);
    }
    check_plain_filter(filter)
}

fn check_plain_filter(text: &str) -> Result<(), DecodeError> {
    // [MQTT-4.7.3-1]
    if text.is_empty() {
        return Err(DecodeError::EmptyTopicFilter);
    }
    let mut levels = text.split('/');
    for _ in 0..MAX_TOPIC_LEVELS {
        match levels.next() {
            // [MQTT-4.7.1-1]
            Some("#") if levels.next().is_some() => return Err(DecodeError::MisplacedWildcard),
            None | Some("#") => return Ok(()),
            Some("+") => {}
            // [MQTT-4.7.1-2]
            Some(level) if level.bytes().any(|byte| matches!(byte, b'#' | b'+')) => {
                return Err(DecodeError::MisplacedWildcard);
            }
            Some(_) => {}
        }
    }
    if levels.next().is_none() { Ok(()) } else { Err(DecodeError::TooManyTopicFilterLevels) }
}

const SHARE_PREFIX: &str = "$share/";
const MAX_TOPIC_LENGTH: usize = u16::MAX as usize;
const NO_LOCAL: u8 = 0b0100;
const RETAIN_AS_PUBLISHED: u8 = 0b1000;
