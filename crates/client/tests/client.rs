//! The client against a scripted server on a loopback socket: the server says and expects packets
//! one by one, and hangs up when it likes.

use std::future::Future;
use std::io;
use std::num::NonZeroU16;
use std::time::Duration;

use ferrymq_client::{
    Builder, Client, ConnectionError, DecodeError, Event, Pending, QoS, ReasonCode, Reconnect,
    RequestError, Scram, Version,
};
use ferrymq_codec::{
    Acknowledgement, Auth, ConnAck, Delivery, Disconnect, Frame, Framing, Packet, PacketId,
    PacketType, Properties, Property, PropertyBuffer, Publish, ReasonCodes, SubAck, TopicName,
};
use ferrymq_scram::{self as scram, ITERATIONS_MINIMUM, METHOD, NONCE_BYTES, StoredKeys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

struct Server {
    listener: TcpListener,
}

impl Server {
    async fn new() -> Self {
        Self { listener: TcpListener::bind(("127.0.0.1", 0)).await.unwrap() }
    }

    /// A client of this server that reconnects without delay.
    fn client(&self) -> Builder {
        let port = self.listener.local_addr().unwrap().port();
        let soon = Duration::from_millis(1);
        Client::builder("127.0.0.1", port)
            .client_id("c")
            .session_expiry_interval(60)
            .reconnect(Reconnect::Backoff { initial: soon, maximum: soon })
    }

    async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        Peer { stream, input: Vec::new() }
    }

    /// Accepts a connection and its CONNECT.
    async fn welcome(&self, session_present: bool) -> Peer {
        let mut peer = self.accept().await;
        assert_eq!(peer.expect().await, if session_present { "CONNECT" } else { "CONNECT clean" });
        peer.connack(session_present, ReasonCode::Success).await;
        peer
    }
}

/// The server's end of a connection.
struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Peer {
    /// The next packet of the client as short text; `closed` at the end of the stream.
    async fn expect(&mut self) -> String {
        self.next(text).await.unwrap_or_else(|| "closed".into())
    }

    /// The Authentication Data of the next packet, which is CONNECT or AUTH.
    async fn expect_data(&mut self) -> Vec<u8> {
        let data = self.next(|packet| match packet {
            Packet::Connect(connect) => {
                connect.properties.authentication_data().map(<[u8]>::to_vec)
            }
            Packet::Auth(auth) => auth.properties.authentication_data().map(<[u8]>::to_vec),
            packet => panic!("{packet:?} proves nothing"),
        });
        data.await.flatten().expect("the client says something")
    }

    /// What the next packet is to this function; `None` at the end of the stream.
    async fn next<T>(&mut self, read: impl FnOnce(&Packet<'_>) -> T) -> Option<T> {
        loop {
            if let Framing::Complete(frame) = Frame::parse(&self.input, usize::MAX).unwrap() {
                let length = frame.length();
                let found = read(&frame.decode(Version::V5).unwrap());
                self.input.drain(..length);
                return Some(found);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap() == 0 {
                return None;
            }
        }
    }

    /// Sends AUTH that wants an answer, or CONNACK that accepts, with this data.
    async fn say(&mut self, is_last: bool, data: &[u8]) {
        let mut properties = PropertyBuffer::new();
        properties.push(Property::AuthenticationMethod(METHOD)).unwrap();
        properties.push(Property::AuthenticationData(data)).unwrap();
        let properties = properties.as_properties();
        let reason = ReasonCode::ContinueAuthentication;
        self.send(&match is_last {
            false => Packet::Auth(Auth { reason, properties }),
            true => Packet::ConnAck(ConnAck {
                session_present: false,
                reason: ReasonCode::Success,
                properties,
            }),
        })
        .await;
    }

    /// Carries an exchange of SCRAM through, up to the client's proof. Whoever has these keys can
    /// answer that.
    async fn challenge(&mut self, keys: &StoredKeys) -> (scram::Server, Vec<u8>) {
        let first = self.expect_data().await;
        let decoy = scram::Decoy::new([1; 32], None);
        let begun = scram::Server::begin(&first, [7; NONCE_BYTES], &decoy, |name| {
            (name == "carl").then(|| keys.clone())
        });
        let (exchange, challenge) = begun.unwrap();
        self.say(false, challenge.as_ref()).await;
        (exchange, self.expect_data().await)
    }

    async fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn connack(&mut self, session_present: bool, reason: ReasonCode) {
        let properties = Properties::EMPTY;
        self.send(&Packet::ConnAck(ConnAck { session_present, reason, properties })).await;
    }

    async fn puback(&mut self, packet_id: u16, reason: ReasonCode) {
        let packet_id = PacketId::new(packet_id).unwrap();
        let properties = Properties::EMPTY;
        self.send(&Packet::PubAck(Acknowledgement { packet_id, reason, properties })).await;
    }

    async fn suback(&mut self, packet_id: u16, reasons: &[u8]) {
        let packet_id = PacketId::new(packet_id).unwrap();
        let properties = Properties::EMPTY;
        let reasons = ReasonCodes::parse(reasons, PacketType::SubAck).unwrap();
        self.send(&Packet::SubAck(SubAck { packet_id, properties, reasons })).await;
    }

    async fn message(&mut self, payload: &str) {
        self.send(&Packet::Publish(Publish {
            dup: false,
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic: Some(TopicName::trusted("t")),
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        }))
        .await;
    }
}

fn text(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Connect(connect) if connect.clean_start => "CONNECT clean".into(),
        Packet::Connect(_) => "CONNECT".into(),
        Packet::Publish(publish) => {
            let dup = if publish.dup { " dup" } else { "" };
            let packet_id = publish.delivery.packet_id().map_or(0, PacketId::get);
            format!("PUBLISH #{packet_id}{dup} {}", str::from_utf8(publish.payload).unwrap())
        }
        Packet::Subscribe(subscribe) => format!("SUBSCRIBE #{}", subscribe.packet_id.get()),
        Packet::PingReq => "PINGREQ".into(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {}", disconnect.reason),
        packet => format!("{packet:?}"),
    }
}

/// Runs a test with a bound, so that an event that never comes is a failure.
async fn bounded(test: impl Future<Output = ()>) {
    timeout(Duration::from_mins(2), test).await.expect("the test waits for something in vain");
}

#[tokio::test]
async fn publish_ends_when_it_is_acknowledged() {
    bounded(async {
        let server = Server::new().await;
        let builder = server.client();
        let (connected, mut peer) = tokio::join!(builder.connect(), server.welcome(false));
        let (client, _events) = connected.unwrap();
        assert_eq!(client.publish("t", "zero").await, Ok(ReasonCode::Success));
        assert_eq!(peer.expect().await, "PUBLISH #0 zero");
        let rows = [
            (ReasonCode::Success, Ok(ReasonCode::Success)),
            (ReasonCode::NoMatchingSubscribers, Ok(ReasonCode::NoMatchingSubscribers)),
            (ReasonCode::NotAuthorized, Err(RequestError::Refused(ReasonCode::NotAuthorized))),
        ];
        for (packet_id, (reason, expected)) in (1..).zip(rows) {
            let pending = client.publish("t", "one").qos(QoS::AtLeastOnce).send().await.unwrap();
            assert_eq!(peer.expect().await, format!("PUBLISH #{packet_id} one"));
            peer.puback(packet_id, reason).await;
            assert_eq!(pending.await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn unacknowledged_publish_is_repeated_on_the_next_connection() {
    bounded(async {
        let server = Server::new().await;
        let (connected, mut peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, mut events) = connected.unwrap();
        let pending = client.publish("t", "a").qos(QoS::AtLeastOnce).send().await.unwrap();
        assert_eq!(peer.expect().await, "PUBLISH #1 a");
        drop(peer);
        let mut peer = server.welcome(true).await;
        assert_eq!(peer.expect().await, "PUBLISH #1 dup a");
        peer.puback(1, ReasonCode::Success).await;
        assert_eq!(pending.await, Ok(ReasonCode::Success));
        let first = events.next().await.unwrap();
        assert!(matches!(first, Event::Connected { session_present: false, .. }), "{first:?}");
        let second = events.next().await.unwrap();
        assert!(matches!(second, Event::Disconnected { retry_in: Some(_), .. }), "{second:?}");
        let third = events.next().await.unwrap();
        assert!(matches!(third, Event::Connected { session_present: true, .. }), "{third:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_published_between_connections_is_sent_on_the_next() {
    bounded(async {
        let server = Server::new().await;
        let (connected, peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, mut events) = connected.unwrap();
        drop(peer);
        while !matches!(events.next().await.unwrap(), Event::Disconnected { .. }) {}
        let pending = client.publish("t", "between").qos(QoS::AtLeastOnce).send().await.unwrap();
        let mut peer = server.welcome(true).await;
        assert_eq!(peer.expect().await, "PUBLISH #1 between");
        peer.puback(1, ReasonCode::Success).await;
        assert_eq!(pending.await, Ok(ReasonCode::Success));
    })
    .await;
}

#[tokio::test]
async fn subscription_is_granted_and_brings_messages() {
    bounded(async {
        let server = Server::new().await;
        let (connected, mut peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, mut events) = connected.unwrap();
        let script = async {
            assert_eq!(peer.expect().await, "SUBSCRIBE #1");
            peer.suback(1, &[1, 0x87]).await;
            peer.message("hello").await;
        };
        let (reasons, ()) = tokio::join!(
            async { client.subscribe("a").and("b").qos(QoS::AtLeastOnce).await },
            script
        );
        assert_eq!(reasons, Ok(vec![ReasonCode::GrantedQoS1, ReasonCode::NotAuthorized]));
        let message = events.message().await.unwrap();
        assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("t", &b"hello"[..]));
    })
    .await;
}

#[tokio::test]
async fn refused_and_impossible_connections_say_why() {
    bounded(async {
        let server = Server::new().await;
        let refuse = async {
            let mut peer = server.accept().await;
            peer.expect().await;
            peer.connack(false, ReasonCode::BadUserNameOrPassword).await;
            assert_eq!(peer.expect().await, "closed");
        };
        let (refused, ()) = tokio::join!(server.client().connect(), refuse);
        assert!(matches!(
            refused.unwrap_err(),
            ConnectionError::Refused(ReasonCode::BadUserNameOrPassword)
        ));
        let hang_up = async { drop(server.accept().await) };
        let (closed, ()) = tokio::join!(server.client().connect(), hang_up);
        let error = closed.unwrap_err();
        assert!(matches!(error, ConnectionError::Closed | ConnectionError::Io(_)), "{error:?}");
        let builder = server.client();
        drop(server);
        let Err(ConnectionError::Io(error)) = builder.connect().await else {
            panic!("nothing listens any more");
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    })
    .await;
}

#[tokio::test]
async fn invalid_topics_are_refused_without_the_server() {
    bounded(async {
        let server = Server::new().await;
        let (connected, mut peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, _events) = connected.unwrap();
        assert_eq!(
            client.publish("a/#", "").await,
            Err(RequestError::Topic(DecodeError::WildcardInTopicName))
        );
        assert_eq!(
            client.subscribe("a/#/b").await,
            Err(RequestError::Topic(DecodeError::MisplacedWildcard))
        );
        let script = async {
            assert_eq!(peer.expect().await, "DISCONNECT Success");
            drop(peer);
        };
        tokio::join!(client.disconnect(), script);
    })
    .await;
}

#[tokio::test]
async fn disconnect_comes_after_what_was_published_and_ends_everything() {
    bounded(async {
        let server = Server::new().await;
        let (connected, mut peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, mut events) = connected.unwrap();
        let pending = client.publish("t", "a").qos(QoS::AtLeastOnce).send().await.unwrap();
        let script = async {
            assert_eq!(peer.expect().await, "PUBLISH #1 a");
            assert_eq!(peer.expect().await, "DISCONNECT Success");
            assert_eq!(peer.expect().await, "closed");
            drop(peer);
        };
        tokio::join!(client.disconnect(), script);
        assert_eq!(pending.await, Err(RequestError::Closed));
        assert_eq!(client.publish("t", "b").await, Err(RequestError::Closed));
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        assert!(events.next().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn client_without_handles_says_farewell() {
    bounded(async {
        let server = Server::new().await;
        let (connected, mut peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, mut events) = connected.unwrap();
        drop(client);
        peer.message("still listening").await;
        assert_eq!(events.message().await.unwrap().payload, b"still listening");
        drop(events);
        assert_eq!(peer.expect().await, "DISCONNECT Success");
        assert_eq!(peer.expect().await, "closed");
    })
    .await;
}

#[tokio::test]
async fn session_taken_over_is_not_taken_back() {
    bounded(async {
        let server = Server::new().await;
        let (connected, mut peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, mut events) = connected.unwrap();
        let reason = ReasonCode::SessionTakenOver;
        peer.send(&Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })).await;
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        let last = events.next().await.unwrap();
        assert!(matches!(last, Event::Disconnected { retry_in: None, .. }), "{last:?}");
        assert!(events.next().await.is_none());
        assert_eq!(client.publish("t", "b").await, Err(RequestError::Closed));
    })
    .await;
}

#[tokio::test]
async fn slow_reader_loses_nothing() {
    bounded(async {
        let server = Server::new().await;
        let builder = server.client().events_maximum(NonZeroU16::MIN);
        let (connected, mut peer) = tokio::join!(builder.connect(), server.welcome(false));
        let (_client, mut events) = connected.unwrap();
        let send = async {
            for number in 0..5_000 {
                peer.message(&number.to_string()).await;
            }
        };
        let receive = async {
            for number in 0..5_000 {
                let message = events.message().await.unwrap();
                assert_eq!(message.payload, number.to_string().as_bytes());
            }
        };
        tokio::join!(send, receive);
    })
    .await;
}

#[tokio::test]
async fn requests_beyond_the_maximum_wait_for_room() {
    bounded(async {
        let server = Server::new().await;
        let builder = server.client().requests_maximum(NonZeroU16::MIN);
        let (connected, mut peer) = tokio::join!(builder.connect(), server.welcome(false));
        let (client, _events) = connected.unwrap();
        let publish = |payload: &'static str| client.publish("t", payload).qos(QoS::AtLeastOnce);
        let first: Pending = publish("a").send().await.unwrap();
        assert_eq!(peer.expect().await, "PUBLISH #1 a");
        let second = publish("b").send();
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("there is no room"),
            () = peer.puback(1, ReasonCode::Success) => {}
        }
        assert_eq!(first.await, Ok(ReasonCode::Success));
        let second = second.await.unwrap();
        assert_eq!(peer.expect().await, "PUBLISH #2 b");
        peer.puback(2, ReasonCode::Success).await;
        assert_eq!(second.await, Ok(ReasonCode::Success));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn server_that_says_nothing_is_given_up() {
    bounded(async {
        let server = Server::new().await;
        let builder = server.client().connect_timeout(Duration::from_secs(5));
        let silence = async {
            let mut peer = server.accept().await;
            peer.expect().await;
            peer.expect().await
        };
        let (result, end) = tokio::join!(builder.connect(), silence);
        assert!(matches!(result.unwrap_err(), ConnectionError::TimedOut));
        assert_eq!(end, "closed");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn unanswered_pingreq_replaces_the_connection() {
    bounded(async {
        let server = Server::new().await;
        let builder = server.client().keep_alive(10).connect_timeout(Duration::from_mins(1));
        let (connected, mut peer) = tokio::join!(builder.connect(), server.welcome(false));
        let (_client, mut events) = connected.unwrap();
        assert_eq!(peer.expect().await, "PINGREQ");
        assert_eq!(peer.expect().await, "closed");
        let _next = server.welcome(true).await;
        events.next().await.unwrap();
        let event = events.next().await.unwrap();
        let Event::Disconnected { error: ConnectionError::Protocol(error), .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(error.reason(), ReasonCode::KeepAliveTimeout);
    })
    .await;
}

/// The keys of a password.
fn keys(password: &str) -> StoredKeys {
    StoredKeys::make(password.as_bytes(), b"a salt of chance", ITERATIONS_MINIMUM).unwrap()
}

#[tokio::test]
async fn server_that_cannot_prove_itself_gets_nothing_that_waits() {
    for is_silent in [false, true] {
        bounded(async {
            let server = Server::new().await;
            let builder = server.client().authentication(Scram::new("carl", "secret"));
            let right = async {
                let mut peer = server.accept().await;
                let (exchange, proof) = peer.challenge(&keys("secret")).await;
                let last = exchange.finish(&proof).unwrap();
                peer.say(true, last.as_ref()).await;
                peer
            };
            let (connected, peer) = tokio::join!(builder.connect(), right);
            let (client, mut events) = connected.unwrap();
            drop(peer);
            while !matches!(events.next().await.unwrap(), Event::Disconnected { .. }) {}
            let pending =
                client.publish("t", "private").qos(QoS::AtLeastOnce).send().await.unwrap();
            let mut impostor = server.accept().await;
            if is_silent {
                impostor.expect_data().await;
                impostor.say(true, b"").await;
            } else {
                impostor.challenge(&keys("guessed")).await;
                let signature = "A".repeat(43) + "=";
                impostor.say(true, format!("v={signature}").as_bytes()).await;
            }
            assert_eq!(impostor.expect().await, "DISCONNECT Unspecified error");
            assert_eq!(impostor.expect().await, "closed");
            let Some(Event::Disconnected { error, retry_in: None }) = events.next().await else {
                panic!("the client gives up");
            };
            assert!(error.to_string().starts_with("the authentication failed: the "), "{error}");
            assert_eq!(pending.await, Err(RequestError::Closed));
        })
        .await;
    }
}

#[tokio::test]
async fn wrong_question_of_the_server_ends_the_client() {
    bounded(async {
        let server = Server::new().await;
        let builder = server.client().authentication(Scram::new("carl", "secret"));
        let wrong = async {
            let mut peer = server.accept().await;
            peer.expect_data().await;
            peer.say(false, b"r=of another exchange,s=AAAA,i=4096").await;
            assert_eq!(peer.expect().await, "closed");
        };
        let (connected, ()) = tokio::join!(builder.connect(), wrong);
        let error = connected.unwrap_err();
        assert!(matches!(error, ConnectionError::Authentication(_)), "{error}");
        // A method without anybody who knows it.
        let method = Property::AuthenticationMethod(METHOD);
        let builder = server.client().property(method).unwrap();
        let wrong = async {
            let mut peer = server.accept().await;
            assert_eq!(peer.expect().await, "CONNECT clean");
            peer.say(false, b"who?").await;
            assert_eq!(peer.expect().await, "closed");
        };
        let (connected, ()) = tokio::join!(builder.connect(), wrong);
        let error = connected.unwrap_err();
        assert!(matches!(error, ConnectionError::Authentication(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn client_without_a_method_does_not_authenticate_anew_and_older_versions_have_none() {
    bounded(async {
        let server = Server::new().await;
        let (connected, _peer) = tokio::join!(server.client().connect(), server.welcome(false));
        let (client, _events) = connected.unwrap();
        assert_eq!(client.reauthenticate().await, Err(RequestError::NoAuthentication));
        let old = server.client().version(Version::V3_1_1).authentication(Scram::new("c", "d"));
        let error = old.connect().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Authentication(_)), "{error}");
    })
    .await;
}
