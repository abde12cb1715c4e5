//! What a round costs: a bounded piece of work in each turn, and next to nothing when there is
//! nothing to say.

use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{
    AllowAll, Directory, Extents, Limits, LogState, Progress, Reading, Record, RecordBatch, Round,
    Shard, ShardIndex, ShardOptions,
};
use ferrymq_codec::{
    Connect, Delivery, Packet, PacketId, Properties, Property, PropertyBuffer, Publish, QoS,
    Subscribe, SubscriptionFilters, SubscriptionOptions, TopicFilter, TopicName, Version,
};
use ferrymq_protocol::time::Instant;

const NOW: Instant = Instant::from_nanos(1_000_000_000);

fn shard(limits: Limits) -> Shard {
    let limits = Arc::new(Limits { sys_interval: Duration::ZERO, ..limits });
    Shard::new(ShardOptions {
        index: ShardIndex(0),
        limits,
        directory: Arc::new(Directory::new(1, 7)),
        access: Box::new(AllowAll),
        now: NOW,
        seed: 7,
        first_record: 1,
    })
}

/// A client that connects, sends these packets, and goes.
fn visit(shard: &mut Shard, client_id: &str, packets: &[Packet<'_>]) {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::SessionExpiryInterval(3600)).expect("fits");
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
    let id = shard.open("127.0.0.1:50000".parse().expect("an address"), NOW);
    for packet in std::iter::once(&connect).chain(packets) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes).expect("a packet that fits");
        let (taken, reading) = shard.receive(id, &bytes, NOW);
        assert!(taken == bytes.len() && reading != Reading::Ended, "{client_id}: {reading:?}");
        take_records(shard);
    }
    shard.peer_closed(id, None, NOW);
    take_records(shard);
    shard.remove(id);
    shard.take_closing(&mut Vec::new());
    shard.take_dirty(&mut Vec::new());
}

fn take_records(shard: &mut Shard) -> Vec<Record> {
    let Some(RecordBatch { first, records, .. }) = shard.take_records(NOW) else {
        return Vec::new();
    };
    shard.durable(Progress::all(first + records.len() as u64 - 1), NOW);
    records
}

fn subscribe(filters: &[u8]) -> Packet<'_> {
    Packet::Subscribe(Subscribe {
        packet_id: PacketId::FIRST,
        properties: Properties::EMPTY,
        filters: SubscriptionFilters::trusted(filters),
    })
}

fn filters(names: impl Iterator<Item = String>) -> Vec<u8> {
    let names: Vec<String> = names.collect();
    let options =
        SubscriptionOptions { maximum_qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() };
    let mut bytes = Vec::new();
    let filters = names.iter().map(|name| (TopicFilter::parse(name).expect("a filter"), options));
    SubscriptionFilters::encode_into(filters, &mut bytes).expect("fits");
    bytes
}

fn begin(shard: &mut Shard) {
    let saved: Extents = [(ShardIndex(0), 1, 10_000_000)].into_iter().collect();
    shard.begin_round(&Arc::new(Round { number: 1, saved }));
}

/// Plays the turns of a round: the records and survivors of each.
fn turns(shard: &mut Shard) -> Vec<(usize, usize)> {
    begin(shard);
    let mut turns = Vec::new();
    loop {
        assert_eq!(shard.deadline(), Some(Instant::ZERO), "there is work to do");
        shard.advance(NOW);
        turns.push((take_records(shard).len(), shard.take_survivors().len()));
        if shard.take_round_done().is_some() {
            assert_ne!(shard.deadline(), Some(Instant::ZERO), "nothing is left to do");
            return turns;
        }
    }
}

#[test]
fn each_turn_says_again_a_few_of_many_sessions() {
    const SESSIONS: usize = 20_000;
    let mut shard = shard(Limits::default());
    let one = filters(["a/b".to_owned()].into_iter());
    for number in 0..SESSIONS {
        visit(&mut shard, &format!("client {number}"), &[subscribe(&one)]);
    }
    let turns = turns(&mut shard);
    // The session, its subscription, and that its client is away.
    assert!(turns.iter().all(|(records, _)| *records <= 256 * 3), "{turns:?}");
    assert_eq!(turns.iter().map(|(records, _)| records).sum::<usize>(), SESSIONS * 3);
    assert!(turns.len() <= SESSIONS / 256 + 2, "{}", turns.len());
}

#[test]
fn long_queue_and_many_subscriptions_are_looked_at_in_pieces() {
    const MESSAGES: usize = 1_000;
    const SUBSCRIPTIONS: usize = 500;
    let limits = Limits { round_entries_per_turn: 100, ..Limits::default() };
    let mut shard = shard(limits);
    let many = filters((0..SUBSCRIPTIONS).map(|number| format!("a/{number}")));
    visit(&mut shard, "subscriber", &[subscribe(&many)]);
    let publishes: Vec<Packet<'_>> = (0..MESSAGES)
        .map(|_| {
            Packet::Publish(Publish {
                dup: false,
                delivery: Delivery::AtLeastOnce(PacketId::FIRST),
                retain: false,
                topic: Some(TopicName::parse("a/7").expect("a topic")),
                properties: Properties::EMPTY,
                payload: b"payload",
            })
        })
        .collect();
    visit(&mut shard, "publisher", &publishes);
    let turns = turns(&mut shard);
    assert!(turns.iter().all(|(records, survivors)| records + survivors <= 103), "{turns:?}");
    assert_eq!(turns.iter().map(|(_, survivors)| survivors).sum::<usize>(), MESSAGES);
    assert_eq!(turns.iter().map(|(records, _)| records).sum::<usize>(), SUBSCRIPTIONS + 2 + 2);
}

#[test]
fn idle_broker_is_done_in_its_next_turn() {
    assert_eq!(turns(&mut shard(Limits::default())), [(0, 0)]);
}

#[test]
fn round_waits_while_the_log_is_full() {
    let mut shard = shard(Limits::default());
    visit(&mut shard, "client", &[]);
    shard.set_log_state(LogState::Full);
    begin(&mut shard);
    shard.advance(NOW);
    assert!(take_records(&mut shard).is_empty());
    assert_ne!(shard.deadline(), Some(Instant::ZERO), "a shard that waits may sleep");
    shard.set_log_state(LogState::Ready);
    shard.advance(NOW);
    assert_eq!(take_records(&mut shard).len(), 2);
    assert_eq!(shard.take_round_done(), Some(1));
}
