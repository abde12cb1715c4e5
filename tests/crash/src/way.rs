//! How clients come to the broker: over TCP, with TLS, WebSocket or both above it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ferrymq_transport::tls::{ClientOptions, ClientSettings};
use ferrymq_transport::{Layer, Stack, tls, websocket};

use crate::binary::binary;

/// What carries MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP and nothing else.
    #[default]
    Tcp,
    /// TLS.
    Tls,
    /// WebSocket.
    WebSocket,
    /// WebSocket over TLS.
    SecureWebSocket,
}

impl Transport {
    /// Whether it speaks TLS.
    pub const fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::SecureWebSocket)
    }

    /// Whether it speaks WebSocket.
    pub const fn has_websocket(self) -> bool {
        matches!(self, Self::WebSocket | Self::SecureWebSocket)
    }
}

/// A certificate for a broker on this machine.
#[derive(Clone, Debug)]
pub struct Certificate {
    directory: PathBuf,
}

impl Certificate {
    /// Lets the program make an authority, and a certificate of it, in a directory that it makes, too.
    ///
    /// # Panics
    /// When the program does not do it.
    pub fn make(directory: &Path) -> Self {
        let certificate = Self { directory: directory.to_owned() };
        let place = certificate.directory.as_os_str();
        for (words, then) in [(["ca", "--out"], None), (["server", "--ca"], Some(HOST))] {
            let mut command = Command::new(binary());
            command.arg("cert").args(words).arg(place).args(then);
            let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            assert!(output.status.success(), "{command:?}: {output:?}");
        }
        certificate
    }

    /// The certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.join("server.crt")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.directory.join("server.key")
    }

    /// What a client needs to believe it.
    pub(crate) fn trust(&self) -> ClientSettings {
        let ca_file = Some(self.directory.join("ca.crt"));
        let options = ClientOptions { ca_file, ..ClientOptions::default() };
        ClientSettings::load(&options).expect("the authority was just made")
    }
}

/// A client's end of the layers of a connection.
pub(crate) type ClientStack = Stack<tls::ClientLayer, websocket::ClientLayer>;

/// Where the broker listens, and for what.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) port: u16,
    pub(crate) transport: Transport,
    pub(crate) trust: ClientSettings,
}

impl Way {
    /// The layers for a new connection, if there are any. What they say first is appended to `below`.
    pub(crate) fn open(&self, below: &mut Vec<u8>) -> Option<ClientStack> {
        if self.transport == Transport::Tcp {
            return None;
        }
        let tls = self.transport.has_tls().then(|| {
            tls::ClientLayer::new(&self.trust, HOST, below).expect("the system has chance")
        });
        let mut first_words = Vec::new();
        let websocket = self.transport.has_websocket().then(|| {
            let settings = websocket::ClientSettings::new(HOST, "/mqtt").expect("a host");
            // Who guesses the masks does no harm here.
            let mut layer = websocket::ClientLayer::new(&settings, &[7; 16]);
            layer.receive(&[], &mut Vec::new(), &mut first_words).expect("nothing has come");
            layer
        });
        if tls.is_none() {
            below.append(&mut first_words);
        }
        Some(Stack::client(tls, websocket, first_words))
    }
}

const HOST: &str = "localhost";
