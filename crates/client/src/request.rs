//! Requests: described step by step, sent when they are awaited, answered by the server.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use ferrymq_codec::{
    Property, PropertyBuffer, QoS, ReasonCode, RetainHandling, SubscriptionOptions, TopicFilter,
    TopicName,
};
use ferrymq_protocol::client::{self as machine, Outcome};
use tokio::sync::oneshot;

use crate::command::{Command, Commands};
use crate::error::RequestError;

/// A message that is published when this is awaited. Its result is the reason code of success.
#[must_use = "nothing is published until this is awaited or sent"]
#[derive(Debug)]
pub struct Publish<'c> {
    commands: &'c Commands,
    message: Result<machine::Message, RequestError>,
}

impl<'c> Publish<'c> {
    pub(crate) fn new(commands: &'c Commands, topic: &str, payload: Vec<u8>) -> Self {
        let message = TopicName::parse(topic)
            .map(|topic| machine::Message::new(topic, payload))
            .map_err(RequestError::from);
        Self { commands, message }
    }

    /// The quality of service to send it with.
    pub fn qos(mut self, qos: QoS) -> Self {
        if let Ok(message) = &mut self.message {
            message.qos = qos;
        }
        self
    }

    /// Makes it the topic's retained message.
    pub fn retain(self) -> Self {
        self.retained(true)
    }

    /// Whether it becomes the topic's retained message.
    pub fn retained(mut self, retain: bool) -> Self {
        if let Ok(message) = &mut self.message {
            message.retain = retain;
        }
        self
    }

    /// Adds a property; not sent before MQTT 5.0.
    pub fn property(mut self, property: Property<'_>) -> Self {
        if let Ok(message) = &mut self.message
            && let Err(error) = message.properties.push(property)
        {
            self.message = Err(error.into());
        }
        self
    }

    /// Replaces all properties; not sent before MQTT 5.0.
    pub fn properties(mut self, properties: PropertyBuffer) -> Self {
        if let Ok(message) = &mut self.message {
            message.properties = properties;
        }
        self
    }

    /// Hands the message over, waiting only for room among the requests. The answer can be awaited
    /// later, and many messages can be on their way at once.
    ///
    /// # Errors
    ///
    /// An invalid topic or property, or the client has ended.
    pub async fn send(self) -> Result<Pending, RequestError> {
        let message = self.message?;
        let answer = self.commands.ask(|ticket| Command::Publish(message, ticket)).await?;
        Ok(Pending { answer })
    }
}

impl<'c> IntoFuture for Publish<'c> {
    type Output = Result<ReasonCode, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.send().await?.await })
    }
}

/// The answer to a message: QoS 0, it was written; QoS 1 and 2, the server has it.
#[must_use = "whether the server has the message is known when this is awaited"]
#[derive(Debug)]
pub struct Pending {
    answer: oneshot::Receiver<Outcome>,
}

impl Future for Pending {
    type Output = Result<ReasonCode, RequestError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|outcome| match outcome {
            Ok(Outcome::Published(reason)) if reason.is_error() => {
                Err(RequestError::Refused(reason))
            }
            Ok(Outcome::Published(reason)) => Ok(reason),
            Ok(Outcome::Failed(error)) => Err(error.into()),
            Ok(Outcome::Subscribed(_) | Outcome::Unsubscribed(_)) | Err(_) => {
                Err(RequestError::Closed)
            }
        })
    }
}

/// A request for messages that is sent when this is awaited. Its result is a reason code for each
/// filter, in order: the granted QoS, or why it was refused.
#[must_use = "nothing is subscribed to until this is awaited"]
#[derive(Debug)]
pub struct Subscribe<'c> {
    commands: &'c Commands,
    filters: Vec<String>,
    options: SubscriptionOptions,
    properties: Result<PropertyBuffer, RequestError>,
}

impl<'c> Subscribe<'c> {
    pub(crate) fn new(commands: &'c Commands, filter: &str) -> Self {
        Self {
            commands,
            filters: vec![filter.to_owned()],
            options: SubscriptionOptions::default(),
            properties: Ok(PropertyBuffer::new()),
        }
    }

    /// Adds another filter to the same request, with the same options.
    pub fn and(mut self, filter: impl AsRef<str>) -> Self {
        self.filters.push(filter.as_ref().to_owned());
        self
    }

    /// The highest quality of service that messages are to come with.
    pub const fn qos(mut self, qos: QoS) -> Self {
        self.options.maximum_qos = qos;
        self
    }

    /// Leaves out the messages of this client itself; not in use before MQTT 5.0.
    pub const fn no_local(mut self) -> Self {
        self.options.no_local = true;
        self
    }

    /// Keeps the RETAIN flag of messages as it was published; not in use before MQTT 5.0.
    pub const fn retain_as_published(mut self) -> Self {
        self.options.retain_as_published = true;
        self
    }

    /// Whether retained messages are sent at once; not in use before MQTT 5.0.
    pub const fn retain_handling(mut self, retain_handling: RetainHandling) -> Self {
        self.options.retain_handling = retain_handling;
        self
    }

    /// Adds a property; not sent before MQTT 5.0.
    pub fn property(mut self, property: Property<'_>) -> Self {
        if let Ok(properties) = &mut self.properties
            && let Err(error) = properties.push(property)
        {
            self.properties = Err(error.into());
        }
        self
    }

    /// Replaces all properties; not sent before MQTT 5.0.
    pub fn properties(mut self, properties: PropertyBuffer) -> Self {
        self.properties = Ok(properties);
        self
    }

    async fn send(self) -> Result<Vec<ReasonCode>, RequestError> {
        let mut subscribe = machine::Subscribe::default();
        for filter in &self.filters {
            subscribe.push(TopicFilter::parse(filter)?, self.options);
        }
        subscribe.properties = self.properties?;
        let answer = self.commands.ask(|ticket| Command::Subscribe(subscribe, ticket)).await?;
        reasons(answer).await
    }
}

impl<'c> IntoFuture for Subscribe<'c> {
    type Output = Result<Vec<ReasonCode>, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The end of subscriptions, asked for when this is awaited. Its result is a reason code for each
/// filter, in order.
#[must_use = "nothing is unsubscribed from until this is awaited"]
#[derive(Debug)]
pub struct Unsubscribe<'c> {
    commands: &'c Commands,
    filters: Vec<String>,
    properties: PropertyBuffer,
}

impl<'c> Unsubscribe<'c> {
    pub(crate) fn new(commands: &'c Commands, filter: &str) -> Self {
        Self { commands, filters: vec![filter.to_owned()], properties: PropertyBuffer::new() }
    }

    /// Adds another filter to the same request.
    pub fn and(mut self, filter: impl AsRef<str>) -> Self {
        self.filters.push(filter.as_ref().to_owned());
        self
    }

    /// Replaces all properties; not sent before MQTT 5.0.
    pub fn properties(mut self, properties: PropertyBuffer) -> Self {
        self.properties = properties;
        self
    }

    async fn send(self) -> Result<Vec<ReasonCode>, RequestError> {
        let mut unsubscribe = machine::Unsubscribe::default();
        for filter in &self.filters {
            unsubscribe.push(TopicFilter::parse(filter)?);
        }
        unsubscribe.properties = self.properties;
        let answer = self.commands.ask(|ticket| Command::Unsubscribe(unsubscribe, ticket)).await?;
        reasons(answer).await
    }
}

impl<'c> IntoFuture for Unsubscribe<'c> {
    type Output = Result<Vec<ReasonCode>, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'c>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

async fn reasons(answer: oneshot::Receiver<Outcome>) -> Result<Vec<ReasonCode>, RequestError> {
    match answer.await {
        Ok(Outcome::Subscribed(reasons) | Outcome::Unsubscribed(reasons)) => Ok(reasons),
        Ok(Outcome::Failed(error)) => Err(error.into()),
        Ok(Outcome::Published(_)) | Err(_) => Err(RequestError::Closed),
    }
}
