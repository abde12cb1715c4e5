//! A disk that is full, or may not be written: nothing is promised that cannot be kept, the rest
//! goes on, and the broker recovers by itself.

#![cfg(target_os = "linux")]

mod peer;
mod small_disk;

use std::time::{Duration, Instant};

use ferrymq_codec::{QoS, ReasonCode};
use ferrymq_crash::{Broker, BrokerOptions};

use crate::peer::Peer;
use crate::small_disk::SmallDisk;

fn options(disk: &SmallDisk) -> BrokerOptions {
    let mut options = BrokerOptions::new(&disk.place().join("data"));
    options.beside = Some(disk.keeper());
    options.segment_bytes = Some(1 << 20);
    options
}

fn start(disk: &SmallDisk) -> (Broker, u16) {
    let mut broker = Broker::start(&options(disk));
    let port = broker.port().unwrap_or_else(|words| panic!("{words}"));
    (broker, port)
}

/// A session that is away, with a subscription to everything below `kept`.
fn away(port: u16) {
    let mut subscriber = Peer::connect(port, "away", true).expect("there is room");
    assert_eq!(subscriber.subscribe("kept/#"), ReasonCode::GrantedQoS1);
}

/// Publishes until the broker has no room, and returns how many messages it has taken.
fn fill(publisher: &mut Peer) -> usize {
    let payload = vec![b'x'; 50_000];
    for taken in 0..1000 {
        match publisher.publish("kept/1", QoS::AtLeastOnce, &payload) {
            ReasonCode::Success => {}
            ReasonCode::QuotaExceeded => return taken,
            other => panic!("PUBACK says {other:?}"),
        }
    }
    panic!("50 MB fit on a disk of 8");
}

/// A broker on a full disk, where this many messages wait for a session that is away.
fn start_on_a_full_disk(disk: &SmallDisk) -> (Broker, u16, usize) {
    let (broker, port) = start(disk);
    away(port);
    let mut publisher = Peer::connect(port, "publisher", false).expect("nothing is kept of it");
    let taken = fill(&mut publisher);
    assert!(taken > 10, "only {taken} messages fit");
    (broker, port, taken)
}

#[test]
fn full_disk_refuses_what_must_be_kept_and_nothing_else() {
    let disk = SmallDisk::new(6 << 20);
    let (_broker, port, _) = start_on_a_full_disk(&disk);
    let mut online = Peer::connect(port, "online", false).expect("nothing is kept of it");
    online.subscribe("fleeting");
    let mut publisher = Peer::connect(port, "publisher", false).expect("nothing is kept of it");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        assert_eq!(publisher.publish("fleeting", qos, b"goes on"), ReasonCode::Success);
        assert_eq!(online.receive_payload(), b"goes on");
    }
    let refused = publisher.publish("kept/2", QoS::ExactlyOnce, b"more");
    assert_eq!(refused, ReasonCode::QuotaExceeded);
    let refused = Peer::connect(port, "new", true).err();
    assert_eq!(refused, Some(ReasonCode::QuotaExceeded));
}

#[test]
fn space_that_is_given_back_is_used_and_nothing_was_lost() {
    let disk = SmallDisk::new(8 << 20);
    disk.occupy(2 << 20);
    let (mut broker, port, taken) = start_on_a_full_disk(&disk);
    let words = broker.line_with("space").unwrap_or_else(|words| panic!("{words}"));
    assert!(words.contains("ERROR"), "{words}");
    disk.vacate();
    let mut publisher = Peer::connect(port, "publisher", false).expect("nothing is kept of it");
    // It fails until the broker has noticed that there is room.
    let deadline = Instant::now() + PATIENCE;
    while publisher.publish("kept/2", QoS::AtLeastOnce, b"more") != ReasonCode::Success {
        assert!(Instant::now() < deadline, "it does not recover:\n{}", broker.words());
    }
    broker.kill();
    let (_broker, port) = start(&disk);
    let mut subscriber = Peer::connect(port, "away", true).expect("the session is there");
    for number in 0..=taken {
        let expected = if number < taken { 50_000 } else { 4 };
        let payload = subscriber.receive_payload();
        assert_eq!(payload.len(), expected, "message {number} of {taken}");
    }
}

#[test]
fn broker_that_is_killed_on_a_full_disk_starts_again_and_has_everything() {
    let disk = SmallDisk::new(6 << 20);
    let (mut broker, _, taken) = start_on_a_full_disk(&disk);
    broker.kill();
    let (_broker, port) = start(&disk);
    let mut subscriber = Peer::connect(port, "away", true).expect("the session is there");
    for number in 0..taken {
        assert_eq!(subscriber.receive_payload().len(), 50_000, "message {number} of {taken}");
    }
}

#[test]
fn directory_that_may_not_be_written_is_named_at_the_start() {
    let disk = SmallDisk::new(6 << 20);
    let (mut broker, _) = start(&disk);
    broker.kill();
    disk.forbid_writing();
    let mut broker = Broker::start(&options(&disk));
    let status = broker.end().expect("it cannot go on");
    assert_eq!(status.code(), Some(1), "{}", broker.words());
    let place = disk.place().join("data");
    assert!(broker.words().contains(&*place.to_string_lossy()), "{}", broker.words());
}

/// How long the broker may take to notice that there is room.
const PATIENCE: Duration = Duration::from_secs(20);
