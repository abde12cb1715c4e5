//! The exchange of a connection, as its driver carries it through.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::authentication::{Authentication, AuthenticationError, Exchange};
use crate::error::RequestError;

/// The exchange of a connection. Only one is under way at a time.
pub(crate) struct Conversation {
    authentication: Option<Arc<dyn Authentication>>,
    turn: Turn,
    /// Who waits until the client has authenticated itself anew.
    waiting: Vec<oneshot::Sender<Result<(), RequestError>>>,
}

/// Whose turn it is.
enum Turn {
    /// Nobody's: no exchange is under way.
    Nobody,
    /// The server's.
    Server(Box<dyn Exchange>),
    /// Ours: the answer is being computed.
    Client(JoinHandle<Thought>),
}

/// An exchange, and what it answers.
type Thought = (Box<dyn Exchange>, Result<Vec<u8>, AuthenticationError>);

impl Conversation {
    pub(crate) const fn new(authentication: Option<Arc<dyn Authentication>>) -> Self {
        Self { authentication, turn: Turn::Nobody, waiting: Vec::new() }
    }

    /// Whether the client has a method.
    pub(crate) const fn has_method(&self) -> bool {
        self.authentication.is_some()
    }

    /// Begins an exchange; the data that goes to the server.
    pub(crate) fn begin(&mut self) -> Result<Option<Vec<u8>>, AuthenticationError> {
        let Some(authentication) = &self.authentication else {
            return Ok(None);
        };
        let mut exchange = authentication.begin();
        let first = exchange.first()?;
        self.turn = Turn::Server(exchange);
        Ok(Some(first).filter(|first| !first.is_empty()))
    }

    /// Somebody waits for the end of an exchange on the open connection. Whether it is to begin.
    pub(crate) fn wait(&mut self, reply: oneshot::Sender<Result<(), RequestError>>) -> bool {
        let is_under_way = !self.waiting.is_empty();
        self.waiting.push(reply);
        !is_under_way
    }

    /// The server has said this, and wants an answer.
    pub(crate) fn ask(&mut self, data: Option<&[u8]>) -> Result<(), AuthenticationError> {
        let Turn::Server(mut exchange) = std::mem::replace(&mut self.turn, Turn::Nobody) else {
            return Err(AuthenticationError::new(
                "the server asks for more authentication data, and the client has no method that \
                 answers it",
            ));
        };
        let data = data.unwrap_or_default().to_vec();
        self.turn = Turn::Client(spawn_blocking(move || {
            let answer = exchange.answer(&data);
            (exchange, answer)
        }));
        Ok(())
    }

    /// The answer, when it is computed; never if there is none to compute. Nothing is lost when the
    /// future is dropped.
    pub(crate) async fn answer(&mut self) -> Result<Option<Vec<u8>>, AuthenticationError> {
        let Turn::Client(thought) = &mut self.turn else {
            return std::future::pending().await;
        };
        let thought = thought.await;
        self.turn = Turn::Nobody;
        // It has panicked, or the runtime is going down.
        let (exchange, answer) = thought.map_err(AuthenticationError::new)?;
        self.turn = Turn::Server(exchange);
        answer.map(|answer| Some(answer).filter(|answer| !answer.is_empty()))
    }

    /// The server has accepted the client, and says this with it.
    pub(crate) fn finish(&mut self, data: Option<&[u8]>) -> Result<(), AuthenticationError> {
        match std::mem::replace(&mut self.turn, Turn::Nobody) {
            Turn::Server(mut exchange) => exchange.finish(data.unwrap_or_default())?,
            Turn::Client(_) => {
                return Err(AuthenticationError::new("the server did not wait for the answer"));
            }
            Turn::Nobody => {}
        }
        for waiting in self.waiting.drain(..) {
            // Nobody has to wait.
            let _ = waiting.send(Ok(()));
        }
        Ok(())
    }

    /// The connection has ended, and with it the exchange.
    pub(crate) fn end(&mut self) {
        self.turn = Turn::Nobody;
        for waiting in self.waiting.drain(..) {
            let _ = waiting.send(Err(RequestError::NotAuthenticated));
        }
    }
}
