//! A broker that goes on with what another one has kept. A crash is a copy of the directory, taken
//! while the broker runs: what it has written by then is what would be left of it.

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferrymq_broker::{Message, Publication, Record, SessionNumber, StoredTarget, record_codec};
use ferrymq_codec::{Properties, QoS, TopicName};
use ferrymq_protocol::time::Instant;
use ferrymq_server::{DataError, DataOptions, Listener, ServeError, ServeOptions, Server};
use ferrymq_store::{Log, RealDisk, RunBuilder};
use tempfile::TempDir;

use crate::peer::{
    Peer, Version, acknowledge, connect, connect_with_will, publish, published, subscribe,
};

/// A broker and what it keeps.
struct Broker {
    server: Server,
    address: SocketAddr,
    directory: TempDir,
}

impl Broker {
    fn start() -> Self {
        Self::start_on(directory(), 2)
    }

    fn start_on(directory: TempDir, shards: u16) -> Self {
        let server = serve(directory.path(), shards).expect("it can be restored");
        let address = server.addresses()[0];
        Self { server, address, directory }
    }

    /// What is left if it crashes now, with other shards.
    fn crash(self) -> Self {
        let copy = directory();
        let log = copy.path().join("log");
        fs::create_dir(&log).unwrap();
        for entry in fs::read_dir(self.directory.path().join("log")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), log.join(entry.file_name())).unwrap();
        }
        self.stop();
        Self::start_on(copy, 3)
    }

    /// Ends it as it should be ended.
    fn stop(self) -> TempDir {
        self.server.stop();
        self.server.join().expect("everything can be written");
        self.directory
    }

    /// A client that goes on with its session. Whether there was one.
    fn resume(&self, version: Version, client_id: &str) -> (Peer, bool) {
        let mut peer = Peer::open(self.address);
        peer.send(&connect(version, client_id, false));
        let packet = peer.expect_kind(0x20);
        assert_eq!(packet[3], 0, "{packet:02x?}");
        (peer, packet[2] == 1)
    }
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("there is room for files")
}

fn serve(directory: &Path, shards: u16) -> Result<Server, ServeError> {
    let mut data = DataOptions::new(directory);
    data.log.segment_bytes = 256 * 1024;
    Server::start(ServeOptions {
        listen: vec![Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)))],
        shards: NonZeroU16::new(shards),
        data: Some(data),
        ..ServeOptions::default()
    })
}

/// Crashes, and ends, and goes on.
fn both_ways(check: impl Fn(Broker, fn(Broker) -> Broker)) {
    check(Broker::start(), Broker::crash);
    check(Broker::start(), |broker| Broker::start_on(broker.stop(), 1));
}

#[test]
fn sessions_subscriptions_and_queues_go_on_in_order() {
    const MESSAGES: u16 = 100;
    both_ways(|broker, again| {
        for version in [Version::V3_1_1, Version::V5] {
            let (mut peer, present) = broker.resume(version, &format!("{version:?}"));
            assert!(!present);
            peer.subscribe(version, "queue/#", 1);
            drop(peer);
        }
        let mut publisher = Peer::connect(broker.address, Version::V5, "publisher");
        for number in 1..=MESSAGES {
            publisher.send(&publish(Version::V5, 1, number, "queue/a", &number.to_be_bytes()));
            publisher.expect_kind(0x40);
        }
        let broker = again(broker);
        let mut publisher = Peer::connect(broker.address, Version::V5, "publisher");
        publisher.send(&publish(Version::V5, 1, 1, "queue/b", b"after"));
        publisher.expect_kind(0x40);
        for version in [Version::V3_1_1, Version::V5] {
            let (mut peer, present) = broker.resume(version, &format!("{version:?}"));
            assert!(present);
            for number in 1..=MESSAGES {
                let packet = peer.expect_kind(0x32);
                let (packet_id, payload) = published(version, &packet);
                assert_eq!(payload, number.to_be_bytes());
                peer.send(&acknowledge(0x40, packet_id));
            }
            let packet = peer.expect_kind(0x32);
            assert_eq!(published(version, &packet).1, b"after");
        }
        broker.stop();
    });
}

#[test]
fn what_is_over_does_not_come_back() {
    both_ways(|broker, again| {
        let mut publisher = Peer::connect(broker.address, Version::V5, "publisher");
        let (mut peer, _) = broker.resume(Version::V5, "reader");
        peer.subscribe(Version::V5, "left", 1);
        peer.subscribe(Version::V5, "stays", 1);
        peer.send(&[0xa2, 9, 0, 4, 0, 0, 4, b'l', b'e', b'f', b't']);
        peer.expect_kind(0xb0);
        publisher.send(&publish(Version::V5, 1, 1, "stays", b"read"));
        publisher.expect_kind(0x40);
        let packet = peer.expect_kind(0x32);
        peer.send(&acknowledge(0x40, published(Version::V5, &packet).0));
        // It is answered in order, and the answer to a SUBSCRIBE waits for the log.
        peer.subscribe(Version::V5, "stays", 1);
        Peer::connect(broker.address, Version::V5, "ended");
        let (ended, _) = broker.resume(Version::V5, "ended");
        drop(ended);
        Peer::connect(broker.address, Version::V5, "ended");

        let broker = again(broker);
        let mut publisher = Peer::connect(broker.address, Version::V5, "publisher");
        for topic in ["left", "stays"] {
            publisher.send(&publish(Version::V5, 1, 1, topic, topic.as_bytes()));
            publisher.expect_kind(0x40);
        }
        let (mut peer, present) = broker.resume(Version::V5, "reader");
        assert!(present);
        let packet = peer.expect_kind(0x32);
        assert_eq!(published(Version::V5, &packet).1, b"stays");
        peer.ping();
        assert!(!broker.resume(Version::V5, "ended").1);
        broker.stop();
    });
}

#[test]
fn retained_message_is_the_last_one() {
    both_ways(|broker, again| {
        let mut publisher = Peer::connect(broker.address, Version::V5, "publisher");
        let retain = |qos, id, topic, payload: &[u8]| {
            let mut packet = publish(Version::V5, qos, id, topic, payload);
            packet[0] |= 1;
            packet
        };
        for (number, payload) in (1u16..).zip(["first", "second", "last"]) {
            publisher.send(&retain(1, number, "kept", payload.as_bytes()));
            publisher.expect_kind(0x40);
        }
        for (number, payload) in (1u16..).zip(["there", ""]) {
            publisher.send(&retain(1, number, "cleared", payload.as_bytes()));
            publisher.expect_kind(0x40);
        }
        let broker = again(broker);
        let mut reader = Peer::connect(broker.address, Version::V5, "reader");
        reader.send(&subscribe(Version::V5, 9, "#", 1));
        reader.expect_kind(0x90);
        let packet = reader.expect_kind(0x33);
        assert_eq!(published(Version::V5, &packet).1, b"last");
        reader.ping();
        broker.stop();
    });
}

#[test]
fn message_of_qos_2_comes_once_wherever_the_exchange_was_cut() {
    let version = Version::V3_1_1;
    let broker = Broker::start();
    let (mut reader, _) = broker.resume(version, "reader");
    reader.subscribe(version, "exact", 2);
    let (mut publisher, _) = broker.resume(version, "publisher");
    publisher.send(&publish(version, 2, 12, "exact", b"once"));
    publisher.expect_kind(0x50);
    let packet = reader.expect_kind(0x34);
    let (packet_id, _) = published(version, &packet);

    // Both have the message, and have not said so.
    let broker = broker.crash();
    let (mut publisher, present) = broker.resume(version, "publisher");
    assert!(present);
    let mut again = publish(version, 2, 12, "exact", b"once");
    again[0] |= 8;
    publisher.send(&again);
    publisher.expect_kind(0x50);
    let (mut reader, _) = broker.resume(version, "reader");
    let packet = reader.expect_kind(0x3c);
    assert_eq!(published(version, &packet), (packet_id, &b"once"[..]));
    reader.send(&acknowledge(0x50, packet_id));
    reader.expect_kind(0x62);

    // It is released on both sides.
    let broker = broker.crash();
    let (mut publisher, _) = broker.resume(version, "publisher");
    publisher.send(&acknowledge(0x62, 12));
    publisher.expect_kind(0x70);
    let (mut reader, _) = broker.resume(version, "reader");
    let packet = reader.expect_kind(0x62);
    assert_eq!(packet[2..4], packet_id.to_be_bytes());
    reader.send(&acknowledge(0x70, packet_id));
    reader.ping();
    broker.stop();
}

#[test]
fn will_of_a_client_that_was_connected_is_published() {
    let broker = Broker::start();
    let (mut reader, _) = broker.resume(Version::V5, "reader");
    reader.subscribe(Version::V5, "will/#", 1);
    drop(reader);
    for clean in [false, true] {
        let mut peer = Peer::open(broker.address);
        let client_id = format!("will-{clean}");
        peer.send(&connect_with_will(Version::V5, &client_id, clean, "will/x", b"gone"));
        peer.expect_connack();
        // A transient session's CONNACK does not wait for the log; SUBACK of another one does.
        let (mut other, _) = broker.resume(Version::V5, "other");
        other.subscribe(Version::V5, "other", 1);
        std::mem::forget(peer);
    }
    let broker = broker.crash();
    let (mut reader, present) = broker.resume(Version::V5, "reader");
    assert!(present);
    for _ in 0..2 {
        let packet = reader.expect_kind(0x32);
        let (packet_id, payload) = published(Version::V5, &packet);
        assert_eq!(payload, b"gone");
        reader.send(&acknowledge(0x40, packet_id));
    }
    broker.stop();
}

/// Writes a log that ends with these records, an hour ago.
fn log_of_an_hour_ago(records: &[Record]) -> TempDir {
    let directory = directory();
    let disk = RealDisk::new(directory.path().join("log")).unwrap();
    let options = DataOptions::new(directory.path()).log;
    let log: Log<RealDisk> =
        Log::open(disk, options, &mut |_| Ok::<(), DataError>(()), &mut |_, _| {}).unwrap();
    let mut run = RunBuilder::new(0, 1);
    for record in records {
        run.push(matches!(record, Record::Message { .. }), |bytes| {
            record_codec::encode(record, bytes);
        });
    }
    let nanos = an_hour_ago().as_nanos();
    log.append(run.finish(nanos, true));
    log.close().unwrap();
    directory
}

fn an_hour_ago() -> Instant {
    let then = SystemTime::now() - Duration::from_hours(1);
    Instant::ZERO.saturating_add(then.duration_since(UNIX_EPOCH).unwrap())
}

#[test]
fn time_goes_on_while_there_is_no_broker() {
    let session = |number, client_id: &str, minutes: u32| Record::Session {
        session: SessionNumber(number),
        client_id: client_id.into(),
        username: None,
        expiry_interval: minutes * 60,
    };
    let message = |payload: &str, minutes| {
        let publication = Publication {
            topic: TopicName::trusted("a"),
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
            qos: QoS::AtLeastOnce,
            retain: false,
            expires: an_hour_ago().saturating_add(Duration::from_mins(minutes)),
            publisher: SessionNumber(9),
        };
        let target = StoredTarget {
            session: SessionNumber(2),
            qos: QoS::AtLeastOnce,
            retain: false,
            identifiers: Arc::from([]),
            group: None,
        };
        let message = Arc::new(Message::new(&publication, Arc::from("a")));
        Record::Message { message, targets: vec![target] }
    };
    let directory = log_of_an_hour_ago(&[
        session(1, "short", 30),
        session(2, "long", 90),
        message("stale", 30),
        message("fresh", 90),
    ]);
    let broker = Broker::start_on(directory, 2);
    assert!(!broker.resume(Version::V5, "short").1);
    let (mut peer, present) = broker.resume(Version::V5, "long");
    assert!(present);
    let packet = peer.expect_kind(0x32);
    assert!(packet.ends_with(b"fresh"), "{packet:02x?}");
    broker.stop();
}

#[test]
fn second_broker_on_a_directory_is_refused() {
    let broker = Broker::start();
    let Err(ServeError::Data(error)) = serve(broker.directory.path(), 2) else {
        panic!("the directory is taken");
    };
    let words = format!("in use by process {}", std::process::id());
    assert!(error.to_string().contains(&words), "{error}");
    broker.stop();
}

#[test]
fn damaged_log_is_named_and_nothing_is_served() {
    let broker = Broker::start();
    broker.resume(Version::V5, "kept");
    let directory = broker.stop();
    let log = directory.path().join("log");
    let segment = fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .expect("there is a segment");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[20] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let Err(error) = serve(directory.path(), 2) else {
        panic!("a bit was flipped");
    };
    let words = error.to_string();
    assert!(words.contains(segment.to_str().unwrap()) && words.contains("byte 0"), "{words}");
}
