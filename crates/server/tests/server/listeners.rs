//! Listeners of several kinds side by side, and how they change while the broker runs.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use ferrymq_server::{
    Bind, Limits, Listener, Reload, ReloadError, ServeError, ServeOptions, Server, SocketLimits,
};

use crate::peer::{PATIENCE, Peer, Version, acknowledge, client_at, connect, publish, published};

fn loopback() -> Listener {
    Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn start(listen: Vec<Listener>) -> Server {
    let shards = NonZeroU16::new(2);
    let options = ServeOptions { listen, shards, ..ServeOptions::default() };
    Server::start(options).expect("what is free can be bound")
}

fn stop(server: Server) {
    server.stop();
    server.join().expect("no shard crashes");
}

fn reload(listen: Vec<Listener>) -> Reload {
    let (limits, sockets) = (Limits::default(), SocketLimits::default());
    Reload { listen, limits, sockets, policy: None }
}

/// The broker does what it was told in its own time.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} never came");
        thread::yield_now();
    }
}

#[test]
fn clients_of_a_unix_socket_and_of_an_address_meet() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mqtt.sock");
    let server = start(vec![Listener::new(Bind::Unix(path.clone())), loopback()]);
    let address = server.addresses()[0];
    for home in [0, 1] {
        let client_id = client_at(server.directory(), home, "local");
        let mut local = Peer::over(UnixStream::connect(&path).unwrap());
        local.send(&connect(Version::V5, &client_id, true));
        local.expect_connack();
        local.subscribe(Version::V5, "quay", 1);
        let mut remote = Peer::connect(address, Version::V5, "remote");
        remote.send(&publish(Version::V5, 1, 1, "quay", b"ahoy"));
        remote.expect_kind(0x40);
        let packet = local.expect_kind(0x32);
        let (packet_id, payload) = published(Version::V5, &packet);
        assert_eq!(payload, b"ahoy");
        local.send(&acknowledge(0x40, packet_id));
        local.ping();
    }
    stop(server);
    assert!(!path.exists(), "the file goes with the broker");
}

#[test]
fn listener_with_a_limit_lets_nobody_in_beyond_it_and_others_do() {
    let limited = Listener { maximum_connections: Some(1), ..loopback() };
    let server = start(vec![limited, loopback()]);
    let [narrow, wide] = server.addresses()[..] else { panic!("there are two listeners") };
    // A move to the client's home gives no place back, and the end of a connection does.
    for home in [0, 1, 0, 1] {
        let client_id = client_at(server.directory(), home, "first");
        let mut first = loop {
            let mut peer = Peer::open(narrow);
            peer.send(&connect(Version::V5, &client_id, true));
            if peer.receive().is_some() {
                break peer;
            }
        };
        Peer::open(narrow).expect_end();
        Peer::connect(wide, Version::V5, "second").ping();
        first.ping();
    }
    stop(server);
}

#[test]
fn reload_adds_and_removes_listeners_and_drops_nobody() {
    let server = start(vec![loopback()]);
    let old = server.addresses()[0];
    let mut early = Peer::connect(old, Version::V5, "early");
    server.reload(reload(vec![loopback(), Listener::new(Bind::Loopback { port: 0 })])).unwrap();
    assert_eq!(server.addresses()[0], old, "what is bound as before goes on");
    let new = server.addresses()[1];
    let mut late = Peer::connect(new, Version::V5, "late");
    early.ping();
    server.reload(reload(vec![Listener::new(Bind::Loopback { port: 0 })])).unwrap();
    until("the end of the old listener", || TcpStream::connect(old).is_err());
    early.ping();
    late.ping();
    Peer::connect(new, Version::V5, "later").ping();
    stop(server);
}

#[test]
fn port_is_opened_to_other_machines_and_closed_again_without_a_gap() {
    let server = start(vec![Listener::new(Bind::Loopback { port: 0 })]);
    let address = server.addresses()[0];
    let everywhere = Bind::Tcp { host: None, port: address.port(), interface: None, family: None };
    let here = Bind::from(address);
    let mut early = Peer::connect(address, Version::V5, "early");
    for bind in [everywhere.clone(), here.clone(), everywhere, here] {
        server.reload(reload(vec![Listener::new(bind.clone())])).unwrap();
        Peer::connect(address, Version::V5, "visitor").ping();
        early.ping();
        // Nobody else can have the port meanwhile.
        let second = ServeOptions { listen: vec![Listener::new(bind)], ..ServeOptions::default() };
        assert!(matches!(Server::start(second), Err(ServeError::Listen(_))));
    }
    stop(server);
}

#[test]
fn reload_changes_what_holds_for_those_who_come_later() {
    let server = start(vec![loopback()]);
    let address = server.addresses()[0];
    let mut early = Peer::connect(address, Version::V5, "early");
    let mut listener = loopback();
    listener.maximum_connections = Some(0);
    server.reload(reload(vec![listener])).unwrap();
    until("the limit", || Peer::open_and_greet(address).receive().is_none());
    early.ping();
    stop(server);
}

#[test]
fn reload_that_cannot_be_done_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mqtt.sock");
    let server = start(vec![loopback()]);
    let address = server.addresses()[0];
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let wrong =
        vec![Listener::new(Bind::Unix(path.clone())), Listener::at(taken.local_addr().unwrap())];
    let refused = server.reload(reload(wrong));
    assert!(matches!(refused, Err(ReloadError::Listen(_))), "{refused:?}");
    assert!(!path.exists(), "what had been bound is given back");
    assert_eq!(server.addresses(), [address]);
    Peer::connect(address, Version::V5, "undisturbed").ping();
    stop(server);
}

#[test]
fn reloads_under_load_lose_no_connection_and_no_message() {
    let server = start(vec![loopback()]);
    let address = server.addresses()[0];
    let stopped = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4u16)
        .map(|client| {
            let stopped = Arc::clone(&stopped);
            let name = client_at(server.directory(), client % 2, &format!("busy-{client}"));
            thread::spawn(move || {
                let topic = format!("load/{client}");
                let mut peer = Peer::connect(address, Version::V5, &name);
                peer.subscribe(Version::V5, &topic, 0);
                let mut messages = 0u32;
                while !stopped.load(Ordering::Relaxed) || messages < 100 {
                    peer.send(&publish(Version::V5, 0, 0, &topic, &messages.to_be_bytes()));
                    let packet = peer.expect_kind(0x30);
                    assert_eq!(published(Version::V5, &packet).1, messages.to_be_bytes());
                    // And somebody comes and goes all the time.
                    Peer::connect(address, Version::V5, &format!("{name}-visitor")).ping();
                    messages += 1;
                }
            })
        })
        .collect();
    for round in 0..50 {
        let mut listen = vec![loopback()];
        if round % 2 == 0 {
            listen.push(Listener::new(Bind::Loopback { port: 0 }));
        }
        server.reload(reload(listen)).unwrap();
    }
    stopped.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("nobody was disturbed");
    }
    stop(server);
}
