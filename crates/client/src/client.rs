//! The handle that asks for things.

use ferrymq_codec::{PropertyBuffer, ReasonCode};

use crate::command::Commands;
use crate::error::RequestError;
use crate::request::{Publish, Subscribe, Unsubscribe};

/// A client of an MQTT server. Clones speak for the same client.
#[derive(Clone, Debug)]
pub struct Client {
    commands: Commands,
}

impl Client {
    pub(crate) const fn new(commands: Commands) -> Self {
        Self { commands }
    }

    /// Publishes a message with QoS 0, not retained, unless asked for otherwise before it is
    /// awaited.
    pub fn publish(&self, topic: impl AsRef<str>, payload: impl Into<Vec<u8>>) -> Publish<'_> {
        Publish::new(&self.commands, topic.as_ref(), payload.into())
    }

    /// Subscribes to what a filter matches, with QoS 0 unless asked for otherwise before it is
    /// awaited.
    pub fn subscribe(&self, filter: impl AsRef<str>) -> Subscribe<'_> {
        Subscribe::new(&self.commands, filter.as_ref())
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, filter: impl AsRef<str>) -> Unsubscribe<'_> {
        Unsubscribe::new(&self.commands, filter.as_ref())
    }

    /// Proves anew who the client is, on the open connection, by the method of
    /// [`Builder::authentication`](crate::Builder::authentication). Messages go on meanwhile.
    ///
    /// # Errors
    ///
    /// There is no such method, or no connection. If the server does not believe the client any more,
    /// it ends the connection.
    pub async fn reauthenticate(&self) -> Result<(), RequestError> {
        self.commands.reauthenticate().await
    }

    /// Ends the client: DISCONNECT is sent after what was asked for before, without waiting for
    /// answers, and the connection is closed. Requests without an answer end with
    /// [`RequestError::Closed`].
    pub async fn disconnect(&self) {
        self.disconnect_with(ReasonCode::Success, PropertyBuffer::new()).await;
    }

    /// The same with a reason, which MQTT 5.0 alone can tell: with
    /// [`ReasonCode::DisconnectWithWill`] the server publishes the will.
    pub async fn disconnect_with(&self, reason: ReasonCode, properties: PropertyBuffer) {
        self.commands.disconnect(reason, properties).await;
    }
}
