//! MQTT packets to bytes and back, for MQTT 3.1, 3.1.1 and 5.0, in one model.
//!
//! [`Frame::parse`] finds one whole packet at the front of a buffer, [`Frame::decode`] turns it
//! into a [`Packet`] that borrows from that buffer, and [`Packet::encode`] appends a packet to the
//! caller's buffer. Names are those of MQTT 5.0; what an older version cannot say is left out when
//! encoding and is absent when decoding.
//!
//! The crate knows bytes and nothing else: whether a packet is allowed *now* is for
//! `ferrymq-protocol`. It does not allocate while decoding.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;

mod decode;
mod encode;
mod error;
mod packet;
mod primitives;
mod properties;
mod property;
mod publish_encoder;
mod reader;
mod reason;
mod topic;
mod writer;

pub use decode::{Frame, Framing};
pub use error::{DecodeError, EncodeError};
pub use packet::{
    Acknowledgement, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, Publish, ReasonCodes,
    SubAck, Subscribe, SubscriptionFilters, TopicFilters, Unsubscribe, Will,
};
pub use primitives::{MAX_REMAINING_LENGTH, PacketId, PacketType, QoS, Version};
pub use properties::{Properties, PropertyBuffer};
pub use property::{Property, PropertyContext, PropertyId};
pub use publish_encoder::PublishEncoder;
pub use reason::ReasonCode;
pub use topic::{
    MAX_TOPIC_LEVELS, RetainHandling, ShareName, SubscriptionOptions, TopicFilter, TopicName,
};
