//! What a client asks the server for, in the form in which it can wait.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use ferrymq_codec::{PropertyBuffer, QoS, SubscriptionOptions, TopicFilter, TopicName};

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub(super) topic: Box<str>,
    /// What it says.
    pub payload: Vec<u8>,
    /// The quality of service to send it with.
    pub qos: QoS,
    /// Whether it becomes the topic's retained message.
    pub retain: bool,
    /// Its properties; not sent before MQTT 5.0.
    pub properties: PropertyBuffer,
}

impl Message {
    /// A message that is sent at most once and not retained.
    pub fn new(topic: TopicName<'_>, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: Box::from(topic.as_str()),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            properties: PropertyBuffer::new(),
        }
    }

    /// What it is about.
    pub const fn topic(&self) -> &str {
        &self.topic
    }
}

/// A request for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribe {
    pub(super) filters: Vec<(Box<str>, SubscriptionOptions)>,
    /// Its properties; not sent before MQTT 5.0.
    pub properties: PropertyBuffer,
}

impl Subscribe {
    /// A request for what one filter matches.
    pub fn new(filter: TopicFilter<'_>, options: SubscriptionOptions) -> Self {
        let mut subscribe = Self::default();
        subscribe.push(filter, options);
        subscribe
    }

    /// Asks for what another filter matches, too.
    pub fn push(&mut self, filter: TopicFilter<'_>, options: SubscriptionOptions) {
        self.filters.push((Box::from(filter.as_str()), options));
    }

    /// The filters with their options, in order.
    pub fn filters(&self) -> impl ExactSizeIterator<Item = (&str, SubscriptionOptions)> {
        self.filters.iter().map(|(filter, options)| (&**filter, *options))
    }

    /// The request that makes a subscription once more.
    pub(super) fn renewing(subscription: &Subscription) -> Self {
        Self {
            filters: alloc::vec![(subscription.filter.clone(), subscription.options)],
            properties: subscription.properties.clone(),
        }
    }

    pub(super) fn into_subscriptions(self) -> impl Iterator<Item = Subscription> {
        let properties = self.properties;
        self.filters.into_iter().map(move |(filter, options)| Subscription {
            filter,
            options,
            properties: properties.clone(),
        })
    }
}

/// A subscription that the server has granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub(super) filter: Box<str>,
    pub(super) options: SubscriptionOptions,
    pub(super) properties: PropertyBuffer,
}

impl Subscription {
    /// What it matches.
    pub const fn filter(&self) -> &str {
        &self.filter
    }

    /// What was asked for besides the filter.
    pub const fn options(&self) -> SubscriptionOptions {
        self.options
    }
}

/// A request for fewer messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsubscribe {
    pub(super) filters: Vec<Box<str>>,
    /// Its properties; not sent before MQTT 5.0.
    pub properties: PropertyBuffer,
}

impl Unsubscribe {
    /// The end of one subscription.
    pub fn new(filter: TopicFilter<'_>) -> Self {
        let mut unsubscribe = Self::default();
        unsubscribe.push(filter);
        unsubscribe
    }

    /// Ends another subscription, too.
    pub fn push(&mut self, filter: TopicFilter<'_>) {
        self.filters.push(filter.as_str().to_owned().into_boxed_str());
    }

    /// The filters, in order.
    pub fn filters(&self) -> impl ExactSizeIterator<Item = &str> {
        self.filters.iter().map(|filter| &**filter)
    }
}

/// A request that waits to be sent or acknowledged.
#[derive(Debug)]
pub(super) enum Request<T> {
    Publish {
        message: Message,
        ticket: T,
    },
    /// Without a ticket it renews a subscription that was granted before.
    Subscribe {
        subscribe: Subscribe,
        ticket: Option<T>,
    },
    Unsubscribe {
        unsubscribe: Unsubscribe,
        ticket: T,
    },
}

impl<T> Request<T> {
    /// The quality of service; that of SUBSCRIBE and UNSUBSCRIBE says that they are answered once.
    pub(super) const fn qos(&self) -> QoS {
        match self {
            Self::Publish { message, .. } => message.qos,
            Self::Subscribe { .. } | Self::Unsubscribe { .. } => QoS::AtLeastOnce,
        }
    }

    pub(super) const fn is_publish(&self) -> bool {
        matches!(self, Self::Publish { .. })
    }

    pub(super) const fn is_renewal(&self) -> bool {
        matches!(self, Self::Subscribe { ticket: None, .. })
    }

    pub(super) fn into_ticket(self) -> Option<T> {
        match self {
            Self::Publish { ticket, .. } | Self::Unsubscribe { ticket, .. } => Some(ticket),
            Self::Subscribe { ticket, .. } => ticket,
        }
    }
}
