//! One scripted Network Connection: it sends bytes and says what has to come back.
//!
//! A PUBLISH may come at any moment, so waiting for another packet sets PUBLISH packets aside, in
//! order, for [`Peer::expect_publish`] and [`Peer::drain`]. That nothing comes is proven by what
//! comes instead: the answer to a ping that was asked later.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::transport::{Received, Target, Wire};
use crate::verdict::{Failure, Verdict, ensure, ensure_same};
use crate::wire::{
    Acknowledgement, Kind, Packet, Publish, Version, acknowledgement, disconnect, ping_request,
    subscribe, unsubscribe,
};

/// How long the server may take for any single answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The client's end of one Network Connection.
pub(crate) struct Peer {
    target: Rc<dyn Target>,
    wire: Box<dyn Wire>,
    pub(crate) version: Version,
    unread: Vec<u8>,
    set_aside: VecDeque<Publish>,
    /// The Maximum Packet Size this client has set.
    pub(crate) maximum_packet_size: Option<usize>,
    last_id: u16,
}

impl Peer {
    pub(crate) fn new(target: Rc<dyn Target>, version: Version) -> Verdict<Self> {
        let wire = target
            .connect()
            .map_err(|error| Failure::new(format!("no Network Connection: {error}")))?;
        Ok(Self {
            target,
            wire,
            version,
            unread: Vec::new(),
            set_aside: VecDeque::new(),
            maximum_packet_size: None,
            last_id: 0,
        })
    }

    /// Sends these bytes. That the server reads no more shows in what is received afterwards.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        drop(self.wire.send(bytes));
    }

    pub(crate) fn next_id(&mut self) -> u16 {
        self.last_id += 1;
        self.last_id
    }

    /// The next packet, or none if the Network Connection is closed instead.
    pub(crate) fn next_within(&mut self, patience: Duration) -> Verdict<Option<Packet>> {
        let until = self.target.now() + patience;
        loop {
            if let Some(packet) = Packet::take(&mut self.unread)? {
                let limit = self.maximum_packet_size.unwrap_or(usize::MAX);
                let (kind, length) = (packet.kind, packet.length);
                ensure(
                    length <= limit,
                    format!("{kind:?} has {length} bytes, the Maximum Packet Size is {limit}"),
                )?;
                return Ok(Some(packet));
            }
            let left = until.saturating_sub(self.target.now());
            ensure(!left.is_zero(), format!("nothing came within {patience:?}"))?;
            if self.wire.receive(&mut self.unread, left) == Received::Closed {
                ensure(self.unread.is_empty(), "the stream ends in the middle of a packet")?;
                return Ok(None);
            }
        }
    }

    /// The next packet, which has to be of this kind; PUBLISH packets before it are set aside.
    pub(crate) fn expect(&mut self, kind: Kind) -> Verdict<Packet> {
        self.expect_within(kind, PATIENCE)
    }

    fn expect_within(&mut self, kind: Kind, patience: Duration) -> Verdict<Packet> {
        loop {
            let packet = self
                .next_within(patience)
                .map_err(|failure| failure.during(&format!("waiting for {kind:?}")))?
                .ok_or_else(|| Failure::new(format!("closed while waiting for {kind:?}")))?;
            if packet.kind == kind {
                return Ok(packet);
            }
            ensure(
                packet.kind == Kind::Publish,
                format!("{:?} {:02x?} came instead of {kind:?}", packet.kind, packet.body),
            )?;
            self.set_aside.push_back(packet.publish(self.version)?);
        }
    }

    pub(crate) fn expect_publish(&mut self) -> Verdict<Publish> {
        self.expect_publish_within(PATIENCE)
    }

    pub(crate) fn expect_publish_within(&mut self, patience: Duration) -> Verdict<Publish> {
        if let Some(publish) = self.set_aside.pop_front() {
            return Ok(publish);
        }
        self.expect_within(Kind::Publish, patience)?.publish(self.version)
    }

    /// The next PUBLISH, which has to carry this payload; it is acknowledged.
    pub(crate) fn expect_message(&mut self, payload: &str) -> Verdict<Publish> {
        let publish = self
            .expect_publish()
            .map_err(|failure| failure.during(&format!("message {payload:?}")))?;
        ensure_same("the payload", publish.text().as_str(), payload)?;
        self.acknowledge(&publish)?;
        Ok(publish)
    }

    /// The next packet, which has to acknowledge this Packet Identifier.
    pub(crate) fn expect_acknowledgement(
        &mut self,
        kind: Kind,
        id: u16,
    ) -> Verdict<Acknowledgement> {
        let found = self.expect(kind)?.acknowledgement(self.version)?;
        ensure_same(&format!("the Packet Identifier of {kind:?}"), found.id, id)?;
        Ok(found)
    }

    /// Waits until the server closes; returns the Reason Code if it gave one.
    ///
    /// The only thing it may say before is why: a DISCONNECT of 5.0, or a CONNACK that refuses.
    pub(crate) fn expect_closed(&mut self) -> Verdict<Option<u8>> {
        self.expect_closed_within(PATIENCE)
    }

    pub(crate) fn expect_closed_within(&mut self, patience: Duration) -> Verdict<Option<u8>> {
        let mut reason = None;
        loop {
            let next = self
                .next_within(patience)
                .map_err(|failure| failure.during("waiting for the close"))?;
            let Some(packet) = next else { return Ok(reason) };
            ensure(reason.is_none(), format!("{:?} after the last word", packet.kind))?;
            match packet.kind {
                Kind::Publish => self.set_aside.push_back(packet.publish(self.version)?),
                Kind::Disconnect if self.version.is_v5() => reason = Some(packet.disconnect()?.0),
                Kind::ConnAck => reason = Some(packet.connack(self.version)?.reason),
                other => return Err(Failure::new(format!("{other:?} instead of the close"))),
            }
            ensure(reason != Some(0), "the server closes with the reason Success")?;
        }
    }

    /// Proves that the server still serves this connection.
    pub(crate) fn ping(&mut self) -> Verdict {
        self.send(&ping_request());
        self.expect(Kind::PingResp).map(drop)
    }

    /// Everything that was on its way to this client.
    ///
    /// Two pings: a server of several threads may fetch the messages from its other threads only
    /// before it reads, and a message that waited when the second ping was read is sent before its
    /// answer.
    pub(crate) fn drain(&mut self) -> Verdict<Vec<Publish>> {
        self.ping()?;
        self.ping()?;
        Ok(self.set_aside.drain(..).collect())
    }

    /// Nothing is on its way to this client.
    pub(crate) fn expect_nothing(&mut self) -> Verdict {
        let found = self.drain()?;
        let texts: Vec<_> = found.iter().map(|publish| (&publish.topic, publish.text())).collect();
        ensure(found.is_empty(), format!("unexpected messages: {texts:?}"))
    }

    /// Subscribes and returns the Reason Codes.
    pub(crate) fn subscribe(&mut self, filters: &[(&str, u8)]) -> Verdict<Vec<u8>> {
        let id = self.next_id();
        self.send(&subscribe(self.version, id, &[], filters));
        Ok(self.expect_acknowledgement(Kind::SubAck, id)?.reasons)
    }

    pub(crate) fn unsubscribe(&mut self, filters: &[&str]) -> Verdict<Vec<u8>> {
        let id = self.next_id();
        self.send(&unsubscribe(self.version, id, filters));
        Ok(self.expect_acknowledgement(Kind::UnsubAck, id)?.reasons)
    }

    /// Publishes and completes the exchange, so that the server has taken the message.
    pub(crate) fn publish(&mut self, publish: Publish) -> Verdict {
        let id = if publish.qos > 0 && publish.id == 0 { self.next_id() } else { publish.id };
        let publish = publish.id(id);
        self.send(&publish.bytes(self.version));
        match publish.qos {
            0 => self.ping(),
            1 => self.expect_success(Kind::PubAck, id),
            _ => {
                self.expect_success(Kind::PubRec, id)?;
                self.send(&acknowledgement(Kind::PubRel, id));
                self.expect_success(Kind::PubComp, id)
            }
        }
    }

    fn expect_success(&mut self, kind: Kind, id: u16) -> Verdict {
        let reason = self.expect_acknowledgement(kind, id)?.reason();
        ensure(reason < 0x80, format!("{kind:?} says {reason:#04x}"))
    }

    /// Acknowledges a received message to the end of its exchange.
    pub(crate) fn acknowledge(&mut self, publish: &Publish) -> Verdict {
        match publish.qos {
            0 => {}
            1 => self.send(&acknowledgement(Kind::PubAck, publish.id)),
            _ => {
                self.send(&acknowledgement(Kind::PubRec, publish.id));
                self.expect_acknowledgement(Kind::PubRel, publish.id)?;
                self.send(&acknowledgement(Kind::PubComp, publish.id));
            }
        }
        Ok(())
    }

    /// Takes leave with a DISCONNECT, and returns when the server has closed.
    pub(crate) fn disconnect(mut self) -> Verdict {
        self.send(&disconnect(self.version, 0, &[]));
        self.expect_closed().map(drop)
    }
}
