//! The client library and the broker over a network that cuts connections while messages of QoS 1
//! and 2 are on their way in both directions.

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use ferrymq_client::{Builder, Client, Event, Events, QoS, Reconnect, RequestError, Version};
use ferrymq_server::{Listener, ServeOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

#[tokio::test]
async fn messages_of_qos_2_arrive_once_and_in_order_however_often_the_link_is_cut() {
    for version in [Version::V3_1_1, Version::V5] {
        bounded(async {
            let received = exchange(version, QoS::ExactlyOnce).await;
            assert!(received.iter().copied().eq(0..MESSAGES), "{version}: {received:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn messages_of_qos_1_arrive_in_order_at_least_once_however_often_the_link_is_cut() {
    for version in [Version::V3_1_1, Version::V5] {
        bounded(async {
            let received = exchange(version, QoS::AtLeastOnce).await;
            let mut next = 0;
            for number in received {
                assert!(number <= next, "{version}: {number} instead of {next}");
                next = next.max(number + 1);
            }
            assert_eq!(next, MESSAGES, "{version}");
        })
        .await;
    }
}

#[tokio::test]
async fn request_that_nobody_waits_for_is_carried_out_all_the_same() {
    bounded(async {
        let broker = Broker::start();
        let (client, mut events) = broker.client("hasty", Version::V5).connect().await.unwrap();
        client.subscribe("word").qos(QoS::AtLeastOnce).await.unwrap();
        drop(client.publish("word", "given").qos(QoS::AtLeastOnce).send().await.unwrap());
        let message = events.message().await.expect("the client goes on");
        assert_eq!(message.payload, b"given");
        client.disconnect().await;
        assert_eq!(client.publish("word", "").await, Err(RequestError::Closed));
        broker.stop();
    })
    .await;
}

/// Publishes some messages over one bad link and receives them over another.
async fn exchange(version: Version, qos: QoS) -> Vec<u32> {
    let broker = Broker::start();
    let (to_subscriber, to_publisher) = (relay(broker.address).await, relay(broker.address).await);
    let subscriber = client(to_subscriber, "subscriber", version);
    let (subscriber, mut messages) = subscriber.connect().await.unwrap();
    subscriber.subscribe("numbers").qos(qos).await.unwrap();
    let (publisher, events) = client(to_publisher, "publisher", version).connect().await.unwrap();
    let losses = tokio::spawn(count_losses(events));
    let publish = async {
        let mut pending = Vec::new();
        for number in 0..MESSAGES {
            let payload = number.to_be_bytes();
            pending.push(publisher.publish("numbers", payload).qos(qos).send().await.unwrap());
        }
        for answer in pending {
            answer.await.expect("the broker has the message");
        }
    };
    let receive = async {
        let mut received = Vec::new();
        while received.last() != Some(&(MESSAGES - 1)) {
            let message = messages.message().await.expect("the client goes on");
            let payload = message.payload.try_into().expect("four bytes were sent");
            received.push(u32::from_be_bytes(payload));
        }
        received
    };
    let ((), received) = tokio::join!(publish, receive);
    publisher.disconnect().await;
    subscriber.disconnect().await;
    let losses = losses.await.expect("it only counts");
    assert_eq!(losses, CUTS.len(), "each cut is noticed and mended");
    broker.stop();
    received
}

async fn count_losses(mut events: Events) -> usize {
    let mut losses = 0;
    while let Some(event) = events.next().await {
        losses += usize::from(matches!(event, Event::Disconnected { .. }));
    }
    losses
}

struct Broker {
    server: Server,
    address: SocketAddr,
}

impl Broker {
    fn start() -> Self {
        let server = Server::start(ServeOptions {
            listen: vec![Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)))],
            shards: NonZeroU16::new(2),
            ..ServeOptions::default()
        });
        let server = server.expect("a free port can be bound");
        let address = server.addresses()[0];
        Self { server, address }
    }

    fn client(&self, client_id: &str, version: Version) -> Builder {
        client(self.address, client_id, version)
    }

    fn stop(self) {
        self.server.stop();
        self.server.join().expect("no shard crashes");
    }
}

/// A client with a session that outlives its connections.
fn client(address: SocketAddr, client_id: &str, version: Version) -> Builder {
    let soon = Duration::from_millis(1);
    Client::builder(address.ip().to_string(), address.port())
        .version(version)
        .client_id(client_id)
        .clean_start(false)
        .session_expiry_interval(600)
        .reconnect(Reconnect::Backoff { initial: soon, maximum: soon })
}

/// A way to the broker that is cut after so many bytes towards it, again and again, and then stays.
async fn relay(broker: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for bytes in CUTS.iter().copied().chain(std::iter::repeat(u64::MAX)) {
            let (near, _) = listener.accept().await.unwrap();
            let far = TcpStream::connect(broker).await.unwrap();
            tokio::spawn(carry(near, far, bytes));
        }
    });
    address
}

async fn carry(mut near: TcpStream, mut far: TcpStream, bytes: u64) {
    let (near_read, mut near_write) = near.split();
    let (mut far_read, mut far_write) = far.split();
    let mut limited = near_read.take(bytes);
    // Whichever direction ends first ends both.
    tokio::select! {
        _ = copy(&mut limited, &mut far_write) => {}
        _ = copy(&mut far_read, &mut near_write) => {}
    }
    // What was not carried on is lost with the connection, as in a real network.
    let _ = near_write.shutdown().await;
}

async fn bounded(test: impl Future<Output = ()>) {
    timeout(Duration::from_mins(1), test).await.expect("the test ends in time");
}

const MESSAGES: u32 = 3_000;
/// In the middle of packets of every kind.
const CUTS: [u64; 8] = [1_000, 777, 3_001, 90, 2_048, 5_003, 333, 1_234];
