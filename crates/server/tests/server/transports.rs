//! All that may stand between a socket and MQTT, in all combinations, over real sockets.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{Access, Asker, IdentitySource, Question, Verdict};
use ferrymq_codec::ReasonCode;
use ferrymq_server::{Bind, Limits, Listener, Reload, ServeOptions, Server, SocketLimits};
use ferrymq_transport::tls::{self, TlsVersion};
use ferrymq_transport::{ServerTransport, proxy, websocket};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use tempfile::TempDir;

use crate::peer::{
    PATIENCE, Peer, Socket, Version, acknowledge, client_at, connect, publish, published, subscribe,
};
use crate::tunnel::Tunnel;

/// A way to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    is_local: bool,
    proxy: Option<proxy::Version>,
    is_tls: bool,
    is_websocket: bool,
}

/// A broker that listens in all ways, and what its clients need.
struct Harbour {
    server: Server,
    directory: TempDir,
    ways: Vec<(Way, Bind)>,
    tls: tls::ClientSettings,
}

fn all_ways() -> Vec<Way> {
    let mut ways = Vec::new();
    for is_local in [false, true] {
        for proxy in [None, Some(proxy::Version::V1), Some(proxy::Version::V2)] {
            for is_tls in [false, true] {
                for is_websocket in [false, true] {
                    ways.push(Way { is_local, proxy, is_tls, is_websocket });
                }
            }
        }
    }
    ways
}

/// A certificate and its key, signed by an authority or by itself.
pub(crate) fn write_certificate(
    directory: &Path,
    name: &str,
    authority: Option<&Issuer<'_, KeyPair>>,
) -> (PathBuf, PathBuf) {
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = match authority {
        Some(authority) => parameters.signed_by(&key, authority).unwrap(),
        None => parameters.self_signed(&key).unwrap(),
    };
    let paths = (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")));
    std::fs::write(&paths.0, certificate.pem()).unwrap();
    std::fs::write(&paths.1, key.serialize_pem()).unwrap();
    paths
}

/// What a server with this certificate says, and what a client needs to believe it.
pub(crate) fn trust(certificate: &Path, key: &Path) -> (tls::ServerSettings, tls::ClientSettings) {
    let server = tls::ServerOptions {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        ..tls::ServerOptions::default()
    };
    let client = tls::ClientOptions {
        ca_file: Some(certificate.to_owned()),
        ..tls::ClientOptions::default()
    };
    (tls::ServerSettings::load(&server).unwrap(), tls::ClientSettings::load(&client).unwrap())
}

impl Harbour {
    fn open(ways: &[Way], change: impl FnOnce(&mut ServeOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = write_certificate(directory.path(), "server", None);
        let (server_tls, client_tls) = trust(&certificate, &key);
        let listen: Vec<Listener> = ways
            .iter()
            .enumerate()
            .map(|(number, way)| {
                let bind = match way.is_local {
                    true => Bind::Unix(directory.path().join(format!("{number}.sock"))),
                    false => Bind::from(SocketAddr::from(([127, 0, 0, 1], 0))),
                };
                let proxy =
                    way.proxy.map(|version| proxy::ServerSettings { version, tls_required: false });
                let tls = way.is_tls.then(|| server_tls.clone());
                let websocket =
                    way.is_websocket.then(|| Arc::new(websocket::ServerSettings::default()));
                let transport = ServerTransport { proxy, tls, websocket };
                Listener { transport, ..Listener::new(bind) }
            })
            .collect();
        let binds = listen.iter().map(|listener| listener.bind.clone());
        let mut ways: Vec<(Way, Bind)> = ways.iter().copied().zip(binds).collect();
        let shards = NonZeroU16::new(2);
        let mut options = ServeOptions { listen, shards, ..ServeOptions::default() };
        change(&mut options);
        let server = Server::start(options).expect("what is free can be bound");
        let mut addresses = server.addresses().into_iter();
        for (_, bind) in ways.iter_mut().filter(|(way, _)| !way.is_local) {
            *bind = addresses.next().expect("each listener has an address").into();
        }
        Self { server, directory, ways, tls: client_tls }
    }

    /// A client that has come this way and not said anything.
    fn come(&self, way: Way) -> Peer {
        self.come_with(way, &self.tls)
    }

    /// The same, with other settings of TLS.
    fn come_with(&self, way: Way, tls: &tls::ClientSettings) -> Peer {
        match self.bind(way) {
            Bind::Unix(path) => {
                Peer::over(way.tunnel(UnixStream::connect(path).unwrap(), tls).expect("they agree"))
            }
            bind => {
                let socket = TcpStream::connect(address(bind)).unwrap();
                Peer::over(way.tunnel(socket, tls).expect("they agree"))
            }
        }
    }

    /// Whether a client with these settings stays outside.
    fn is_refused(&self, way: Way, tls: &tls::ClientSettings) -> bool {
        match self.bind(way) {
            Bind::Unix(path) => is_shut(way.tunnel(UnixStream::connect(path).unwrap(), tls)),
            bind => is_shut(way.tunnel(TcpStream::connect(address(bind)).unwrap(), tls)),
        }
    }

    fn bind(&self, way: Way) -> &Bind {
        &self.ways.iter().find(|(known, _)| *known == way).unwrap().1
    }

    fn address(&self, way: Way) -> SocketAddr {
        address(self.bind(way))
    }

    fn close(self) {
        self.server.stop();
        self.server.join().expect("no shard crashes");
        drop(self.directory);
    }
}

impl Way {
    fn tunnel<S: Socket>(self, socket: S, tls: &tls::ClientSettings) -> io::Result<Tunnel<S>> {
        let header: &[u8] = match self.proxy {
            None => b"",
            Some(proxy::Version::V1) => b"PROXY TCP4 10.1.2.3 10.1.2.4 1000 1883\r\n",
            Some(proxy::Version::V2) => {
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x02\x03\x0a\x01\x02\x04\x03\xe8\x07\x5b"
            }
        };
        Tunnel::open(socket, header, self.is_tls.then_some(tls), self.is_websocket)
    }
}

/// Whether the handshake has failed. In TLS 1.3 the client believes to be in before it is refused.
fn is_shut<S: Socket>(tunnel: io::Result<Tunnel<S>>) -> bool {
    tunnel.is_err() || tunnel.is_ok_and(|mut tunnel| tunnel.read(&mut [0; 1]).is_err())
}

fn address(bind: &Bind) -> SocketAddr {
    bind.to_string().parse().expect("the listener has an address")
}

const TLS: Way = Way { is_local: false, proxy: None, is_tls: true, is_websocket: false };
const WEBSOCKET: Way = Way { is_local: false, proxy: None, is_tls: false, is_websocket: true };
const BOTH: Way = Way { is_local: false, proxy: None, is_tls: true, is_websocket: true };
const PLAIN: Way = Way { is_local: false, proxy: None, is_tls: false, is_websocket: false };
const PROXIED: Way =
    Way { is_local: false, proxy: Some(proxy::Version::V2), is_tls: false, is_websocket: false };

#[test]
fn packets_sent_with_connect_are_taken_in_every_way_wherever_the_client_is_at_home() {
    let harbour = Harbour::open(&all_ways(), |_| {});
    for way in all_ways() {
        for home in [0, 1] {
            for version in [Version::V3_1_1, Version::V5] {
                let client_id = client_at(harbour.server.directory(), home, "pipelined");
                let mut peer = harbour.come(way);
                let packets = [
                    connect(version, &client_id, true),
                    subscribe(version, 1, "pipe", 0),
                    publish(version, 0, 0, "pipe", b"line"),
                ];
                peer.send(&packets.concat());
                peer.expect_connack();
                peer.expect_kind(0x90);
                let packet = peer.expect_kind(0x30);
                assert_eq!(published(version, &packet).1, b"line", "{way:?}");
                peer.ping();
            }
        }
    }
    harbour.close();
}

#[test]
fn large_messages_go_both_ways_through_all_layers() {
    let ways = [TLS, WEBSOCKET, BOTH];
    let harbour = Harbour::open(&ways, |_| {});
    let payload: Vec<u8> = (0..1_000_000u32).map(|number| number.to_le_bytes()[1]).collect();
    for way in ways {
        for home in [0, 1] {
            let client_id = client_at(harbour.server.directory(), home, "large");
            let mut peer = harbour.come(way);
            peer.send(&connect(Version::V5, &client_id, true));
            peer.expect_connack();
            peer.subscribe(Version::V5, "large", 1);
            let message = publish(Version::V5, 1, 7, "large", &payload);
            // Odd lengths, so that records and frames end anywhere in a packet.
            for piece in message.chunks(99_991) {
                peer.send(piece);
            }
            let mut kinds = Vec::new();
            for _ in 0..2 {
                let packet = peer.receive().expect("both come");
                kinds.push(packet[0]);
                if packet[0] == 0x32 {
                    assert!(published(Version::V5, &packet).1 == payload, "{way:?}");
                }
            }
            kinds.sort_unstable();
            assert_eq!(kinds, [0x32, 0x40]);
        }
    }
    harbour.close();
}

#[test]
fn receiver_that_does_not_read_is_seen_through_its_layers_and_gets_everything_later() {
    const MESSAGES: u16 = 2_000;
    let harbour = Harbour::open(&[PLAIN, BOTH], |_| {});
    let mut publisher = harbour.come(PLAIN);
    publisher.send(&connect(Version::V5, &client_at(harbour.server.directory(), 0, "eager"), true));
    publisher.expect_connack();
    let mut subscriber = harbour.come(BOTH);
    subscriber.send(&connect(Version::V5, &client_at(harbour.server.directory(), 1, "lazy"), true));
    subscriber.expect_connack();
    subscriber.subscribe(Version::V5, "flood", 1);
    let filling = vec![b'x'; 10_000];
    for number in 1..=MESSAGES {
        let payload = [&number.to_be_bytes()[..], &filling].concat();
        publisher.send(&publish(Version::V5, 1, number, "flood", &payload));
        publisher.expect_kind(0x40);
    }
    assert!(harbour.server.directory().metrics().messages_queued() > 0, "nobody was slow");
    for number in 1..=MESSAGES {
        let packet = subscriber.expect_kind(0x32);
        let (packet_id, payload) = published(Version::V5, &packet);
        assert_eq!(payload[..2], number.to_be_bytes());
        subscriber.send(&acknowledge(0x40, packet_id));
    }
    subscriber.ping();
    harbour.close();
}

#[test]
fn end_of_the_broker_is_said_in_every_layer() {
    let ways = [TLS, WEBSOCKET, BOTH];
    let harbour = Harbour::open(&ways, |_| {});
    let mut peers: Vec<Peer> = ways
        .iter()
        .map(|way| {
            let mut peer = harbour.come(*way);
            peer.send(&connect(Version::V5, &format!("{way:?}").replace([' ', ','], ""), true));
            peer.expect_connack();
            peer
        })
        .collect();
    harbour.server.stop();
    for peer in &mut peers {
        assert_eq!(peer.expect_kind(0xe0)[2], 0x8b);
        // A tunnel that ends without close_notify or Close frame panics.
        peer.expect_end();
    }
    drop(peers);
    harbour.close();
}

#[test]
fn half_closed_tunnel_is_answered_before_the_end() {
    let ways = [TLS, WEBSOCKET, BOTH];
    let harbour = Harbour::open(&ways, |_| {});
    for way in ways {
        let mut peer = harbour.come(way);
        peer.send(&connect(Version::V5, "brief", true));
        peer.expect_connack();
        peer.close_write();
        peer.expect_end();
    }
    harbour.close();
}

#[test]
fn slow_and_broken_handshakes_end_in_time_and_hold_up_nobody() {
    let ways = [TLS, WEBSOCKET, BOTH, PROXIED];
    let harbour = Harbour::open(&ways, |options| {
        options.limits.connect_timeout = Duration::from_secs(2);
    });
    let beginnings: [&[u8]; 6] = [
        b"",
        b"\x16",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET ",
        b"PROXY ",
        b"\x10\x0c\0",
    ];
    let mut strangers = Vec::new();
    for _ in 0..20 {
        for way in ways {
            for beginning in beginnings {
                let mut socket = TcpStream::connect(harbour.address(way)).unwrap();
                let _refused = socket.write_all(beginning);
                strangers.push(socket);
            }
        }
    }
    for way in ways {
        let mut peer = harbour.come(way);
        peer.send(&connect(Version::V5, "honest", true));
        peer.expect_connack();
        peer.ping();
    }
    for stranger in &mut strangers {
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        // Some are told why in TLS or HTTP; all of them are closed.
        let mut answer = Vec::new();
        if let Err(error) = stranger.read_to_end(&mut answer) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
    }
    harbour.close();
}

#[test]
fn oldest_handshake_makes_room_for_the_next() {
    let harbour = Harbour::open(&[TLS], |options| {
        options.shards = NonZeroU16::new(1);
        options.sockets.handshakes = 4;
    });
    let silent: Vec<TcpStream> =
        (0..12).map(|_| TcpStream::connect(harbour.address(TLS)).unwrap()).collect();
    // A handshake takes a place, too.
    harbour.come(TLS).send(&connect(Version::V5, "honest", true));
    for mut socket in silent.into_iter().take(8) {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let end = socket.read(&mut [0; 1]);
        assert!(
            matches!(end, Ok(0))
                || end.is_err_and(|error| { error.kind() == io::ErrorKind::ConnectionReset })
        );
    }
    harbour.close();
}

/// Lets in who comes from the address that the proxy has named.
struct FromAfar;

impl Access for FromAfar {
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        let known = asker.peer.to_string() == "10.1.2.3:1000";
        match question {
            Question::Connect { .. } if !known => Some(Verdict::Deny(ReasonCode::NotAuthorized)),
            _ => Some(Verdict::YES),
        }
    }
}

#[test]
fn client_behind_a_proxy_is_known_by_its_own_address_also_after_it_has_moved() {
    let harbour = Harbour::open(&[PROXIED, PLAIN], |options| {
        options.access = Box::new(|_| Box::new(FromAfar));
    });
    for home in [0, 1] {
        let client_id = client_at(harbour.server.directory(), home, "afar");
        let mut peer = harbour.come(PROXIED);
        peer.send(&connect(Version::V5, &client_id, true));
        peer.expect_connack();
        let mut peer = harbour.come(PLAIN);
        peer.send(&connect(Version::V5, &client_id, true));
        assert_eq!(peer.expect_kind(0x20)[3], 0x87);
        peer.expect_end();
    }
    harbour.close();
}

/// Lets in who is called Ferry.
struct OnlyFerry;

impl Access for OnlyFerry {
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        match question {
            Question::Connect { .. } if asker.username != Some("ferry") => {
                Some(Verdict::Deny(ReasonCode::NotAuthorized))
            }
            _ => Some(Verdict::YES),
        }
    }
}

#[test]
fn certificate_of_a_client_is_its_user_name_and_a_client_without_one_stays_outside() {
    let certificates = Certificates::new();
    let ways: Vec<Way> = all_ways().into_iter().filter(|way| way.is_tls).collect();
    for is_required in [false, true] {
        let harbour = Harbour::open(&ways, |options| {
            if is_required {
                options.access = Box::new(|_| Box::new(OnlyFerry));
            }
            for listener in &mut options.listen {
                listener.transport.tls = Some(certificates.server(is_required));
                if is_required {
                    listener.profile.identity = IdentitySource::CommonName;
                }
            }
        });
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            for is_shown in [false, true] {
                let settings = certificates.client(version, is_shown);
                for (number, way) in ways.iter().enumerate() {
                    if is_required && !is_shown {
                        assert!(harbour.is_refused(*way, &settings), "{version:?} {way:?}");
                        continue;
                    }
                    let home = u16::from(number % 2 == 0);
                    let client_id = client_at(harbour.server.directory(), home, "certified");
                    let mut peer = harbour.come_with(*way, &settings);
                    peer.send(&connect(Version::V5, &client_id, true));
                    peer.expect_connack();
                }
            }
        }
        harbour.close();
    }
}

/// An authority, a broker's certificate and that of a client called Ferry.
pub(crate) struct Certificates {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    server: (PathBuf, PathBuf),
    client: (PathBuf, PathBuf),
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("authority.crt"), certificate.pem()).unwrap();
        let issuer = Issuer::new(parameters, key);
        let server = write_certificate(directory.path(), "server", Some(&issuer));
        let client = write_certificate(directory.path(), "ferry", Some(&issuer));
        Self { directory, issuer, server, client }
    }

    /// The certificate and the key of another client.
    pub(crate) fn of_another(&self, name: &str) -> (PathBuf, PathBuf) {
        write_certificate(self.directory.path(), name, Some(&self.issuer))
    }

    /// The certificate and the key of the broker.
    pub(crate) fn of_server(&self) -> (&Path, &Path) {
        (&self.server.0, &self.server.1)
    }

    /// The certificate of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.path().join("authority.crt")
    }

    fn server(&self, require_certificate: bool) -> tls::ServerSettings {
        let options = tls::ServerOptions {
            certificate: self.server.0.clone(),
            key: self.server.1.clone(),
            ca_file: Some(self.authority()),
            require_certificate,
            ..tls::ServerOptions::default()
        };
        tls::ServerSettings::load(&options).unwrap()
    }

    /// A client that speaks this version alone.
    fn client(&self, version: TlsVersion, is_shown: bool) -> tls::ClientSettings {
        let options = tls::ClientOptions {
            ca_file: Some(self.authority()),
            certificate: is_shown.then(|| self.client.0.clone()),
            key: is_shown.then(|| self.client.1.clone()),
            minimum_version: Some(version),
            maximum_version: Some(version),
            ..tls::ClientOptions::default()
        };
        tls::ClientSettings::load(&options).unwrap()
    }
}

#[test]
fn new_certificate_is_shown_to_those_who_come_later_and_disturbs_nobody() {
    let mut harbour = Harbour::open(&[TLS], |_| {});
    let mut early = harbour.come(TLS);
    early.send(&connect(Version::V5, "early", true));
    early.expect_connack();
    let (certificate, key) = write_certificate(harbour.directory.path(), "renewed", None);
    let (server_tls, client_tls) = trust(&certificate, &key);
    let bind = Bind::from(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut listener = Listener::new(bind);
    listener.transport.tls = Some(server_tls);
    let (limits, sockets) = (Limits::default(), SocketLimits::default());
    harbour
        .server
        .reload(Reload { listen: vec![listener], limits, sockets, policy: None })
        .unwrap();
    // A shard takes note of it in its next turn.
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let socket = TcpStream::connect(harbour.address(TLS)).unwrap();
        if Tunnel::open(socket, b"", Some(&client_tls), false).is_ok() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the new certificate was never shown");
    }
    early.ping();
    harbour.tls = client_tls;
    harbour.close();
}
