//! What the broker says of itself below `$SYS`.

mod alone;

use std::collections::BTreeMap;
use std::time::Duration;

use alone::{NOW, connect, send, shards};
use ferrymq_broker::{ConnectionId, Limits, Shard};
use ferrymq_codec::{
    Frame, Framing, Packet, PacketId, Properties, QoS, Subscribe, SubscriptionFilters,
    SubscriptionOptions, TopicFilter, Version,
};
use ferrymq_protocol::time::Instant;

const INTERVAL: Duration = Duration::from_secs(10);

/// A shard that publishes its numbers, and a client that gets them.
fn watched() -> (Shard, ConnectionId) {
    let mut shard = shards(1, Limits::default()).remove(0);
    shard.set_limits(&Limits { sys_interval: INTERVAL, ..Limits::default() });
    let client = connect(&mut shard, "watcher");
    subscribe(&mut shard, client);
    (shard, client)
}

fn subscribe(shard: &mut Shard, client: ConnectionId) {
    let filter = TopicFilter::parse("$SYS/#").expect("a filter");
    let options = SubscriptionOptions { maximum_qos: QoS::AtMostOnce, ..Default::default() };
    let mut filters = Vec::new();
    SubscriptionFilters::encode_into([(filter, options)], &mut filters).expect("fits");
    let packet = Packet::Subscribe(Subscribe {
        packet_id: PacketId::FIRST,
        properties: Properties::EMPTY,
        filters: SubscriptionFilters::trusted(&filters),
    });
    send(shard, client, &packet);
}

/// The messages that the client has got, by topic.
fn read(shard: &mut Shard, client: ConnectionId, now: Instant) -> BTreeMap<String, String> {
    let mut bytes = Vec::new();
    while let Some(output) = shard.output(client).filter(|output| !output.is_empty()) {
        let (pieces, count) = output.pieces::<16>();
        let pieces = pieces[..count].concat();
        shard.written(client, pieces.len(), now);
        bytes.extend(pieces);
    }
    let mut messages = BTreeMap::new();
    let mut rest = bytes.as_slice();
    while let Ok(Framing::Complete(frame)) = Frame::parse(rest, usize::MAX) {
        if let Packet::Publish(publish) = frame.decode(Version::V5).expect("good output") {
            let topic = publish.topic.expect("no alias").as_str().to_owned();
            messages.insert(topic, String::from_utf8_lossy(publish.payload).into_owned());
        }
        rest = &rest[frame.length()..];
    }
    messages
}

#[test]
fn tree_has_every_topic_that_monitoring_looks_for() {
    let (mut shard, client) = watched();
    shard.advance(NOW);
    let messages = read(&mut shard, client, NOW);
    let plain = "version uptime clients/total clients/maximum clients/connected \
        clients/disconnected clients/expired clients/active clients/inactive messages/received \
        messages/sent messages/stored store/messages/count store/messages/bytes bytes/received \
        bytes/sent publish/messages/dropped publish/messages/received publish/messages/sent \
        publish/bytes/received publish/bytes/sent subscriptions/count shared_subscriptions/count \
        connections/socket/count";
    let loads = "messages/received messages/sent publish/received publish/sent publish/dropped \
        bytes/received bytes/sent sockets connections";
    let loads = loads
        .split_whitespace()
        .flat_map(|load| ["1min", "5min", "15min"].map(|minutes| format!("load/{load}/{minutes}")));
    let topics = plain.split_whitespace().map(str::to_owned).chain(loads);
    for topic in topics.chain(["retained messages/count".to_owned()]) {
        let topic = format!("$SYS/broker/{topic}");
        assert!(messages.contains_key(&topic), "{topic} is missing in {messages:?}");
    }
    assert_eq!(messages["$SYS/broker/clients/connected"], "1");
    assert_eq!(messages["$SYS/broker/uptime"], "0 seconds");
    assert_eq!(messages["$SYS/broker/load/connections/1min"], "0.00");
}

#[test]
fn numbers_are_published_again_when_they_have_changed_and_no_others() {
    let (mut shard, client) = watched();
    shard.advance(NOW);
    read(&mut shard, client, NOW);
    connect(&mut shard, "another");
    // A timer is never early.
    let later = NOW.saturating_add(INTERVAL + Duration::from_millis(100));
    shard.advance(later);
    let messages = read(&mut shard, client, later);
    assert_eq!(messages["$SYS/broker/clients/connected"], "2");
    assert_eq!(messages["$SYS/broker/uptime"], "10 seconds");
    assert_eq!(messages["$SYS/broker/load/sockets/1min"], "0.92");
    assert!(!messages.contains_key("$SYS/broker/version"));
    assert!(!messages.contains_key("$SYS/broker/clients/expired"));
}

#[test]
fn news_of_the_broker_reach_those_who_listen_and_are_not_kept() {
    let (mut shard, client) = watched();
    shard.advance(NOW);
    read(&mut shard, client, NOW);
    shard.publish_sys("$SYS/broker/log/N", b"1: hello", NOW);
    shard.publish_sys("elsewhere", b"nothing", NOW);
    let messages = read(&mut shard, client, NOW);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages["$SYS/broker/log/N"], "1: hello");
    let late = connect(&mut shard, "late");
    subscribe(&mut shard, late);
    shard.advance(NOW);
    assert!(!read(&mut shard, late, NOW).contains_key("$SYS/broker/log/N"));
}

#[test]
fn numbers_cease_and_come_back_as_the_limits_say() {
    let (mut shard, client) = watched();
    shard.advance(NOW);
    shard.set_limits(&Limits { sys_interval: Duration::ZERO, ..Limits::default() });
    read(&mut shard, client, NOW);
    shard.advance(NOW.saturating_add(INTERVAL));
    read(&mut shard, client, NOW);
    let later = NOW.saturating_add(3 * INTERVAL);
    shard.advance(later);
    assert_eq!(read(&mut shard, client, later), BTreeMap::new());
    shard.set_limits(&Limits { sys_interval: INTERVAL, ..Limits::default() });
    let end = later.saturating_add(INTERVAL);
    shard.advance(end);
    assert!(read(&mut shard, client, end).contains_key("$SYS/broker/uptime"));
}
