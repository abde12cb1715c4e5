//! What we send with QoS 1 and 2 until the peer has acknowledged it (sections 4.3.2, 4.3.3, 4.4).
//!
//! ```text
//!           PUBACK                       PUBREC            PUBCOMP
//! QoS 1  published ──▶ done    QoS 2  published ──▶ released ──▶ done
//! ```
//!
//! Keyed by packet identifier, and never mixed with the identifiers that the peer assigns: those
//! are [`Inbound`](crate::inbound::Inbound)'s. The order of sending is kept, because after a
//! reconnection PUBLISH is sent again in its original order [MQTT-4.6.0-1] and PUBREL in the order
//! of the PUBRECs [MQTT-4.6.0-4]. It lives as long as the session.
//!
//! Invariant: as long as `in_order` holds, the identifiers of the published messages grow, counted
//! from that of the first and going around at 65,535, so that one is found by bisection.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use ferrymq_codec::{PacketId, QoS};

use crate::error::ProtocolError;

/// Messages sent and not yet acknowledged. `M` is whatever the owner needs to send one again.
#[derive(Clone, Debug)]
pub struct Outbound<M> {
    published: VecDeque<Published<M>>,
    /// Boxed, because most peers never use QoS 2.
    #[expect(clippy::box_collection, reason = "eight bytes for each session without QoS 2")]
    released: Option<Box<VecDeque<PacketId>>>,
    next: PacketId,
    in_order: bool,
}

/// A message that waits for its PUBACK or PUBREC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published<M> {
    /// The identifier that it was sent with, and will be sent again with.
    pub packet_id: PacketId,
    /// The quality of service: never `AtMostOnce`.
    pub qos: QoS,
    /// What the owner keeps of it.
    pub message: M,
}

/// What a PUBREC means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<M> {
    /// The peer has the message now; answer with PUBREL.
    Message(M),
    /// The peer has said so before; answer with PUBREL again.
    Again,
    /// No such message; answer with PUBREL and Packet Identifier not found.
    Unknown,
}

impl<M> Outbound<M> {
    /// Nothing sent.
    pub const fn new() -> Self {
        Self { published: VecDeque::new(), released: None, next: PacketId::FIRST, in_order: true }
    }

    /// How many packet identifiers are in use.
    pub fn len(&self) -> usize {
        self.published.len().saturating_add(self.released().len())
    }

    /// Whether nothing waits for an acknowledgement.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a free packet identifier for a message that is sent now [MQTT-2.2.1-4]. `None` if all
    /// are in use, which a receive maximum of 65,535 rules out for a caller that keeps it.
    pub fn publish(&mut self, qos: QoS, message: M) -> Option<PacketId> {
        if self.len() >= usize::from(u16::MAX) {
            return None;
        }
        let mut packet_id = self.next;
        while self.is_in_use(packet_id) {
            packet_id = packet_id.next();
        }
        self.push(packet_id, qos, message);
        Some(packet_id)
    }

    /// Takes back what was sent before the owner began anew: a message with its identifier, in the
    /// order of sending. `Err` if the identifier is in use.
    pub fn restore(&mut self, packet_id: PacketId, qos: QoS, message: M) -> Result<(), M> {
        if self.is_in_use(packet_id) {
            return Err(message);
        }
        self.push(packet_id, qos, message);
        Ok(())
    }

    /// Takes back an identifier that waits for PUBCOMP, in the order of the PUBRECs; `false` if it
    /// is in use.
    pub fn restore_released(&mut self, packet_id: PacketId) -> bool {
        let is_free = !self.is_in_use(packet_id);
        if is_free {
            self.released.get_or_insert_default().push_back(packet_id);
        }
        is_free
    }

    /// The peer has acknowledged a QoS 1 message: the owner's part of it comes back, or `None` if
    /// there is no such message (a late acknowledgement is no reason to close).
    ///
    /// # Errors
    ///
    /// [`ProtocolError::WrongAcknowledgement`] if the message was sent with QoS 2.
    pub fn puback(&mut self, packet_id: PacketId) -> Result<Option<M>, ProtocolError> {
        let Some(position) = self.position(packet_id) else {
            return match self.is_released(packet_id) {
                true => Err(ProtocolError::WrongAcknowledgement),
                false => Ok(None),
            };
        };
        if self.published.get(position).is_some_and(|sent| sent.qos != QoS::AtLeastOnce) {
            return Err(ProtocolError::WrongAcknowledgement);
        }
        Ok(self.remove_at(position))
    }

    /// The peer has received a QoS 2 message. From here only PUBREL is sent [MQTT-4.3.3-5], unless
    /// `refused` (a reason code of 0x80 or more), which ends the exchange.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::WrongAcknowledgement`] if the message was sent with QoS 1.
    pub fn pubrec(
        &mut self,
        packet_id: PacketId,
        refused: bool,
    ) -> Result<Received<M>, ProtocolError> {
        let Some(position) = self.position(packet_id) else {
            return Ok(match self.is_released(packet_id) {
                true => Received::Again,
                false => Received::Unknown,
            });
        };
        if self.published.get(position).is_some_and(|sent| sent.qos != QoS::ExactlyOnce) {
            return Err(ProtocolError::WrongAcknowledgement);
        }
        let Some(message) = self.remove_at(position) else {
            return Ok(Received::Unknown);
        };
        if !refused {
            self.released.get_or_insert_default().push_back(packet_id);
        }
        Ok(Received::Message(message))
    }

    /// The exchange of a QoS 2 message is complete; `false` if there was none.
    pub fn pubcomp(&mut self, packet_id: PacketId) -> bool {
        let Some(released) = &mut self.released else {
            return false;
        };
        let Some(position) = released.iter().position(|id| *id == packet_id) else {
            return false;
        };
        released.remove(position);
        if released.is_empty() {
            self.released = None;
        }
        true
    }

    /// What waits for PUBACK or PUBREC, in the order of sending.
    pub fn published(&self) -> impl ExactSizeIterator<Item = &Published<M>> {
        self.published.iter()
    }

    /// What waits for PUBCOMP, in the order of the PUBRECs.
    pub fn released(&self) -> impl ExactSizeIterator<Item = PacketId> + '_ {
        Released(self.released.as_ref().map(|released| released.iter()))
    }

    /// The message that was sent with this identifier and waits for PUBACK or PUBREC.
    pub fn published_with(&self, packet_id: PacketId) -> Option<&Published<M>> {
        self.published.get(self.position(packet_id)?)
    }

    /// The same, to change what is kept of the message.
    pub fn published_with_mut(&mut self, packet_id: PacketId) -> Option<&mut Published<M>> {
        let position = self.position(packet_id)?;
        self.published.get_mut(position)
    }

    /// Takes back a message that waits for PUBACK or PUBREC: the peer will not get it.
    pub fn withdraw(&mut self, packet_id: PacketId) -> Option<M> {
        self.remove_at(self.position(packet_id)?)
    }

    /// Takes back every message that waits for PUBACK or PUBREC and that `take` says yes to.
    pub fn take_back(&mut self, mut take: impl FnMut(&Published<M>) -> bool) -> VecDeque<M> {
        let (taken, kept) = core::mem::take(&mut self.published).into_iter().fold(
            (VecDeque::new(), VecDeque::new()),
            |(mut taken, mut kept), sent| {
                if take(&sent) {
                    taken.push_back(sent.message);
                } else {
                    kept.push_back(sent);
                }
                (taken, kept)
            },
        );
        self.published = kept;
        taken
    }

    /// Appends a message, and goes on from its identifier.
    fn push(&mut self, packet_id: PacketId, qos: QoS, message: M) {
        self.next = packet_id.next();
        if let (Some(first), Some(last)) = (self.published.front(), self.published.back()) {
            let from = first.packet_id;
            self.in_order &= distance(from, last.packet_id) < distance(from, packet_id);
        } else {
            self.in_order = true;
        }
        self.published.push_back(Published { packet_id, qos, message });
    }

    fn is_in_use(&self, packet_id: PacketId) -> bool {
        self.position(packet_id).is_some() || self.is_released(packet_id)
    }

    fn is_released(&self, packet_id: PacketId) -> bool {
        self.released.as_ref().is_some_and(|released| released.contains(&packet_id))
    }

    fn remove_at(&mut self, position: usize) -> Option<M> {
        let sent = self.published.remove(position)?;
        if self.published.is_empty() && self.published.capacity() > KEPT_CAPACITY {
            self.published = VecDeque::new();
        }
        Some(sent.message)
    }

    /// Peers acknowledge in order, so the first look nearly always hits; and a new identifier lies
    /// behind the last one.
    fn position(&self, packet_id: PacketId) -> Option<usize> {
        let first = self.published.front()?.packet_id;
        if first == packet_id {
            return Some(0);
        }
        if !self.in_order {
            return self.published.iter().position(|sent| sent.packet_id == packet_id);
        }
        let wanted = distance(first, packet_id);
        let last = self.published.back()?.packet_id;
        if wanted > distance(first, last) {
            return None;
        }
        self.published.binary_search_by_key(&wanted, |sent| distance(first, sent.packet_id)).ok()
    }
}

/// An iterator that has a length although there may be nothing to iterate over.
struct Released<I>(Option<I>);

impl<'a, I: ExactSizeIterator<Item = &'a PacketId>> Iterator for Released<I> {
    type Item = PacketId;

    fn next(&mut self) -> Option<PacketId> {
        self.0.as_mut()?.next().copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = self.0.as_ref().map_or(0, ExactSizeIterator::len);
        (length, Some(length))
    }
}

impl<'a, I: ExactSizeIterator<Item = &'a PacketId>> ExactSizeIterator for Released<I> {}

impl<M> Default for Outbound<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// How far `to` lies ahead of `from`, going around.
const fn distance(from: PacketId, to: PacketId) -> u16 {
    to.get().wrapping_sub(from.get())
}

/// A queue that a burst has made longer than this is given back when it is empty.
const KEPT_CAPACITY: usize = 32;
