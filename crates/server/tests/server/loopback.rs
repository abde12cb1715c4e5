//! The broker on real sockets: two shards, raw bytes, loopback.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ferrymq_broker::{Access, Ask, Asker, ControlRequest, ControlResponse, Question, Verdict};
use ferrymq_codec::ReasonCode;
use ferrymq_server::{Authority, ListenError, Listener, ServeError, ServeOptions, Server};

use crate::peer::{
    PATIENCE, Peer, Version, acknowledge, client_at, connect, publish, published, subscribe,
};

const VERSIONS: [Version; 2] = [Version::V3_1_1, Version::V5];

fn start(change: impl FnOnce(&mut ServeOptions)) -> (Server, SocketAddr) {
    let mut options = ServeOptions {
        listen: vec![Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)))],
        shards: NonZeroU16::new(2),
        ..ServeOptions::default()
    };
    change(&mut options);
    let server = Server::start(options).expect("a free port can be bound");
    let address = server.addresses()[0];
    (server, address)
}

fn stop(server: Server) {
    server.stop();
    server.join().expect("no shard crashes");
}

#[test]
fn client_of_either_version_is_accepted_and_answered() {
    let (server, address) = start(|_| {});
    for version in VERSIONS {
        for home in [0, 1] {
            let client_id = client_at(server.directory(), home, "hello");
            Peer::connect(address, version, &client_id).ping();
        }
    }
    stop(server);
}

#[test]
fn message_of_any_qos_reaches_subscribers_on_both_shards() {
    let (server, address) = start(|_| {});
    for version in VERSIONS {
        for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            for clean in [true, false] {
                let publisher = client_at(server.directory(), from, "publisher");
                let subscriber = client_at(server.directory(), to, "subscriber");
                let mut publisher = Peer::connect(address, version, &publisher);
                let mut receiver = Peer::open(address);
                receiver.send(&connect(version, &subscriber, clean));
                receiver.expect_connack();
                receiver.subscribe(version, "any/#", 2);
                exchange(version, &mut publisher, &mut receiver);
                // Ends the session, so that the next round begins anew.
                receiver.close_write();
                receiver.expect_end();
                Peer::connect(address, version, &subscriber);
            }
        }
    }
    stop(server);
}

/// Sends a message with each QoS and carries each exchange through on both sides.
fn exchange(version: Version, publisher: &mut Peer, subscriber: &mut Peer) {
    publisher.send(&publish(version, 0, 0, "any/0", b"zero"));
    let packet = subscriber.expect_kind(0x30);
    assert_eq!(published(version, &packet), (0, &b"zero"[..]));

    publisher.send(&publish(version, 1, 11, "any/1", b"one"));
    publisher.expect_kind(0x40);
    let packet = subscriber.expect_kind(0x32);
    let (packet_id, payload) = published(version, &packet);
    assert_eq!(payload, b"one");
    subscriber.send(&acknowledge(0x40, packet_id));

    publisher.send(&publish(version, 2, 12, "any/2", b"two"));
    publisher.expect_kind(0x50);
    publisher.send(&acknowledge(0x62, 12));
    publisher.expect_kind(0x70);
    let packet = subscriber.expect_kind(0x34);
    let (packet_id, payload) = published(version, &packet);
    assert_eq!(payload, b"two");
    subscriber.send(&acknowledge(0x50, packet_id));
    subscriber.expect_kind(0x62);
    subscriber.send(&acknowledge(0x70, packet_id));
    subscriber.ping();
}

#[test]
fn packets_sent_with_connect_are_taken_wherever_the_client_is_at_home() {
    let (server, address) = start(|_| {});
    for version in VERSIONS {
        for round in 0..50 {
            let client_id =
                client_at(server.directory(), round % 2, &format!("pipe{round}-{version:?}"));
            let topic = format!("pipe/{round}");
            let bytes = [
                connect(version, &client_id, round % 4 < 2),
                subscribe(version, 1, &topic, 1),
                publish(version, 1, 2, &topic, b"first"),
                publish(version, 1, 3, &topic, b"second"),
            ]
            .concat();
            let mut peer = Peer::open(address);
            // At once, and in two parts whose border moves through all packets.
            let (front, back) = bytes.split_at(bytes.len() * usize::from(round) / 50);
            peer.send(front);
            peer.send(back);
            peer.expect_connack();
            // Messages may overtake SUBACK, which waits for the log where the session is kept.
            let (mut payloads, mut others) = (Vec::new(), Vec::new());
            for _ in 0..5 {
                let packet = peer.receive().expect("SUBACK, two PUBACKs and two messages");
                if packet[0] & 0xf0 == 0x30 {
                    payloads.push(published(version, &packet).1.to_vec());
                } else {
                    others.push(packet[0]);
                }
            }
            assert_eq!(others, [0x90, 0x40, 0x40]);
            assert_eq!(payloads, [b"first".to_vec(), b"second".to_vec()]);
        }
    }
    stop(server);
}

#[test]
fn ten_thousand_take_overs_leave_one_connection() {
    let (server, address) = start(|_| {});
    let mut holder = Peer::connect(address, Version::V5, "coveted");
    for _ in 0..10_000 {
        let next = Peer::connect(address, Version::V5, "coveted");
        // [MQTT-3.1.4-3]: session taken over.
        let farewell = holder.expect_kind(0xe0);
        assert_eq!(farewell[2], 0x8e);
        holder.expect_end();
        holder = next;
    }
    holder.ping();
    let metrics = server.directory().metrics();
    assert_eq!(metrics.take_overs(), 10_000);
    assert_eq!(metrics.clients_connected(), 1);
    stop(server);
}

#[test]
fn half_a_connect_is_closed_in_time_and_disturbs_nobody() {
    let (server, address) = start(|options| {
        options.limits.connect_timeout = Duration::from_millis(200);
    });
    let mut bystander = Peer::connect(address, Version::V5, "bystander");
    let whole = connect(Version::V3_1_1, "slow", true);
    let mut halves: Vec<Peer> = (1..whole.len())
        .map(|length| {
            let mut peer = Peer::open(address);
            peer.send(&whole[..length]);
            peer
        })
        .collect();
    bystander.ping();
    for peer in &mut halves {
        peer.expect_end();
    }
    bystander.ping();
    assert_eq!(server.directory().metrics().closed_connect_timeout(), halves.len() as u64);
    stop(server);
}

#[test]
fn thousands_of_silent_sockets_are_closed_and_disturb_nobody() {
    let (server, address) = start(|options| {
        options.limits.connect_timeout = Duration::from_secs(2);
    });
    let mut bystander = Peer::connect(address, Version::V3_1_1, "bystander");
    let mut silent: Vec<Peer> = (0..3_000).map(|_| Peer::open(address)).collect();
    bystander.ping();
    for peer in &mut silent {
        peer.expect_end();
    }
    bystander.ping();
    stop(server);
}

#[test]
fn peer_that_closes_its_half_is_answered_before_the_end() {
    let (server, address) = start(|_| {});
    for version in VERSIONS {
        for home in [0, 1] {
            let client_id = client_at(server.directory(), home, "brief");
            let mut peer = Peer::open(address);
            peer.send(&connect(version, &client_id, true));
            peer.send(&subscribe(version, 1, "brief", 0));
            peer.close_write();
            peer.expect_connack();
            peer.expect_kind(0x90);
            peer.expect_end();
        }
    }
    stop(server);
}

#[test]
fn shut_down_tells_clients_and_closes_all() {
    let (server, address) = start(|_| {});
    let mut modern: Vec<Peer> = (0..20)
        .map(|number| Peer::connect(address, Version::V5, &format!("modern{number}")))
        .collect();
    let mut old = Peer::connect(address, Version::V3_1_1, "old");
    let mut silent = Peer::open(address);
    server.stop();
    for peer in &mut modern {
        let farewell = peer.expect_kind(0xe0);
        assert_eq!(farewell[2], 0x8b);
        peer.expect_end();
    }
    old.expect_end();
    silent.expect_end();
    drop((modern, old, silent));
    server.join().expect("no shard crashes");
}

#[test]
fn large_message_in_small_pieces_arrives_whole() {
    let (server, address) = start(|_| {});
    let payload: Vec<u8> = (0..5_000_000u32).map(|number| number.to_le_bytes()[1]).collect();
    for (from, to) in [(0, 0), (0, 1)] {
        let publisher = client_at(server.directory(), from, "large-from");
        let subscriber = client_at(server.directory(), to, "large-to");
        let mut publisher = Peer::connect(address, Version::V5, &publisher);
        let mut subscriber = Peer::connect(address, Version::V5, &subscriber);
        subscriber.subscribe(Version::V5, "large", 1);
        let message = publish(Version::V5, 1, 7, "large", &payload);
        // Odd lengths, and small ones first, so that buffers are changed on the way.
        let (front, back) = message.split_at(100_000);
        for piece in front.chunks(997).chain(back.chunks(99_991)) {
            publisher.send(piece);
        }
        publisher.expect_kind(0x40);
        let packet = subscriber.expect_kind(0x32);
        assert_eq!(published(Version::V5, &packet).1, payload);
    }
    stop(server);
}

#[test]
fn receiver_that_does_not_read_gets_everything_later_in_order() {
    const MESSAGES: u16 = 3_000;
    let (server, address) = start(|_| {});
    let mut publisher =
        Peer::connect(address, Version::V5, &client_at(server.directory(), 0, "eager"));
    let mut subscriber =
        Peer::connect(address, Version::V5, &client_at(server.directory(), 1, "lazy"));
    subscriber.subscribe(Version::V5, "flood", 1);
    let filling = vec![b'x'; 10_000];
    for number in 1..=MESSAGES {
        let payload = [&number.to_be_bytes()[..], &filling].concat();
        publisher.send(&publish(Version::V5, 1, number, "flood", &payload));
        publisher.expect_kind(0x40);
    }
    for number in 1..=MESSAGES {
        let packet = subscriber.expect_kind(0x32);
        let (packet_id, payload) = published(Version::V5, &packet);
        assert_eq!(payload[..2], number.to_be_bytes());
        subscriber.send(&acknowledge(0x40, packet_id));
    }
    subscriber.ping();
    stop(server);
}

#[test]
fn senders_that_pause_for_a_full_mailbox_go_on() {
    const MESSAGES: u16 = 5_000;
    let (server, address) = start(|options| options.limits.mail_bytes = 2_000);
    let mut subscriber =
        Peer::connect(address, Version::V5, &client_at(server.directory(), 1, "far"));
    subscriber.subscribe(Version::V5, "mail", 0);
    let publisher = client_at(server.directory(), 0, "near");
    let sending = thread::spawn(move || {
        let mut publisher = Peer::connect(address, Version::V5, &publisher);
        let messages: Vec<u8> = (1..=MESSAGES)
            .flat_map(|number| publish(Version::V5, 0, 0, "mail", &number.to_be_bytes()))
            .collect();
        publisher.send(&messages);
        publisher.ping();
    });
    for number in 1..=MESSAGES {
        let packet = subscriber.expect_kind(0x30);
        assert_eq!(published(Version::V5, &packet).1, number.to_be_bytes());
    }
    sending.join().unwrap();
    stop(server);
}

#[test]
fn second_broker_on_one_port_is_refused_with_advice() {
    let (server, address) = start(|_| {});
    let second = Server::start(ServeOptions {
        listen: vec![Listener::at(address)],
        ..ServeOptions::default()
    });
    let Err(ServeError::Listen(error @ ListenError { .. })) = second else {
        panic!("the port is taken");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address}: address already in use; is another broker running? \
             choose another port with -p"
        )
    );
    stop(server);
}

#[test]
fn connection_beyond_the_limit_is_closed_and_later_ones_are_welcome() {
    let (server, address) = start(|options| options.sockets.connections = 2);
    let mut first = Peer::connect(address, Version::V5, "first");
    let second = Peer::connect(address, Version::V5, "second");
    Peer::open(address).expect_end();
    first.ping();
    drop(second);
    // The broker notices in its own time that there is room again.
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let mut third = Peer::open(address);
        third.send(&connect(Version::V5, "third", true));
        if third.receive().is_some() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the place was never free again");
    }
    stop(server);
}

/// Knows nothing itself.
struct AskElsewhere;

/// Lets nobody in whose name begins with `evil`, and sends back what it is told to do.
struct Elsewhere;

impl Access for AskElsewhere {
    fn decide(&mut self, _asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        (!matches!(question, Question::Connect { .. })).then_some(Verdict::YES)
    }
}

impl Authority for Elsewhere {
    fn answer(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        Box::pin(async move {
            if ask.client_id.starts_with("evil") {
                Verdict::Deny(ReasonCode::NotAuthorized)
            } else {
                Verdict::YES
            }
        })
    }

    fn control(
        &self,
        request: ControlRequest,
    ) -> Pin<Box<dyn Future<Output = Option<ControlResponse>> + Send>> {
        let topic = format!("{}/response", request.topic).into();
        let response = ControlResponse { topic, payload: request.payload };
        Box::pin(std::future::ready(Some(response)))
    }
}

#[test]
fn question_that_is_answered_later_parks_what_follows() {
    let (server, address) = start(|options| {
        options.access = Box::new(|_| Box::new(AskElsewhere));
        options.authority = Arc::new(Elsewhere);
    });
    for home in [0, 1] {
        let good = client_at(server.directory(), home, "good");
        let mut peer = Peer::open(address);
        peer.send(&[connect(Version::V5, &good, true), vec![0xc0, 0]].concat());
        peer.expect_connack();
        peer.expect(&[0xd0, 0]);

        let evil = client_at(server.directory(), home, "evil");
        let mut peer = Peer::open(address);
        peer.send(&[connect(Version::V5, &evil, true), vec![0xc0, 0]].concat());
        let refusal = peer.expect_kind(0x20);
        assert_eq!(refusal[3], 0x87);
        peer.expect_end();
    }
    stop(server);
}

#[test]
fn request_to_the_broker_is_done_by_the_authority() {
    let (server, address) = start(|options| options.authority = Arc::new(Elsewhere));
    for home in [0, 1] {
        let version = Version::V3_1_1;
        let client_id = client_at(server.directory(), home, "administrator");
        let mut peer = Peer::connect(address, version, &client_id);
        peer.subscribe(version, "$CONTROL/feature/v1/#", 0);
        peer.send(&publish(version, 0, 0, "$CONTROL/feature/v1", b"do"));
        peer.expect(&publish(version, 0, 0, "$CONTROL/feature/v1/response", b"do"));
        peer.ping();
    }
    stop(server);
}

#[test]
fn news_of_the_broker_and_its_memory_reach_those_who_listen_on_any_shard() {
    let (server, address) = start(|options| options.limits.sys_interval = Duration::from_secs(1));
    let publish_news = server.sys_publisher();
    for home in [0, 1] {
        let client_id = client_at(server.directory(), home, "watcher");
        let mut watcher = Peer::connect(address, Version::V3_1_1, &client_id);
        watcher.subscribe(Version::V3_1_1, "$SYS/broker/log/#", 0);
        publish_news("$SYS/broker/log/N", "1: hello");
        watcher.expect(&publish(Version::V3_1_1, 0, 0, "$SYS/broker/log/N", b"1: hello"));
    }
    let mut watcher = Peer::connect(address, Version::V3_1_1, "memory");
    watcher.subscribe(Version::V3_1_1, "$SYS/broker/heap/maximum", 0);
    let packet = watcher.receive().expect("the memory is said");
    assert!(packet.last().is_some_and(u8::is_ascii_digit));
    stop(server);
}
