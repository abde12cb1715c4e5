//! The layers of one connection, put together.

use std::io::IoSlice;
use std::sync::Arc;

use crate::error::TransportError;
use crate::layer::Layer;
use crate::proxy::{self, HeaderReader, Proxied};
use crate::{tls, websocket};

/// The server's end of a connection.
pub type ServerStack = Stack<tls::ServerLayer, websocket::ServerLayer>;

/// What stands between the sockets of a listener and MQTT. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct ServerTransport {
    /// What a proxy says first.
    pub proxy: Option<proxy::ServerSettings>,
    /// TLS.
    pub tls: Option<tls::ServerSettings>,
    /// WebSocket.
    pub websocket: Option<Arc<websocket::ServerSettings>>,
}

impl ServerTransport {
    /// Whether connections are plain MQTT from their first byte on.
    pub const fn is_plain(&self) -> bool {
        self.proxy.is_none() && self.tls.is_none() && self.websocket.is_none()
    }

    /// The layers for a connection that was accepted; `None`: it needs none.
    ///
    /// # Errors
    ///
    /// [`TransportError`]: the operating system gives no random bytes.
    pub fn open(&self) -> Result<Option<ServerStack>, TransportError> {
        if self.is_plain() {
            return Ok(None);
        }
        let tls = self.tls.as_ref().map(tls::ServerLayer::new).transpose()?;
        let websocket = self.websocket.as_ref().map(Arc::clone).map(websocket::ServerLayer::new);
        Ok(Some(Stack::server(self.proxy, tls, websocket)))
    }
}

/// What stands between one socket and MQTT: a PROXY header, then TLS, then WebSocket, each only if
/// the connection has it.
///
/// It is a [`Layer`] itself, so that whoever drives it knows one machine. `T` is a side of TLS and
/// `W` a side of WebSocket.
pub struct Stack<T, W> {
    header: Option<HeaderReader>,
    proxied: Option<Proxied>,
    /// Apart, because it is several times as large as everything else here.
    tls: Option<Box<T>>,
    websocket: Option<W>,
    /// What the upper layer says first, until the lower one is open.
    first_words: Vec<u8>,
}

impl<T: Layer, W: Layer> Stack<T, W> {
    /// The server's end of a connection.
    pub fn server(
        proxy: Option<proxy::ServerSettings>,
        tls: Option<T>,
        websocket: Option<W>,
    ) -> Self {
        let header = proxy.map(HeaderReader::new);
        let tls = tls.map(Box::new);
        Self { header, proxied: None, tls, websocket, first_words: Vec::new() }
    }

    /// The client's end of a connection. `first_words` is what `websocket` says first.
    pub fn client(tls: Option<T>, websocket: Option<W>, first_words: Vec<u8>) -> Self {
        let tls = tls.map(Box::new);
        Self { header: None, proxied: None, tls, websocket, first_words }
    }

    /// What a proxy has said of the client, once it has.
    pub const fn proxied(&self) -> Option<&Proxied> {
        self.proxied.as_ref()
    }

    /// The connection's TLS, if it has one.
    pub fn tls(&self) -> Option<&T> {
        self.tls.as_deref()
    }

    /// Whether the next bytes belong to a TLS handshake, a step of which costs as much as thousands
    /// of messages.
    pub fn is_costly(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.is_open() && !tls.has_ended())
    }

    /// Says that nothing more will be sent, where the upper layer has these words for it.
    fn close_saying(&mut self, words: impl FnOnce(&mut W, &mut Vec<u8>), below: &mut Vec<u8>) {
        let mut farewell = Vec::new();
        if let Some(websocket) = &mut self.websocket {
            words(websocket, &mut farewell);
        }
        match &mut self.tls {
            Some(tls) => {
                send_through(&mut **tls, &farewell, below);
                tls.close(below);
            }
            None => below.append(&mut farewell),
        }
    }

    /// Whether it has done all that it had to do, so that from now on it may be left out.
    pub const fn is_done(&self) -> bool {
        self.header.is_none() && self.tls.is_none() && self.websocket.is_none()
    }
}

impl<T: Layer> Stack<T, websocket::ServerLayer> {
    /// Says that nothing more will be sent, and to who speaks WebSocket also why.
    pub fn close_with(&mut self, code: websocket::CloseCode, below: &mut Vec<u8>) {
        self.close_saying(|websocket, farewell| websocket.close_with(code, farewell), below);
    }
}

impl<T: Layer, W: Layer> Layer for Stack<T, W> {
    fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        let mut input = input;
        if let Some(header) = &mut self.header {
            let Some((proxied, rest)) = header.read(input)? else {
                return Ok(());
            };
            self.proxied = Some(proxied);
            self.header = None;
            input = rest;
        }
        match (&mut self.tls, &mut self.websocket) {
            (None, None) => above.extend_from_slice(input),
            (None, Some(websocket)) => {
                below.append(&mut self.first_words);
                websocket.receive(input, above, below)?;
            }
            (Some(tls), None) => tls.receive(input, above, below)?,
            (Some(tls), Some(websocket)) => {
                let mut between = Vec::new();
                let received = tls.receive(input, &mut between, below);
                let mut answers = Vec::new();
                if tls.is_open() {
                    answers.append(&mut self.first_words);
                }
                let understood = match between.is_empty() {
                    true => Ok(()),
                    false => websocket.receive(&between, above, &mut answers),
                };
                send_through(&mut **tls, &answers, below);
                received.and(understood)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, pieces: &[IoSlice<'_>], below: &mut Vec<u8>) {
        match (&mut self.tls, &mut self.websocket) {
            (None, None) => pieces.iter().for_each(|piece| below.extend_from_slice(piece)),
            (None, Some(websocket)) => websocket.send(pieces, below),
            (Some(tls), None) => tls.send(pieces, below),
            (Some(tls), Some(websocket)) => {
                let mut between = Vec::new();
                websocket.send(pieces, &mut between);
                send_through(&mut **tls, &between, below);
            }
        }
    }

    fn close(&mut self, below: &mut Vec<u8>) {
        self.close_saying(W::close, below);
    }

    fn is_open(&self) -> bool {
        self.header.is_none()
            && self.tls.as_ref().is_none_or(|tls| tls.is_open())
            && self.websocket.as_ref().is_none_or(Layer::is_open)
    }

    fn has_ended(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_ended())
            || self.websocket.as_ref().is_some_and(Layer::has_ended)
    }
}

/// Sends bytes of the upper layer, if there are any and they can still be sent.
fn send_through(lower: &mut impl Layer, bytes: &[u8], below: &mut Vec<u8>) {
    if !bytes.is_empty() && lower.is_open() {
        lower.send(&[IoSlice::new(bytes)], below);
    }
}
