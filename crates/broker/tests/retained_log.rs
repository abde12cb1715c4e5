//! Two shards change what is retained for one topic, and their records reach the log in the other
//! order: wherever the beginning of the log is freed, what was cleared stays cleared.

mod alone;

use std::collections::BTreeMap;
use std::sync::Arc;

use ferrymq_broker::{Directory, Limits, Record, Shard, ShardIndex};
use ferrymq_codec::{Delivery, Packet, Properties, Publish, TopicName};

use alone::{connect, send, shards, take_records};

fn retain(payload: &str) -> Packet<'_> {
    Packet::Publish(Publish {
        dup: false,
        delivery: Delivery::AtMostOnce,
        retain: true,
        topic: Some(TopicName::parse("topic").expect("a topic")),
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    })
}

/// A client identifier that is at home there.
fn client_of(shard: u16) -> String {
    let directory = Directory::new(2, 7);
    (0..1_000)
        .map(|number| format!("client {number}"))
        .find(|id| directory.home(id) == ShardIndex(shard))
        .expect("one of them")
}

/// The retained messages of a log.
fn read(log: &[Record]) -> BTreeMap<Arc<str>, String> {
    let mut latest = BTreeMap::new();
    for record in log {
        if let Record::Retained { topic, message, version } = record {
            let known = latest.entry(Arc::clone(topic)).or_insert((0, None));
            if *version >= known.0 {
                *known = (*version, message.as_ref().map(|message| message.payload().to_vec()));
            }
        }
    }
    latest
        .into_iter()
        .filter_map(|(topic, (_, payload))| Some((topic, String::from_utf8(payload?).ok()?)))
        .collect()
}

/// The first shard retains a message, and is so slow that what the second one says of the topic
/// meanwhile stands before it in the log.
fn race(then: &str) -> Vec<Record> {
    let [mut slow, mut quick] = <[Shard; 2]>::try_from(shards(2, Limits::default()))
        .unwrap_or_else(|shards| panic!("{} shards", shards.len()));
    let client = connect(&mut slow, &client_of(0));
    let other = connect(&mut quick, &client_of(1));
    send(&mut slow, client, &retain("first"));
    send(&mut quick, other, &retain(then));
    let mut log = take_records(&mut quick);
    // What follows from a record that the log has is made afterwards.
    for _ in 0..2 {
        log.extend(take_records(&mut slow));
        log.extend(take_records(&mut quick));
    }
    log
}

#[test]
fn what_was_cleared_stays_cleared_wherever_the_log_begins() {
    let log = race("");
    for first in 0..=log.len() {
        assert_eq!(read(&log[first..]), BTreeMap::new(), "from {first} on: {log:?}");
    }
}

#[test]
fn what_was_replaced_needs_no_more_records() {
    let log = race("second");
    assert_eq!(log.len(), 2, "{log:?}");
    let retained = read(&log);
    assert_eq!(retained.values().collect::<Vec<_>>(), ["second"]);
}
