//! Shards without a world around them: the test takes what they make when it wants to.

#![allow(dead_code, reason = "each of the tests uses another part of it")]

use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{
    AllowAll, ConnectionId, Directory, Limits, Peer, Progress, Reading, Record, RecordBatch, Shard,
    ShardIndex, ShardOptions,
};
use ferrymq_codec::{Connect, Packet, Property, PropertyBuffer, Version};
use ferrymq_protocol::time::Instant;

pub(crate) const NOW: Instant = Instant::from_nanos(1_000_000_000);

pub(crate) fn shards(count: u16, limits: Limits) -> Vec<Shard> {
    let limits = Arc::new(Limits { sys_interval: Duration::ZERO, ..limits });
    let directory = Arc::new(Directory::new(count, 7));
    let shard = |index| {
        Shard::new(ShardOptions {
            index,
            limits: Arc::clone(&limits),
            directory: Arc::clone(&directory),
            access: Box::new(AllowAll),
            now: NOW,
            seed: 7,
            first_record: 1,
        })
    };
    (0..count).map(ShardIndex).map(shard).collect()
}

/// A client that has connected, to a session that outlives the connection.
pub(crate) fn connect(shard: &mut Shard, client_id: &str) -> ConnectionId {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::SessionExpiryInterval(3600)).expect("fits");
    let id = shard.open(Peer::Local, &Arc::default(), NOW);
    let connect = Packet::Connect(Connect {
        version: Version::V5,
        clean_start: false,
        keep_alive: 0,
        client_id,
        will: None,
        username: None,
        password: None,
        properties: properties.as_properties(),
    });
    send(shard, id, &connect);
    take_records(shard);
    id
}

pub(crate) fn send(shard: &mut Shard, id: ConnectionId, packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    packet.encode(Version::V5, &mut bytes).expect("a packet that fits");
    let (taken, reading) = shard.receive(id, &bytes, NOW);
    assert!(taken == bytes.len() && reading != Reading::Ended, "{packet:?}: {reading:?}");
}

/// A client that connects, sends these packets, and goes.
pub(crate) fn visit(shard: &mut Shard, client_id: &str, packets: &[Packet<'_>]) {
    let id = connect(shard, client_id);
    for packet in packets {
        send(shard, id, packet);
        take_records(shard);
    }
    shard.peer_closed(id, None, NOW);
    take_records(shard);
    shard.remove(id);
    shard.take_closing(&mut Vec::new());
    shard.take_dirty(&mut Vec::new());
}

/// The records that a shard has made, which are durable from then on.
pub(crate) fn take_records(shard: &mut Shard) -> Vec<Record> {
    let Some(RecordBatch { first, records, .. }) = shard.take_records(NOW) else {
        return Vec::new();
    };
    shard.durable(Progress::all(first + records.len() as u64 - 1), NOW);
    records
}
