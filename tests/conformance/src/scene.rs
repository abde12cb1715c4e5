//! What one row plays on: a target, a version, and names that no other row uses.
//!
//! Client Identifiers and topics of a scene are made of its tag, so that rows can run beside one
//! another, and again, on one server.

use std::rc::Rc;
use std::time::Duration;

use crate::peer::Peer;
use crate::property::{self, SESSION_EXPIRY_INTERVAL};
use crate::transport::Target;
use crate::verdict::{Failure, Verdict, ensure, ensure_same};
use crate::wire::{ConnAck, Connect, Kind, Publish, Version};

/// The stage of one row.
pub struct Scene {
    pub(crate) target: Rc<dyn Target>,
    pub(crate) version: Version,
    tag: String,
    connections: u32,
}

impl Scene {
    /// A stage on this target; the tag has to be alphanumeric, short and unique to the row.
    pub(crate) fn new(target: Rc<dyn Target>, version: Version, tag: String) -> Self {
        Self { target, version, tag, connections: 0 }
    }

    /// The Client Identifier of this name, the same each time.
    pub(crate) fn client_id(&self, name: &str) -> String {
        format!("{}{name}", self.tag)
    }

    /// A topic below the one that only this scene uses.
    pub(crate) fn topic(&self, rest: &str) -> String {
        format!("{}/{rest}", self.tag)
    }

    /// A message to a topic of this scene.
    pub(crate) fn message(&self, topic: &str, payload: &str) -> Publish {
        Publish::new(self.topic(topic), payload)
    }

    pub(crate) fn now(&self) -> Duration {
        self.target.now()
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.target.advance(time);
    }

    /// A Network Connection on which nothing has been sent.
    pub(crate) fn open(&self) -> Verdict<Peer> {
        Peer::new(Rc::clone(&self.target), self.version)
    }

    /// A CONNECT packet of a client that has not been here before, with a session of its own.
    pub(crate) fn new_client(&mut self) -> Connect {
        self.connections += 1;
        Connect::new(self.version, self.client_id(&format!("n{}", self.connections)))
    }

    /// A CONNECT packet of the client of this name whose session outlives the connection.
    pub(crate) fn lasting(&self, name: &str) -> Connect {
        let connect = Connect::new(self.version, self.client_id(name)).resume();
        if self.version.is_v5() {
            connect.with(property::four(SESSION_EXPIRY_INTERVAL, 3600))
        } else {
            connect
        }
    }

    /// Connects a new client.
    pub(crate) fn connect(&mut self) -> Verdict<Peer> {
        let connect = self.new_client();
        self.connect_with(&connect)
    }

    /// Connects; the server has to accept.
    pub(crate) fn connect_with(&self, connect: &Connect) -> Verdict<Peer> {
        Ok(self.connack(connect)?.0)
    }

    /// Connects; the server has to accept, and says this.
    pub(crate) fn connack(&self, connect: &Connect) -> Verdict<(Peer, ConnAck)> {
        let (peer, connack) = self.connect_anyhow(connect)?;
        ensure_same("the reason of the CONNACK", connack.reason, 0)?;
        Ok((peer, connack))
    }

    /// Connects; the server has to answer, yes or no.
    pub(crate) fn connect_anyhow(&self, connect: &Connect) -> Verdict<(Peer, ConnAck)> {
        let mut peer = self.open()?;
        peer.maximum_packet_size =
            connect.properties.iter().find_map(|property| match property.value {
                property::Value::Four(size) if property.id == property::MAXIMUM_PACKET_SIZE => {
                    usize::try_from(size).ok()
                }
                _ => None,
            });
        peer.send(&connect.bytes());
        let packet = peer.next_within(crate::peer::PATIENCE)?;
        let packet = packet.ok_or_else(|| Failure::new("closed instead of a CONNACK"))?;
        ensure(packet.kind == Kind::ConnAck, format!("{:?} before the CONNACK", packet.kind))?;
        let connack = packet.connack(self.version)?;
        Ok((peer, connack))
    }

    /// Connects and expects to go on with a session that the server has kept.
    pub(crate) fn resume(&self, connect: &Connect) -> Verdict<Peer> {
        let (peer, connack) = self.connack(connect)?;
        // MQTT 3.1 has no such flag.
        let told = self.version != Version::V3_1;
        ensure(!told || connack.session_present(), "the session is not there any more")?;
        Ok(peer)
    }

    /// Sends each of these, after a CONNECT, on a connection of its own, which has to be closed.
    pub(crate) fn each_closes(&mut self, cases: &[(&str, Vec<u8>)]) -> Verdict {
        for (case, bytes) in cases {
            let mut peer = self.connect()?;
            peer.send(bytes);
            peer.expect_closed().map_err(|failure| failure.during(case))?;
        }
        Ok(())
    }

    /// Sends each of these on a connection of its own, which has to be closed without success.
    pub(crate) fn each_opening_closes(&mut self, cases: &[(&str, Vec<u8>)]) -> Verdict {
        for (case, bytes) in cases {
            let mut peer = self.open()?;
            peer.send(bytes);
            peer.expect_closed().map_err(|failure| failure.during(case))?;
        }
        Ok(())
    }
}
