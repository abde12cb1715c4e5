//! What a server tells its clients, byte by byte.

use ferrymq_codec::{Connect, Properties, QoS, Version};
use ferrymq_protocol::limits::ServerLimits;
use ferrymq_protocol::server::{Link, Reply, Welcome};
use ferrymq_protocol::time::Instant;

fn connack(limits: &ServerLimits, welcome: Welcome) -> Vec<u8> {
    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_id: "",
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    };
    let mut link = Link::accept(&connect, limits, Instant::ZERO);
    let mut bytes = Vec::new();
    link.reply(&Reply::ConnAck(Box::new(welcome)), limits, &mut bytes);
    bytes
}

#[test]
fn connack_has_its_properties_in_the_order_that_clients_are_used_to() {
    let limits = ServerLimits {
        topic_alias_maximum: 10,
        maximum_packet_size: 2_000_000,
        receive_maximum: 20,
        ..ServerLimits::default()
    };
    let plain = b"\x20\x0e\0\0\x0b\x22\0\x0a\x27\0\x1e\x84\x80\x21\0\x14";
    assert_eq!(connack(&limits, Welcome::default()), plain);
    let welcome = Welcome {
        assigned_client_id: Some(Box::from("me")),
        server_keep_alive: Some(60),
        ..Welcome::default()
    };
    let with_more: &[u8] =
        b"\x20\x16\0\0\x13\x22\0\x0a\x12\0\x02me\x13\0\x3c\x27\0\x1e\x84\x80\x21\0\x14";
    assert_eq!(connack(&limits, welcome), with_more);
    let without = ServerLimits {
        retain_available: false,
        maximum_qos: QoS::AtLeastOnce,
        topic_alias_maximum: 0,
        ..limits
    };
    let less = b"\x20\x0f\0\0\x0c\x25\0\x27\0\x1e\x84\x80\x21\0\x14\x24\x01";
    assert_eq!(connack(&without, Welcome::default()), less);
}
