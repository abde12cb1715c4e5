//! MQTT over WebSocket and TLS, with the clients that speak them.

use std::path::Path;
use std::process::Command;

use ferrymq_interop::{
    Broker, Certificates, Library, Message, Options, PATIENCE, Program, QoS, SelfSigned, Transport,
    Trust, Version, nodejs_modules,
};

#[test]
fn mqttjs_sends_and_receives_a_megabyte_over_everything() {
    one_megabyte(Library::MqttJs);
}

#[test]
fn paho_sends_and_receives_a_megabyte_over_everything() {
    one_megabyte(Library::Paho);
}

#[test]
fn mosquitto_clients_send_and_receive_a_megabyte_over_tls() {
    one_megabyte(Library::Mosquitto);
}

#[test]
fn who_comes_one_way_hears_who_comes_another() {
    all_meet(Library::MqttJs);
    all_meet(Library::Paho);
}

/// A megabyte there and back, of each quality, over everything that the library speaks.
fn one_megabyte(library: Library) {
    let certificates = Certificates::new();
    let (_broker, ways) = start_with_all(&certificates);
    let payload: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    let spoken = || ways.iter().filter(|(transport, _)| library.speaks(transport));
    let all = VERSIONS.into_iter().flat_map(|version| spoken().map(move |way| (version, way)));
    for (version, (transport, port)) in all {
        let options = |name| Options::new(*port, version, name).over(transport);
        let mut subscriber =
            library.open(options("subscriber").subscribe("file", QoS::ExactlyOnce));
        let mut publisher = library.open(options("publisher"));
        for qos in QoS::ALL {
            let message = Message::new("file", payload.clone(), qos);
            publisher.publish(&message);
            let received = subscriber.message();
            publisher.complete(PATIENCE);
            assert!(received == message, "{transport:?}: {received:?} is not {message:?}");
        }
        subscriber.close();
        publisher.close();
    }
}

/// A subscriber of each way, and then a publisher of each.
fn all_meet(library: Library) {
    let certificates = Certificates::new();
    let (_broker, ways) = start_with_all(&certificates);
    let options = |(transport, port): &(Transport, u16), name: &str| {
        Options::new(*port, Version::V5, &format!("{name}-{port}")).over(transport)
    };
    let mut subscribers = ways
        .each_ref()
        .map(|way| library.open(options(way, "subscriber").subscribe("news", QoS::AtLeastOnce)));
    for way in &ways {
        let mut publisher = library.open(options(way, "publisher"));
        let news = Message::new("news", format!("by {:?}", way.0), QoS::AtLeastOnce);
        publisher.say(&news);
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.message(), news);
        }
        publisher.close();
    }
}

/// Who shows a certificate comes in, and is who the certificate says: whatever it calls itself, a
/// second client with the same certificate takes the first one's place.
#[test]
fn certificate_names_the_client() {
    let certificates = Certificates::new();
    let (_broker, [port]) = Broker::start_with_listeners([&format!(
        "{}use_username_as_clientid true",
        with_client_certificates(&certificates)
    )]);
    for library in [Library::MqttJs, Library::Paho] {
        let robot = Transport::Tls(certificates.client(&format!("{library:?}")));
        for version in VERSIONS {
            let options = |name| Options::new(port, version, name).over(&robot);
            let mut client = library.open(options("one").subscribe("echo", QoS::AtLeastOnce));
            let message = Message::new("echo", "hello", QoS::AtLeastOnce);
            client.say(&message);
            assert_eq!(client.message(), message);
            let other = library.open(options("another"));
            client.lost();
            other.close();
        }
    }
}

/// Debian's clients come in with a certificate of the authority, and with no other.
#[test]
fn mosquitto_clients_are_let_in_by_their_certificates() {
    let certificates = Certificates::new();
    let directives = with_client_certificates(&certificates);
    let (_broker, [port]) = Broker::start_with_listeners([&directives]);
    let Trust { authority: Some(authority), identity: Some((certificate, key)) } =
        certificates.client("robot")
    else {
        panic!("the client believes and shows something")
    };
    let stranger = SelfSigned::new();
    let publish = |identity: Option<(&Path, &Path)>| {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "localhost", "-p", &port.to_string(), "-q", "1"]);
        command.args(["-t", "door", "-m", "open"]).arg("--cafile").arg(&authority);
        if let Some((certificate, key)) = identity {
            command.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        Program::start(&mut command).finish(PATIENCE)
    };
    let (status, said) = publish(Some((&certificate, &key)));
    assert!(status.success(), "{said:?}");
    for identity in [None, Some((stranger.certificate(), stranger.key()))] {
        let identity = identity.as_ref().map(|(certificate, key)| (&**certificate, &**key));
        let (status, said) = publish(identity);
        assert!(!status.success(), "{said:?}");
    }
}

/// As introductions have it: a certificate that nobody knows, and a client that does not ask.
#[test]
fn printed_example_accepts_a_self_signed_certificate() {
    let (_broker, [port]) = Broker::start_with_listeners([&SelfSigned::new().directives()]);
    assert_eq!(secure_example(port, "rejectUnauthorized: false"), "home/temperature: 25.5°C");
}

/// With an authority of one's own the client can ask, and knows a stranger.
#[test]
fn printed_example_can_verify_a_certificate_of_our_authority() {
    let certificates = Certificates::new();
    let authority = certificates.trust().authority.expect("a client believes it");
    let verify = format!("ca: require('fs').readFileSync({:?})", authority.display().to_string());
    let (_broker, [port, other]) =
        Broker::start_with_listeners([&certificates.directives(), &SelfSigned::new().directives()]);
    assert_eq!(secure_example(port, &verify), "home/temperature: 25.5°C");
    let refused = secure_example(other, &verify);
    assert!(refused.contains("SELF_SIGNED"), "{refused}");
}

/// What the printed example prints, with this port and this way to verify.
fn secure_example(port: u16, verify: &str) -> String {
    let text = include_str!("../examples/secure.js");
    let text = text.replace("8883", &port.to_string()).replace("rejectUnauthorized: false", verify);
    let mut command = Command::new("node");
    command.env("NODE_PATH", nodejs_modules()).args(["-e", &text]);
    Program::start(&mut command).next_stdout(PATIENCE)
}

/// A listener that asks its clients for a certificate.
fn with_client_certificates(certificates: &Certificates) -> String {
    format!(
        "{}{}require_certificate true\nuse_identity_as_username true\n",
        certificates.directives(),
        certificates.authority_directive()
    )
}

/// A broker with a listener for everything that may carry MQTT.
fn start_with_all(certificates: &Certificates) -> (Broker, [(Transport, u16); 4]) {
    let secure = certificates.directives();
    let websocket = "protocol websockets\n";
    let both = format!("{websocket}{secure}");
    let (broker, [plain, web, tls, web_tls]) =
        Broker::start_with_listeners(["", websocket, &secure, &both]);
    let trust = certificates.trust();
    let ways = [
        (Transport::Tcp, plain),
        (Transport::WebSocket, web),
        (Transport::Tls(trust.clone()), tls),
        (Transport::SecureWebSocket(trust), web_tls),
    ];
    (broker, ways)
}

const VERSIONS: [Version; 2] = [Version::V3, Version::V5];
