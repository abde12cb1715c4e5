//! A network that is slow, far away and cut again and again loses nothing that
//! was promised: `QoS` 1 arrives at least once, `QoS` 2 exactly once.
//!
//! These tests mostly wait for a distant peer, so all libraries wait together.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use ferrymq_interop::{
    Broker, Client, Event, Library, Message, Options, PATIENCE, QoS, SlowLink, Version,
};

#[test]
fn publisher_on_a_cut_link_loses_nothing() {
    for_each(|library, _| library.resends(), publisher_on_a_cut_link);
}

#[test]
fn subscriber_on_a_cut_link_loses_nothing() {
    let can = |library, version| {
        // It forgets its open QoS 2 messages when it reconnects, and then takes the
        // broker's PUBREL for a violation.
        library != Library::Rumqttc
            // It counts an open QoS 2 message that is sent again a second time
            // against its Receive Maximum, and gives up when that seems exceeded.
            && (library, version) != (Library::Mosquitto, Version::V5)
    };
    for_each(can, subscriber_on_a_cut_link);
}

#[test]
fn keep_alive_holds_and_half_open_is_found() {
    for_each(|_, _| true, keep_alive);
}

fn publisher_on_a_cut_link(library: Library, version: Version) {
    let broker = Broker::start();
    let direct = Options::new(broker.port(), version, "station").subscribe("#", QoS::ExactlyOnce);
    let mut station = Library::Rumqttc.open(direct);
    let link = SlowLink::satellite(broker.port(), CUTS);
    let distant = Options::new(link.port(), version, "pipeline").persistent().reconnecting();
    let mut pipeline = library.open(distant);
    for message in readings() {
        pipeline.publish(&message);
    }
    let arrived = arrivals(&mut *station);
    pipeline.complete(PATIENCE * 2);
    // Everything is acknowledged by now: whatever comes before this is too much.
    station.say(&Message::new("end", "", QoS::ExactlyOnce));
    check(arrived, station.messages_until("end"));
    assert_eq!(link.cuts(), CUTS.len(), "the link was cut as planned");
}

fn subscriber_on_a_cut_link(library: Library, version: Version) {
    let broker = Broker::start();
    let link = SlowLink::satellite(broker.port(), CUTS);
    let distant = Options::new(link.port(), version, "rig")
        .persistent()
        .reconnecting()
        .subscribe("line/+", QoS::ExactlyOnce)
        .subscribe("end", QoS::ExactlyOnce);
    let mut rig = library.open(distant);
    let mut station = Library::Rumqttc.open(Options::new(broker.port(), version, "station"));
    for message in readings() {
        station.publish(&message);
    }
    station.complete(PATIENCE);
    let arrived = arrivals(&mut *rig);
    station.say(&Message::new("end", "", QoS::ExactlyOnce));
    check(arrived, rig.messages_until("end"));
    assert_eq!(link.cuts(), CUTS.len(), "the link was cut as planned");
}

/// A connection on which nothing is said stays; one on which nothing can be said
/// any more ends, and its will is published.
fn keep_alive(library: Library, version: Version) {
    let broker = Broker::start();
    let link = SlowLink::fast(broker.port());
    let last_words = Message::new("presence/buoy", "gone", QoS::AtLeastOnce);
    let watching = Options::new(broker.port(), version, "watcher")
        .subscribe("presence/buoy", QoS::AtLeastOnce);
    let mut watcher = Library::Rumqttc.open(watching);
    let options = Options::new(link.port(), version, "buoy")
        .keep_alive(KEEP_ALIVE)
        .subscribe("call", QoS::AtLeastOnce)
        .will(last_words.clone());
    let mut buoy = library.open(options);

    // Silence longer than the broker would bear without PINGREQ.
    assert_eq!(buoy.event(Instant::now() + KEEP_ALIVE * 2), None);
    let call = Message::new("call", "", QoS::AtLeastOnce);
    watcher.say(&call);
    assert_eq!(buoy.event(Instant::now() + PATIENCE), Some(Event::Message(call)));

    link.freeze();
    let frozen = Instant::now();
    assert_eq!(watcher.message(), last_words);
    // [MQTT-3.1.2-22]: one and a half times the keep alive after the last packet,
    // and a broker may look at its clock seldom.
    assert!(frozen.elapsed() < KEEP_ALIVE * 3, "{:?}", frozen.elapsed());
}

/// Twelve readings of either `QoS` that promises something. MQTT.js sends again one
/// at a time, so that each costs a round trip or two.
fn readings() -> impl Iterator<Item = Message> {
    (0..12).flat_map(|number| {
        [QoS::AtLeastOnce, QoS::ExactlyOnce]
            .map(|qos| Message::new(&format!("line/{qos:?}"), format!("압력 {number:02}"), qos))
    })
}

/// How often each message came, until each has come.
fn arrivals(client: &mut dyn Client) -> Arrivals {
    let mut arrivals = Arrivals::new();
    while arrivals.len() < readings().count() {
        let message = client.message_within(PATIENCE * 2);
        *arrivals.entry((message.topic, message.payload)).or_insert(0) += 1;
    }
    arrivals
}

fn check(mut arrivals: Arrivals, rest: Vec<Message>) {
    for message in rest {
        *arrivals.entry((message.topic, message.payload)).or_insert(0) += 1;
    }
    assert_eq!(arrivals.len(), readings().count());
    for message in readings() {
        let times = arrivals[&(message.topic.clone(), message.payload.clone())];
        assert!(message.qos == QoS::AtLeastOnce || times == 1, "{message:?} came {times} times");
    }
}

type Arrivals = BTreeMap<(String, Vec<u8>), u32>;

/// Runs a scenario with all libraries that can take part, and both versions, at
/// the same time.
fn for_each(can: impl Fn(Library, Version) -> bool, scenario: fn(Library, Version)) {
    thread::scope(|scope| {
        for version in [Version::V3, Version::V5] {
            for library in Library::ALL.into_iter().filter(|library| can(*library, version)) {
                // A panic's message names its thread.
                thread::Builder::new()
                    .name(format!("{library:?} {version:?}"))
                    .spawn_scoped(scope, move || scenario(library, version))
                    .expect("the system has a thread");
            }
        }
    });
}

/// Bytes after which connections are cut, one after the other.
const CUTS: &[u64] = &[300, 300, 250];

/// Short enough to wait for, long enough for clients that look at the clock once
/// a second; `mosquitto_sub` takes nothing shorter.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
