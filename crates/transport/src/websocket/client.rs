//! The side that connects.

use std::io::IoSlice;

use httparse::{EMPTY_HEADER, Response};

use super::close_code::CloseCode;
use super::frames::{Frames, Side};
use super::head::{Collected, HEADER_FIELDS_MAXIMUM, Head};
use super::key;
use super::mask::Secrets;
use super::request::Fields;
use super::settings::SUBPROTOCOLS;
use crate::error::TransportError;
use crate::layer::Layer;

/// Whom a client asks for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSettings {
    host: String,
    path: String,
}

impl ClientSettings {
    /// `host` as it stands in a URL, with the port if it is not the usual one (`example.org:9001`,
    /// `[::1]:9001`), and the path, with the query if there is one (`/mqtt`).
    ///
    /// # Errors
    ///
    /// If one of them cannot stand in a request.
    pub fn new(host: &str, path: &str) -> Result<Self, TransportError> {
        let may_stand = |text: &str| text.bytes().all(|octet| octet.is_ascii_graphic());
        if host.is_empty() || !may_stand(host) {
            return Err(TransportError::websocket(
                "the host must be a name or an address in ASCII, without spaces",
            ));
        }
        if !path.starts_with('/') || !may_stand(path) {
            return Err(TransportError::websocket(
                "the path must begin with / and be ASCII without spaces. Write other characters \
                 percent-encoded",
            ));
        }
        Ok(Self { host: host.to_owned(), path: path.to_owned() })
    }
}

/// The WebSocket layer of a client. The first [`Layer::receive`], which may have no input, asks for
/// the connection: it is to be called when what is below is open.
#[derive(Debug)]
pub struct ClientLayer {
    state: State,
}

#[derive(Debug)]
enum State {
    Start { request: Vec<u8>, accept: String, secrets: Secrets },
    Handshake { head: Head, accept: String, secrets: Secrets },
    Connected(Frames),
    Refused,
}

impl ClientLayer {
    /// A connection on which nothing was sent. From the seed, which nobody else may know, come the
    /// masks of the frames.
    #[must_use]
    pub fn new(settings: &ClientSettings, seed: &[u8; 16]) -> Self {
        let mut secrets = Secrets::new(seed);
        let mut nonce = [0; 16];
        for part in nonce.as_chunks_mut::<8>().0 {
            *part = secrets.next();
        }
        let key = key::key(&nonce);
        let ClientSettings { host, path } = settings;
        // [MQTT-6.0.0-3]
        let [subprotocol, _] = SUBPROTOCOLS;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
        );
        let accept = key::accept(key.as_bytes());
        Self { state: State::Start { request: request.into_bytes(), accept, secrets } }
    }

    /// Says why nothing more will be sent; [`Layer::close`] says that all is well.
    pub fn close_with(&mut self, code: CloseCode, below: &mut Vec<u8>) {
        if let State::Connected(frames) = &mut self.state {
            frames.close(code, below);
        }
    }
}

impl Layer for ClientLayer {
    fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        let mut rest = input;
        // What is left here if the answer is an error.
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Start { request, accept, secrets } => {
                below.extend_from_slice(&request);
                let head = Head::default();
                self.state = State::Handshake { head, accept, secrets };
                if input.is_empty() {
                    return Ok(());
                }
                return self.receive(input, above, below);
            }
            State::Handshake { mut head, accept, secrets } => match head.collect(input) {
                Collected::Part => self.state = State::Handshake { head, accept, secrets },
                Collected::TooLarge => {
                    return Err(TransportError::websocket("the server's answer is not HTTP"));
                }
                Collected::Whole { head, rest: behind } => {
                    check_answer(&head, &accept)?;
                    rest = behind;
                    self.state = State::Connected(Frames::new(Side::Client(secrets)));
                }
            },
            connected @ State::Connected(_) => self.state = connected,
            State::Refused => {}
        }
        match &mut self.state {
            State::Connected(frames) => frames.receive(rest, above, below),
            State::Start { .. } | State::Handshake { .. } | State::Refused => Ok(()),
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
            State::Start { .. } | State::Handshake { .. } => false,
            State::Connected(frames) => frames.has_ended(),
            State::Refused => true,
        }
    }
}

/// Checks that the server has agreed (RFC 6455, 4.1).
fn check_answer(head: &[u8], accept: &str) -> Result<(), TransportError> {
    let mut headers = [EMPTY_HEADER; HEADER_FIELDS_MAXIMUM];
    let mut response = Response::new(&mut headers);
    let code = match response.parse(head) {
        Ok(_) => response.code,
        Err(problem) => {
            return Err(TransportError::websocket(format!(
                "the server's answer is not HTTP ({problem})"
            )));
        }
    };
    if code != Some(101) {
        let code = code.unwrap_or_default();
        let reason: String =
            response.reason.unwrap_or_default().chars().flat_map(char::escape_debug).collect();
        return Err(TransportError::websocket(format!(
            "the server answered {code} {reason}. Check the port and the path of the URL"
        )));
    }
    let fields = Fields(response.headers);
    if !fields.lists("Upgrade", "websocket") || !fields.lists("Connection", "upgrade") {
        return Err(TransportError::websocket(
            "the server did not agree to WebSocket. Check what is between it and us",
        ));
    }
    if fields.first("Sec-WebSocket-Accept") != Some(accept.as_bytes()) {
        return Err(TransportError::websocket(
            "the server's proof is wrong: somebody else has answered, perhaps a cache",
        ));
    }
    if fields.first("Sec-WebSocket-Extensions").is_some_and(|extensions| !extensions.is_empty()) {
        return Err(TransportError::websocket("the server uses an extension that was not offered"));
    }
    // A server that names none means the only one that was offered.
    let [offered, _] = SUBPROTOCOLS;
    match fields.first("Sec-WebSocket-Protocol") {
        None => Ok(()),
        Some(chosen) if chosen == offered.as_bytes() => Ok(()),
        Some(_) => {
            Err(TransportError::websocket("the server chose a subprotocol that was not offered"))
        }
    }
}
