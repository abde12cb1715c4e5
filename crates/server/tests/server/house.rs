//! A broker with a configuration and the files that it names.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use ferrymq_access::password::{Hash, Scheme};
use ferrymq_broker::Metrics;
use ferrymq_server::configuration::{Configuration, Sources, read};
use ferrymq_server::{Reload, ServeOptions, Server};
use tempfile::TempDir;

use crate::peer::{Peer, Version, connect_as};

/// A broker with the files that it was started with.
pub(crate) struct House {
    directory: TempDir,
    server: Option<Server>,
    ports: Vec<u16>,
}

impl House {
    /// A broker with this configuration. `{}` is the directory of its files, and `PORT0`, `PORT1` …
    /// are free ports.
    pub(crate) fn new(configuration: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sockets: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        let mut house = Self { directory, server: None, ports };
        for (name, text) in files {
            house.write(name, text);
        }
        house.configure(configuration);
        drop(sockets);
        let options = house.read().serve_options(None).unwrap();
        let options = ServeOptions { shards: NonZeroU16::new(2), ..options };
        house.server = Some(Server::start(options).unwrap());
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn configure(&self, text: &str) {
        let mut text = text.replace("{}", self.directory.path().to_str().unwrap());
        for (number, port) in self.ports.iter().enumerate() {
            text = text.replace(&format!("PORT{number}"), &format!("{port} 127.0.0.1"));
        }
        self.write("ferrymq.conf", &format!("persistence false\n{text}"));
    }

    fn read(&self) -> Configuration {
        let sources = Sources { file: Some(self.path("ferrymq.conf")), ..Sources::default() };
        read(&sources).unwrap_or_else(|rejected| panic!("{rejected}"))
    }

    /// What the program does when it is told that something has changed.
    pub(crate) fn reload(&self) -> Result<(), String> {
        let configuration = self.read();
        let policy = configuration.policy().load().map_err(|error| error.to_string())?;
        let (limits, sockets) = (configuration.limits(), configuration.sockets());
        let listen = configuration.listen().unwrap();
        let reload = Reload { listen, limits, sockets, policy: Some(policy) };
        self.server.as_ref().unwrap().reload(reload).map_err(|error| error.to_string())
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        self.server.as_ref().unwrap().directory().metrics()
    }

    pub(crate) fn address(&self, listener: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[listener]))
    }

    /// The reason in CONNACK for somebody who says this of himself.
    pub(crate) fn knock(&self, listener: usize, version: Version, who: Credentials<'_>) -> u8 {
        let mut peer = Peer::open(self.address(listener));
        peer.send(&connect_as(version, "client", who.0, who.1.map(str::as_bytes)));
        let packet = peer.receive().expect("CONNACK comes before the end");
        assert_eq!((packet[0], packet[2]), (0x20, 0), "{packet:02x?}");
        packet[3]
    }

    /// Somebody who is let in at the first listener.
    pub(crate) fn enter(&self, client_id: &str, who: Credentials<'_>) -> Peer {
        let mut peer = Peer::open(self.address(0));
        peer.send(&connect_as(Version::V5, client_id, who.0, who.1.map(str::as_bytes)));
        peer.expect_connack();
        peer
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
            server.join().expect("no part of the broker crashes");
        }
    }
}

/// A user name and a password.
pub(crate) type Credentials<'a> = (Option<&'a str>, Option<&'a str>);

/// A line of a password file. So few iterations are for tests alone.
pub(crate) fn user(name: &str, password: &str) -> String {
    let scheme = Scheme::pbkdf2(NonZeroU32::new(2).unwrap());
    let hash = Hash::make(scheme, password.as_bytes(), b"a salt of 16 by").unwrap();
    format!("{name}:{}\n", *hash.to_text())
}
