//! What is published arrives as it was said: every quality of service, every byte
//! of topic and payload, at those who asked for it and at nobody else.

use std::time::{Duration, Instant};

use ferrymq_interop::{Broker, Library, Message, Options, PATIENCE, QoS, Version, scenarios};

scenarios!(
    qualities_of_service,
    wildcards,
    retained,
    korean_topics_and_payloads,
    chat_room,
    sensor_network,
    one_megabyte,
    sixty_four_megabytes,
);

/// The delivered QoS is the lower one of message and subscription.
fn qualities_of_service(library: Library, version: Version) {
    let broker = Broker::start();
    let mut publisher = library.open(Options::new(broker.port(), version, "publisher"));
    for granted in QoS::ALL {
        let options =
            Options::new(broker.port(), version, "subscriber").subscribe("qos/#", granted);
        let mut subscriber = library.open(options);
        for published in QoS::ALL {
            publisher.say(&Message::new("qos/each", "once", published));
            let expected = Message::new("qos/each", "once", published.min(granted));
            assert_eq!(subscriber.message(), expected, "{published:?} to {granted:?}");
        }
        subscriber.close();
    }
    publisher.close();
}

fn wildcards(library: Library, version: Version) {
    let broker = Broker::start();
    let topics = [
        "home",
        "home/temperature",
        "home/kitchen/temperature",
        "home/kitchen/oven/temperature",
        "home//temperature",
        "/home",
        "office/temperature",
    ];
    let expectations: [(&str, &[usize]); 4] = [
        ("home/+/temperature", &[2, 4]),
        ("home/#", &[0, 1, 2, 3, 4]),
        ("+/temperature", &[1, 6]),
        ("/+", &[5]),
    ];
    let mut publisher = library.open(Options::new(broker.port(), version, "publisher"));
    for (filter, expected) in expectations {
        // Both are subscribed, but no topic below matches both.
        let options = Options::new(broker.port(), version, "subscriber")
            .subscribe(filter, QoS::AtLeastOnce)
            .subscribe("the/end", QoS::AtLeastOnce);
        let mut subscriber = library.open(options);
        for topic in topics {
            publisher.say(&Message::new(topic, topic, QoS::AtLeastOnce));
        }
        publisher.say(&Message::new("the/end", "", QoS::AtLeastOnce));
        for index in expected {
            assert_eq!(subscriber.message().topic, topics[*index], "{filter}");
        }
        assert_eq!(subscriber.message().topic, "the/end", "{filter}");
        subscriber.close();
    }
}

fn retained(library: Library, version: Version) {
    let broker = Broker::start();
    let subscription =
        Options::new(broker.port(), version, "subscriber").subscribe("lamp/+", QoS::AtLeastOnce);
    let on = Message::new("lamp/hall", "on", QoS::AtLeastOnce);
    let mut publisher = library.open(Options::new(broker.port(), version, "publisher"));

    publisher.say(&Message::new("lamp/hall", "off", QoS::AtLeastOnce).retained());
    publisher.say(&on.clone().retained());
    let mut late = library.open(subscription.clone());
    assert_eq!(late.message(), on.clone().retained(), "the last one is kept");
    publisher.say(&on.clone().retained());
    assert_eq!(late.message(), on, "who is subscribed already hears it as it is said");
    publisher.say(&Message::new("lamp/hall", "", QoS::AtLeastOnce).retained());
    assert_eq!(late.message(), Message::new("lamp/hall", "", QoS::AtLeastOnce));
    late.close();

    let mut later = library.open(subscription);
    let fresh = Message::new("lamp/door", "on", QoS::AtLeastOnce);
    publisher.say(&fresh);
    assert_eq!(later.message(), fresh, "an empty payload forgets");
    later.close();
    publisher.close();
}

/// Two robots with three parts and two sensors each.
fn korean_topics_and_payloads(library: Library, version: Version) {
    let broker = Broker::start();
    let readings: Vec<Message> = ["A", "B"]
        .iter()
        .flat_map(|robot| ["머리", "몸통", "다리"].map(|part| format!("{robot}/{part}")))
        .flat_map(|part| [(format!("{part}/온도"), "25.5°C"), (format!("{part}/습도"), "60%")])
        .map(|(topic, value)| Message::new(&topic, value, QoS::AtLeastOnce))
        .collect();
    assert_eq!(readings.len(), 12);
    let mut publisher = library.open(Options::new(broker.port(), version, "로봇"));
    for (filter, count) in [("A/#", 6), ("B/다리/#", 2), ("A/몸통/온도", 1)] {
        let options = Options::new(broker.port(), version, "관제")
            .subscribe(filter, QoS::AtLeastOnce)
            .subscribe("끝", QoS::AtLeastOnce);
        let mut subscriber = library.open(options);
        for reading in &readings {
            publisher.say(reading);
        }
        publisher.say(&Message::new("끝", "🤖", QoS::AtLeastOnce));
        let prefix = filter.trim_end_matches('#');
        let expected: Vec<Message> =
            readings.iter().filter(|reading| reading.topic.starts_with(prefix)).cloned().collect();
        assert_eq!(expected.len(), count);
        assert_eq!(subscriber.messages(count), expected, "{filter}");
        assert_eq!(subscriber.message(), Message::new("끝", "🤖", QoS::AtLeastOnce), "{filter}");
        subscriber.close();
    }
}

/// Everybody in the room hears everybody, oneself included, in the order of each.
fn chat_room(library: Library, version: Version) {
    let broker = Broker::start();
    let people = ["민준", "서연"];
    let mut clients = people.map(|name| {
        let options =
            Options::new(broker.port(), version, name).subscribe("chat/lobby", QoS::AtLeastOnce);
        library.open(options)
    });
    for turn in 0..3 {
        for (name, client) in people.iter().zip(&mut clients) {
            let text = format!(r#"{{"user":"{name}","message":"안녕하세요 {turn}"}}"#);
            client.say(&Message::new("chat/lobby", text, QoS::AtLeastOnce));
        }
    }
    let heard = clients.each_mut().map(|client| client.messages(6));
    assert_eq!(heard[0], heard[1], "one speaks after the other has been acknowledged");
    assert!(heard[0].is_sorted_by_key(|message| message.payload.last_chunk::<3>().copied()));
}

/// Many small sensors, each with its own topic, and one that collects four kinds.
fn sensor_network(library: Library, version: Version) {
    let broker = Broker::start();
    let kinds = ["temperature", "humidity", "pressure", "light"];
    let mut options = Options::new(broker.port(), version, "collector");
    for kind in kinds {
        options = options.subscribe(&format!("sensor/{kind}"), QoS::ExactlyOnce);
    }
    let mut collector = library.open(options);
    let mut sensors = kinds.map(|kind| library.open(Options::new(broker.port(), version, kind)));
    for round in 0..5 {
        for (kind, sensor) in kinds.iter().zip(&mut sensors) {
            let topic = format!("sensor/{kind}");
            sensor.say(&Message::new(&topic, format!("{round}"), QoS::ExactlyOnce));
        }
    }
    let readings = collector.messages(20);
    for kind in kinds {
        let values: Vec<&[u8]> = readings
            .iter()
            .filter(|reading| reading.topic == format!("sensor/{kind}"))
            .map(|reading| &reading.payload[..])
            .collect();
        assert_eq!(values, [b"0", b"1", b"2", b"3", b"4"], "{kind}");
    }
}

/// Others talk on while a message of 64 MB is under way.
#[test]
fn sixty_four_megabytes_starve_nobody() {
    let library = Library::Rumqttc;
    let broker = Broker::start_with_max_packet_size(80_000_000);
    let options = |name| Options::new(broker.port(), Version::V5, name);
    let mut receiver = library.open(options("receiver").subscribe("file", QoS::AtLeastOnce));
    let mut bystander = library.open(options("bystander").subscribe("talk", QoS::AtLeastOnce));
    let mut publisher = library.open(options("publisher"));
    let small = Message::new("talk", "still here", QoS::AtLeastOnce);
    publisher.publish(&Message::new("file", vec![0x55; 64_000_000], QoS::AtLeastOnce));
    let mut conversations = 0;
    while receiver.event(Instant::now()).is_none() {
        bystander.say(&small);
        assert_eq!(bystander.message_within(Duration::from_secs(5)), small);
        conversations += 1;
    }
    assert!(conversations > 1, "{conversations}");
}

fn one_megabyte(library: Library, version: Version) {
    large(&Broker::start(), library, version, 1 << 20, &QoS::ALL);
}

fn sixty_four_megabytes(library: Library, version: Version) {
    let broker = Broker::start_with_max_packet_size(80_000_000);
    large(&broker, library, version, 64_000_000, &[QoS::AtLeastOnce]);
}

fn large(broker: &Broker, library: Library, version: Version, length: usize, qualities: &[QoS]) {
    let options =
        Options::new(broker.port(), version, "subscriber").subscribe("file", QoS::ExactlyOnce);
    let mut subscriber = library.open(options);
    let mut publisher = library.open(Options::new(broker.port(), version, "publisher"));
    // No period that a buffer's size could hide.
    let payload: Vec<u8> = (0..=250).cycle().take(length).collect();
    for qos in qualities {
        let message = Message::new("file", payload.clone(), *qos);
        publisher.publish(&message);
        let received = subscriber.message_within(PATIENCE * 2);
        publisher.complete(PATIENCE);
        assert!(received == message, "{received:?} is not {message:?}");
    }
}
