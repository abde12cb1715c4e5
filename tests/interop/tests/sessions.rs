//! What outlives a connection, and what its end sets off.

use std::collections::BTreeMap;

use ferrymq_interop::{Broker, Library, Message, Options, QoS, Version, scenarios};

scenarios!(
    will,
    offline_queue,
    clean_start_forgets,
    take_over,
    shared_subscription,
    everybody_hears_everybody,
);

fn will(library: Library, version: Version) {
    let broker = Broker::start();
    let last_words = Message::new("presence/robot", "gone", QoS::AtLeastOnce);
    let watching =
        Options::new(broker.port(), version, "watcher").subscribe("presence/#", QoS::AtLeastOnce);
    let mut watcher = library.open(watching);
    let mortal = Options::new(broker.port(), version, "robot").will(last_words.clone().retained());

    library.open(mortal.clone()).close();
    if library.disconnects_with_will(version) {
        assert_eq!(watcher.message(), last_words, "DISCONNECT may ask for the will");
    }
    watcher.say(&Message::new("presence/marker", "", QoS::AtLeastOnce));
    assert_eq!(watcher.message().topic, "presence/marker", "DISCONNECT discards the will");

    library.open(mortal).abort();
    assert_eq!(watcher.message(), last_words);
    let late =
        Options::new(broker.port(), version, "late").subscribe("presence/#", QoS::AtLeastOnce);
    assert_eq!(library.open(late).message(), last_words.retained());
}

/// The phone sleeps; what was said meanwhile comes once, and in order.
fn offline_queue(library: Library, version: Version) {
    let broker = Broker::start();
    let phone = Options::new(broker.port(), version, "phone").persistent();
    let mut publisher = library.open(Options::new(broker.port(), version, "kitchen"));
    let first = library.open(phone.clone().subscribe("order/+", QoS::ExactlyOnce));
    assert_ne!(first.session_present(), Some(true));
    first.close();

    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let topic = format!("order/{qos:?}");
        let orders: Vec<Message> =
            (0..10).map(|number| Message::new(&topic, number.to_string(), qos)).collect();
        for order in &orders {
            publisher.say(order);
        }
        let mut again = library.open(phone.clone());
        assert_ne!(again.session_present(), Some(false));
        assert_eq!(again.messages(10), orders);
        publisher.say(&Message::new(&topic, "fresh", qos));
        assert_eq!(again.message(), Message::new(&topic, "fresh", qos));
        // One's own message, acknowledged, says that what was written before it has
        // arrived as well: the acknowledgements of the orders. A crash then keeps
        // the session, and only that.
        again.say(&Message::new("good/night", "", QoS::AtLeastOnce));
        again.abort();
    }
    let mut last = library.open(phone.subscribe("marker", QoS::AtLeastOnce));
    publisher.say(&Message::new("marker", "", QoS::AtLeastOnce));
    assert_eq!(last.messages_until("marker"), [], "what was acknowledged does not come again");
}

fn clean_start_forgets(library: Library, version: Version) {
    let broker = Broker::start();
    let phone = Options::new(broker.port(), version, "phone");
    let mut publisher = library.open(Options::new(broker.port(), version, "publisher"));
    library.open(phone.clone().persistent().subscribe("old", QoS::AtLeastOnce)).close();
    publisher.say(&Message::new("old", "queued", QoS::AtLeastOnce));

    let mut fresh = library.open(phone.subscribe("new", QoS::AtLeastOnce));
    assert_ne!(fresh.session_present(), Some(true));
    publisher.say(&Message::new("old", "unsubscribed", QoS::AtLeastOnce));
    publisher.say(&Message::new("new", "heard", QoS::AtLeastOnce));
    assert_eq!(fresh.message(), Message::new("new", "heard", QoS::AtLeastOnce));
}

/// A second connection of the same client identifier ends the first.
fn take_over(library: Library, version: Version) {
    let broker = Broker::start();
    let options = Options::new(broker.port(), version, "twin").persistent();
    let loser = if library.stays_away() { library } else { Library::Rumqttc };
    let mut first = loser.open(options.clone().subscribe("mine", QoS::AtLeastOnce));
    let mut second = library.open(options);
    first.lost();
    assert_ne!(second.session_present(), Some(false));
    let message = Message::new("mine", "still", QoS::AtLeastOnce);
    second.say(&message);
    assert_eq!(second.message(), message);
}

/// Every message goes to one member of the group, and everybody gets work.
fn shared_subscription(library: Library, version: Version) {
    let broker = Broker::start();
    let mut members = ["one", "two", "three"].map(|name| {
        let options = Options::new(broker.port(), version, name)
            .subscribe("$share/crew/work/#", QoS::AtLeastOnce)
            .subscribe("evening", QoS::AtLeastOnce);
        library.open(options)
    });
    let mut publisher = library.open(Options::new(broker.port(), version, "publisher"));
    for number in 0..30 {
        let topic = format!("work/{}", number % 4);
        publisher.say(&Message::new(&topic, number.to_string(), QoS::AtLeastOnce));
    }
    publisher.say(&Message::new("evening", "", QoS::AtLeastOnce));
    let mut done = BTreeMap::new();
    for member in &mut members {
        let work = member.messages_until("evening");
        assert!(!work.is_empty(), "everybody gets work");
        for message in work {
            *done.entry(message.payload).or_insert(0) += 1;
        }
    }
    assert_eq!(done.len(), 30, "nothing is lost");
    assert!(done.values().all(|times| *times == 1), "nothing is done twice");
}

/// One client of this library and version beside one of each other, in one room.
fn everybody_hears_everybody(library: Library, version: Version) {
    let broker = Broker::start();
    let mut clients: Vec<_> = Library::ALL
        .iter()
        .map(|other| {
            let version = if *other == library { version } else { opposite(version) };
            let options = Options::new(broker.port(), version, &format!("{other:?}"))
                .subscribe("room/+", QoS::ExactlyOnce);
            other.open(options)
        })
        .collect();
    let mut said = Vec::new();
    for (speaker, client) in Library::ALL.iter().zip(&mut clients) {
        for qos in QoS::ALL {
            let topic = format!("room/{speaker:?}");
            let message = Message::new(&topic, format!("여기 {qos:?}"), qos);
            client.say(&message);
            said.push(message);
        }
    }
    said.sort_by_key(|message| (message.topic.clone(), message.qos));
    for (listener, client) in Library::ALL.iter().zip(&mut clients) {
        let mut heard = client.messages(said.len());
        heard.sort_by_key(|message| (message.topic.clone(), message.qos));
        assert_eq!(heard, said, "{listener:?}");
    }
}

fn opposite(version: Version) -> Version {
    match version {
        Version::V3 => Version::V5,
        Version::V5 => Version::V3,
    }
}
