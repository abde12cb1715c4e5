//! What a round costs: a bounded piece of work in each turn, and next to nothing when there is
//! nothing to say.

mod alone;

use std::sync::Arc;

use ferrymq_broker::{Extents, Limits, LogState, Round, Shard, ShardIndex};
use ferrymq_codec::{
    Delivery, Packet, PacketId, Properties, Publish, QoS, Subscribe, SubscriptionFilters,
    SubscriptionOptions, TopicFilter, TopicName,
};
use ferrymq_protocol::time::Instant;

use alone::{NOW, take_records, visit};

fn shard(limits: Limits) -> Shard {
    alone::shards(1, limits).remove(0)
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
