//! The packets themselves, as [`Builder::on_packet`](crate::Builder::on_packet) shows them.

pub use ferrymq_codec::{
    Acknowledgement, Auth, ConnAck, Connect, Delivery, Disconnect, Packet, PacketId, Publish,
    ReasonCodes, SubAck, Subscribe, SubscriptionFilters, SubscriptionOptions, TopicFilter,
    TopicFilters, Unsubscribe, Will,
};
