//! Who is owed messages: a session, or a shared group as a whole.

use std::collections::{HashMap, HashSet};

use ferrymq_codec::QoS;

use super::publication::Publication;
use crate::event::{Delivery, MessageNumber};

/// What a receiver is owed and has got.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// What must still come.
    pub(super) owed: HashSet<MessageNumber>,
    receipts: HashMap<MessageNumber, Receipt>,
    /// The newest message of each stream: publisher, topic, and quality of service of publication
    /// and delivery.
    newest: HashMap<(usize, usize, QoS, QoS), MessageNumber>,
}

#[derive(Debug, Default)]
struct Receipt {
    /// Deliveries with QoS 2.
    exactly_once: u32,
    /// Deliveries that were acknowledged, where the broker has kept the acknowledgement for sure.
    confirmed: u32,
}

impl Receiver {
    pub(super) fn owe(&mut self, message: MessageNumber) {
        if !self.receipts.contains_key(&message) {
            self.owed.insert(message);
        }
    }

    pub(super) fn is_known(&self, message: MessageNumber) -> bool {
        self.receipts.contains_key(&message)
    }

    /// Takes a delivery. What is wrong with it is returned as words.
    pub(super) fn receive(
        &mut self,
        delivery: &Delivery,
        publication: &Publication,
        ordered: bool,
    ) -> Result<(), &'static str> {
        let number = delivery.message;
        self.owed.remove(&number);
        let is_new = !self.receipts.contains_key(&number);
        let receipt = self.receipts.entry(number).or_default();
        if delivery.qos == QoS::ExactlyOnce {
            receipt.exactly_once += 1;
            if receipt.exactly_once > publication.copies() {
                return Err("was delivered twice with QoS 2");
            }
        }
        if receipt.confirmed >= publication.copies() {
            return Err("came again after its acknowledgement was kept");
        }
        if ordered && is_new {
            let message = &publication.message;
            let stream = (message.publisher.0, message.topic.0, message.qos, delivery.qos);
            let newest = self.newest.entry(stream).or_insert(number);
            if *newest > number {
                return Err("came after a newer message of its publisher");
            }
            *newest = number;
        }
        Ok(())
    }

    /// An acknowledgement of this message is kept by the broker.
    pub(super) fn confirm(&mut self, message: MessageNumber) {
        if let Some(receipt) = self.receipts.get_mut(&message) {
            receipt.confirmed += 1;
        }
    }

    /// The session has ended.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// All that was received is settled, so any of it would be wrong from now on.
    pub(super) fn forget_receipts(&mut self, unless: impl Fn(MessageNumber) -> bool) {
        self.receipts.retain(|message, _| unless(*message));
    }

    pub(super) fn mentioned(&self) -> impl Iterator<Item = MessageNumber> {
        self.owed.iter().chain(self.receipts.keys()).copied()
    }
}
