//! Topic Names and Topic Filters (section 4.7): text that has been checked once.

use core::fmt;

use crate::primitives::QoS;

/// The most levels that a Topic Name or Topic Filter may have.
pub const MAX_TOPIC_LEVELS: usize = 200;

/// A Topic Name: not empty, without wildcards and NUL, of bounded depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a str);

/// A Topic Filter: not empty, every wildcard at its place, of bounded depth. A filter of a shared
/// subscription keeps its `$share/…/` prefix here; [`TopicFilter::share`] takes it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a str);

/// The name of a shared subscription: not empty, without `/`, `+` and `#` [MQTT-4.8.2-1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareName<'a>(&'a str);

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
