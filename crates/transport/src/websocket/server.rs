//! The side that is connected to.

use std::io::IoSlice;
use std::sync::Arc;

use super::answer::{self, Refusal};
use super::close_code::CloseCode;
use super::frames::{Frames, Side};
use super::head::{Collected, Head};
use super::request::{self, Verdict};
use super::settings::ServerSettings;
use crate::error::TransportError;
use crate::layer::Layer;

/// The WebSocket layer of a connection that a listener has accepted.
///
/// After a plain request was answered with a page, the layer has ended without ever being open:
/// what is below is to be sent, then the connection is closed.
#[derive(Debug)]
pub struct ServerLayer {
    state: State,
}

#[derive(Debug)]
enum State {
    Handshake {
        head: Head,
        settings: Arc<ServerSettings>,
    },
    Connected(Frames),
    /// A page was served, or the request refused.
    Answered,
}

impl ServerLayer {
    /// A connection on which nothing has come.
    #[must_use]
    pub fn new(settings: Arc<ServerSettings>) -> Self {
        Self { state: State::Handshake { head: Head::default(), settings } }
    }

    /// Says why nothing more will be sent; [`Layer::close`] says that all is well.
    pub fn close_with(&mut self, code: CloseCode, below: &mut Vec<u8>) {
        if let State::Connected(frames) = &mut self.state {
            frames.close(code, below);
        }
    }
}

impl Layer for ServerLayer {
    fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        let rest = match &mut self.state {
            State::Connected(frames) => return frames.receive(input, above, below),
            State::Answered => return Ok(()),
            State::Handshake { head, settings } => {
                if let Some(reason) =
                    head.first().or_else(|| input.first()).copied().and_then(stranger)
                {
                    self.state = State::Answered;
                    return Err(TransportError::websocket(reason));
                }
                let (head, rest) = match head.collect(input) {
                    Collected::Part => return Ok(()),
                    Collected::Whole { head, rest } => (Some(head), rest),
                    Collected::TooLarge => (None, &[][..]),
                };
                let (next, result) = shake_hands(head.as_deref(), settings, below);
                self.state = next;
                result?;
                rest
            }
        };
        match &mut self.state {
            State::Connected(frames) => frames.receive(rest, above, below),
            State::Handshake { .. } | State::Answered => Ok(()),
        }
    }

    fn send(&mut self, pieces: &[IoSlice<'_>], below: &mut Vec<u8>) {
        if let State::Connected(frames) = &mut self.state {
            frames.send(pieces, below);
        }
    }

    fn close(&mut self, below: &mut Vec<u8>) {
        self.close_with(CloseCode::Normal, below);
    }

    fn is_open(&self) -> bool {
        matches!(&self.state, State::Connected(frames) if frames.is_open())
    }

    fn has_ended(&self) -> bool {
        match &self.state {
            State::Handshake { .. } => false,
            State::Connected(frames) => frames.has_ended(),
            State::Answered => true,
        }
    }
}

/// Answers a request, of which the head is absent if it is too large.
fn shake_hands(
    head: Option<&[u8]>,
    settings: &ServerSettings,
    below: &mut Vec<u8>,
) -> (State, Result<(), TransportError>) {
    let verdict = match head {
        Some(head) => request::judge(head, settings),
        None => Verdict::Refusal(Refusal::TooLarge),
    };
    match verdict {
        Verdict::Upgrade { key, subprotocol } => {
            answer::switch(key, subprotocol, below);
            (State::Connected(Frames::new(Side::Server)), Ok(()))
        }
        Verdict::Page { page, is_head } => {
            answer::serve(&page, is_head, below);
            (State::Answered, Ok(()))
        }
        Verdict::Refusal(refusal) => {
            answer::refuse(&refusal, below);
            (State::Answered, Err(TransportError::websocket(refusal.to_string())))
        }
    }
}

/// What a peer speaks whose first octet begins no request. It would not understand an answer.
fn stranger(first: u8) -> Option<&'static str> {
    match first {
        b'A'..=b'Z' | b'a'..=b'z' => None,
        0x10 => Some(
            "the client speaks MQTT without WebSocket. Connect it to a listener of protocol mqtt, \
             or let it use ws:// or wss://",
        ),
        0x16 => Some(
            "the client speaks TLS, but this listener has no certificate. Let the client use \
             ws://, or configure certfile and keyfile",
        ),
        _ => Some("this is not HTTP. Connect with an MQTT client to ws:// or wss://"),
    }
}
