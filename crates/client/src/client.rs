//! The handle that asks for things.

use std::sync::Arc;

use ferrymq_codec::{PropertyBuffer, ReasonCode};
use ferrymq_protocol::client::{self as machine, Outcome};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::builder::Builder;
use crate::error::RequestError;
use crate::request::{Publish, Subscribe, Unsubscribe};

/// A client of an MQTT server. Clones speak for the same client.
#[derive(Clone, Debug)]
pub struct Client {
    commands: mpsc::UnboundedSender<Command>,
    room: Arc<Semaphore>,
}

/// What the driver is asked for. Requests carry a permit each, which bounds their number.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(machine::Message, Ticket),
    Subscribe(machine::Subscribe, Ticket),
    Unsubscribe(machine::Unsubscribe, Ticket),
    Disconnect(Farewell),
}

/// The end that the user has asked for.
#[derive(Debug)]
pub(crate) struct Farewell {
    pub(crate) reason: ReasonCode,
    pub(crate) properties: PropertyBuffer,
    /// Told when the connection is closed.
    pub(crate) done: oneshot::Sender<()>,
}

/// Who waits for the end of a request.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) reply: oneshot::Sender<Outcome>,
    _permit: OwnedSemaphorePermit,
}

impl Client {
    /// A client of the server at this host name (or address) and port.
    pub fn builder(host: impl Into<Box<str>>, port: u16) -> Builder {
        Builder::new(host.into(), port)
    }

    pub(crate) fn new(commands: mpsc::UnboundedSender<Command>, requests_maximum: usize) -> Self {
        Self { commands, room: Arc::new(Semaphore::new(requests_maximum)) }
    }

    /// Publishes a message with QoS 0, not retained, unless asked for otherwise before it is
    /// awaited.
    pub fn publish(&self, topic: impl AsRef<str>, payload: impl Into<Vec<u8>>) -> Publish<'_> {
        Publish::new(self, topic.as_ref(), payload.into())
    }

    /// Subscribes to what a filter matches, with QoS 0 unless asked for otherwise before it is
    /// awaited.
    pub fn subscribe(&self, filter: impl AsRef<str>) -> Subscribe<'_> {
        Subscribe::new(self, filter.as_ref())
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, filter: impl AsRef<str>) -> Unsubscribe<'_> {
        Unsubscribe::new(self, filter.as_ref())
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
        let (done, is_done) = oneshot::channel();
        let farewell = Farewell { reason, properties, done };
        if self.commands.send(Command::Disconnect(farewell)).is_ok() {
            // Dropped, not sent: either way the client has ended.
            let _ = is_done.await;
        }
    }

    /// Waits for room, and then hands a request to the driver.
    pub(crate) async fn ask(
        &self,
        command: impl FnOnce(Ticket) -> Command,
    ) -> Result<oneshot::Receiver<Outcome>, RequestError> {
        let room = Arc::clone(&self.room);
        let permit = room.acquire_owned().await.map_err(|_| RequestError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket { reply, _permit: permit };
        self.commands.send(command(ticket)).map_err(|_| RequestError::Closed)?;
        Ok(answer)
    }
}
