//! What the driver of a client is asked for, and the way there.

use std::sync::Arc;

use ferrymq_codec::{PropertyBuffer, ReasonCode};
use ferrymq_protocol::client::{self as machine, Outcome};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::error::RequestError;

/// The way to the driver. Clones share the room for unfinished requests.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    sender: mpsc::UnboundedSender<Command>,
    room: Arc<Semaphore>,
}

/// What the driver is asked for. Requests carry a permit each, which bounds their number.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(machine::Message, Ticket),
    Subscribe(machine::Subscribe, Ticket),
    Unsubscribe(machine::Unsubscribe, Ticket),
    Reauthenticate(oneshot::Sender<Result<(), RequestError>>),
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

impl Commands {
    pub(crate) fn new(sender: mpsc::UnboundedSender<Command>, requests_maximum: usize) -> Self {
        Self { sender, room: Arc::new(Semaphore::new(requests_maximum)) }
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
        self.sender.send(command(ticket)).map_err(|_| RequestError::Closed)?;
        Ok(answer)
    }

    /// Has the client authenticate itself anew, and waits for the end of that.
    pub(crate) async fn reauthenticate(&self) -> Result<(), RequestError> {
        let (reply, is_done) = oneshot::channel();
        let command = Command::Reauthenticate(reply);
        self.sender.send(command).map_err(|_| RequestError::Closed)?;
        is_done.await.map_err(|_| RequestError::Closed)?
    }

    /// Ends the client, and waits until it has ended.
    pub(crate) async fn disconnect(&self, reason: ReasonCode, properties: PropertyBuffer) {
        let (done, is_done) = oneshot::channel();
        let farewell = Farewell { reason, properties, done };
        if self.sender.send(Command::Disconnect(farewell)).is_ok() {
            // Dropped, not sent: either way the client has ended.
            let _ = is_done.await;
        }
    }
}
