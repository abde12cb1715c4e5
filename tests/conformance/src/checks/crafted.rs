//! Packets with a field that the ordinary writer would not write.

use crate::field::string;
use crate::property::{self, Property};
use crate::wire::{Connect, Kind, Version, packet, packet_with_flags};

/// A string that is no UTF-8: the encoding of a surrogate.
pub(crate) const SURROGATE: &[u8] = b"a\xED\xA0\x80b";

/// A string that is no UTF-8: a byte that never occurs in it.
pub(crate) const NO_UTF8: &[u8] = b"a\xFFb";

/// A string with U+0000 in it.
pub(crate) const NULL: &[u8] = b"a\0b";

/// No Properties, in the versions that have them.
pub(crate) fn no_properties(version: Version) -> Vec<u8> {
    if version.is_v5() { property::block(&[]) } else { Vec::new() }
}

/// CONNECT with this Client Identifier.
pub(crate) fn connect_as(version: Version, client_id: &[u8]) -> Vec<u8> {
    Connect::new(version, "").bytes_with_payload(&string(client_id))
}

/// CONNECT with this Will Topic.
pub(crate) fn connect_with_will_topic(version: Version, client_id: &str, topic: &[u8]) -> Vec<u8> {
    let connect = Connect::new(version, client_id);
    let header = connect.header(connect.flags() | 0b100);
    let payload =
        [string(client_id), no_properties(version), string(topic), string("will")].concat();
    packet(Kind::Connect, &[header, payload].concat())
}

/// CONNECT with this User Name.
pub(crate) fn connect_with_user_name(version: Version, client_id: &str, name: &[u8]) -> Vec<u8> {
    let connect = Connect::new(version, client_id);
    let header = connect.header(connect.flags() | 0x80);
    packet(Kind::Connect, &[header, string(client_id), string(name)].concat())
}

/// PUBLISH at QoS 0 to this topic.
pub(crate) fn publish_to(version: Version, topic: &[u8]) -> Vec<u8> {
    packet(Kind::Publish, &[string(topic), no_properties(version), b"x".to_vec()].concat())
}

/// PUBLISH of 5.0 at QoS 0 with these Properties.
pub(crate) fn publish_with(topic: &str, properties: &[Property]) -> Vec<u8> {
    packet(Kind::Publish, &[string(topic), property::block(properties), b"x".to_vec()].concat())
}

/// PUBLISH with these flags and this Packet Identifier.
pub(crate) fn publish_flagged(version: Version, topic: &str, flags: u8, id: u16) -> Vec<u8> {
    let body =
        [string(topic), id.to_be_bytes().to_vec(), no_properties(version), b"x".to_vec()].concat();
    packet_with_flags(Kind::Publish, flags, &body)
}

/// SUBSCRIBE with this payload.
pub(crate) fn subscribe_payload(version: Version, id: u16, payload: &[u8]) -> Vec<u8> {
    packet(Kind::Subscribe, &body(version, id, payload))
}

/// SUBSCRIBE to this filter at QoS 0.
pub(crate) fn subscribe_to(version: Version, filter: &[u8]) -> Vec<u8> {
    subscribe_payload(version, 1, &[string(filter), vec![0]].concat())
}

/// UNSUBSCRIBE with this payload.
pub(crate) fn unsubscribe_payload(version: Version, id: u16, payload: &[u8]) -> Vec<u8> {
    packet(Kind::Unsubscribe, &body(version, id, payload))
}

/// UNSUBSCRIBE from this filter.
pub(crate) fn unsubscribe_from(version: Version, filter: &[u8]) -> Vec<u8> {
    unsubscribe_payload(version, 1, &string(filter))
}

/// The body of SUBSCRIBE and UNSUBSCRIBE.
pub(crate) fn body(version: Version, id: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &no_properties(version), payload].concat()
}
