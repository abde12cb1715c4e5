//! A client's socket with layers: what is written goes down through TLS and WebSocket, what is read
//! has come up through them.

use std::io::{self, IoSlice, Read, Write};

use ferrymq_transport::{Layer, Stack, tls, websocket};

use crate::peer::Socket;

/// A client's layers.
pub(crate) type ClientStack = Stack<tls::ClientLayer, websocket::ClientLayer>;

/// A socket below its layers.
pub(crate) struct Tunnel<S> {
    socket: S,
    stack: ClientStack,
    above: Vec<u8>,
}

impl<S: Socket> Tunnel<S> {
    /// Shakes hands. `header` goes in front of everything.
    pub(crate) fn open(
        mut socket: S,
        header: &[u8],
        tls: Option<&tls::ClientSettings>,
        is_websocket: bool,
    ) -> io::Result<Self> {
        socket.set_patience();
        let mut below = header.to_vec();
        let tls = tls
            .map(|settings| tls::ClientLayer::new(settings, "localhost", &mut below))
            .transpose()
            .map_err(io::Error::other)?;
        let mut first_words = Vec::new();
        let websocket = is_websocket.then(|| {
            let settings = websocket::ClientSettings::new("localhost", "/mqtt").unwrap();
            let mut layer = websocket::ClientLayer::new(&settings, &[7; 16]);
            layer.receive(&[], &mut Vec::new(), &mut first_words).unwrap();
            layer
        });
        if tls.is_none() {
            below.append(&mut first_words);
        }
        let stack = Stack::client(tls, websocket, first_words);
        socket.write_all(&below)?;
        let mut tunnel = Self { socket, stack, above: Vec::new() };
        while !tunnel.stack.is_open() {
            if tunnel.read_more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(tunnel)
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = self.socket.read(&mut buffer)?;
        let mut below = Vec::new();
        let received = self.stack.receive(&buffer[..count], &mut self.above, &mut below);
        // A server that closes may not want to hear that we have understood.
        let _sent = self.socket.write_all(&below);
        received.map_err(io::Error::other)?;
        Ok(count)
    }
}

impl<S: Socket> Read for Tunnel<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.above.is_empty() {
            if self.read_more()? == 0 {
                let said = self.stack.has_ended() || self.stack.is_done();
                assert!(said, "the broker closed without a word");
                return Ok(0);
            }
        }
        let count = self.above.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.above[..count]);
        self.above.drain(..count);
        Ok(count)
    }
}

impl<S: Socket> Write for Tunnel<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut below = Vec::new();
        self.stack.send(&[IoSlice::new(bytes)], &mut below);
        self.socket.write_all(&below)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl<S: Socket> Socket for Tunnel<S> {
    fn set_patience(&self) {
        self.socket.set_patience();
    }

    fn close_write(&mut self) {
        let mut below = Vec::new();
        self.stack.close(&mut below);
        self.socket.write_all(&below).unwrap();
        self.socket.close_write();
    }
}
