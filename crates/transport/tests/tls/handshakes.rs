//! Who believes whom, and what goes through.

use std::io::IoSlice;

use crate::peers::{Authority, Pair, Side, fixture, named};
use ferrymq_transport::tls::{
    ClientOptions, ClientSettings, ServerLayer, ServerOptions, ServerSettings, TlsVersion,
};
use ferrymq_transport::{Layer, TransportError};
use rcgen::{Issuer, KeyPair, date_time_ymd};

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

/// What comes of a client that connects to `localhost` with at most `version`.
fn connect(
    server: &ServerSettings,
    client: &ClientOptions,
    version: TlsVersion,
) -> Result<Pair, (Side, TransportError)> {
    let options = ClientOptions { maximum_version: Some(version), ..client.clone() };
    let client = ClientSettings::load(&options).unwrap();
    let mut pair = Pair::new(server, &client, "localhost");
    pair.carry().map(|_| pair)
}

#[test]
fn bytes_go_both_ways_in_both_versions() {
    let authority = Authority::new();
    let server = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    assert_eq!(server.warnings(), <[String; 0]>::default());
    for (version, name) in VERSIONS.into_iter().zip(["TLSv1.2", "TLSv1.3"]) {
        let mut options = authority.client_options();
        options.maximum_version = Some(version);
        let client = ClientSettings::load(&options).unwrap();
        let mut pair = Pair::new(&server, &client, "localhost");
        assert!(!pair.server.is_open() && !pair.client.is_open());
        pair.carry().unwrap();
        assert!(pair.server.is_open() && pair.client.is_open());
        assert_eq!(pair.client_says(b"hello"), b"hello");
        assert_eq!(pair.server_says(b"world"), b"world");
        assert_eq!(pair.server.negotiated().unwrap().version, name);
        assert_eq!(pair.server.negotiated(), pair.client.negotiated());
    }
}

#[test]
fn pieces_of_any_size_arrive_as_one_stream() {
    let authority = Authority::new();
    let server = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    let large: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    for version in VERSIONS {
        let mut pair = connect(&server, &authority.client_options(), version).unwrap();
        let pieces = [&large[..1], &[], &large[1..40_000], &large[40_000..]].map(IoSlice::new);
        pair.server.send(&pieces, &mut pair.to_client);
        let records = large.len().div_ceil(16_384);
        assert!(pair.to_client.len() <= large.len() + 30 * records, "pieces share records");
        assert_eq!(pair.carry().unwrap().1, large);
        pair.client.send(&pieces, &mut pair.to_server);
        assert_eq!(pair.carry().unwrap().0, large);
    }
}

#[test]
fn nothing_comes_after_close_notify_and_the_other_direction_stays() {
    let authority = Authority::new();
    let server = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    for version in VERSIONS {
        let mut pair = connect(&server, &authority.client_options(), version).unwrap();
        pair.client.close(&mut pair.to_server);
        assert!(!pair.client.is_open());
        pair.client.send(&[IoSlice::new(b"late")], &mut pair.to_server);
        pair.to_server.extend_from_slice(b"whatever follows");
        assert_eq!(pair.carry().unwrap().0, b"");
        assert!(pair.server.has_ended() && !pair.client.has_ended());
        assert_eq!(pair.server_says(b"bye"), b"bye");
        pair.server.close(&mut pair.to_client);
        pair.carry().unwrap();
        assert!(pair.client.has_ended());
    }
}

#[test]
fn server_knows_who_has_shown_a_certificate() {
    let authority = Authority::new();
    authority.revoke(&[]);
    let server = ServerSettings::load(&authority.strict_server_options("localhost")).unwrap();
    for version in VERSIONS {
        let client = authority.named_client_options("meter");
        let mut pair = Pair::new(&server, &ClientSettings::load(&client).unwrap(), "localhost");
        assert!(pair.server.peer_certificate().is_none());
        pair.carry().unwrap();
        let pair = connect(&server, &client, version).unwrap();
        let peer = pair.server.peer_certificate().unwrap();
        assert_eq!((peer.common_name.as_deref(), &*peer.subject), (Some("meter"), "CN=meter"));
    }
}

/// A client, and what the server's words of refusal must say, if it is refused.
type Row = (&'static str, ClientOptions, Option<&'static str>);

/// Clients with and without good certificates of `authority`, which has revoked number 7.
fn clients(authority: &Authority, stranger: &Authority) -> Vec<Row> {
    let mut expired = named("expired");
    expired.not_after = date_time_ymd(2020, 1, 1);
    let mut early = named("early");
    early.not_before = date_time_ymd(2120, 1, 1);
    early.not_after = date_time_ymd(2121, 1, 1);
    let mut revoked = named("revoked");
    revoked.serial_number = Some(7.into());
    let mut other = stranger.named_client_options("stranger");
    other.ca_file = Some(authority.path("ca.crt"));
    let with = |name, params| authority.client_options_with(name, params);
    vec![
        ("good", authority.named_client_options("good"), None),
        ("without", authority.client_options(), Some("has shown no certificate")),
        ("expired", with("expired", &expired), Some("it has expired")),
        ("early", with("early", &early), Some("is not valid yet")),
        ("revoked", with("revoked", &revoked), Some("it was revoked")),
        ("stranger", other, Some("who has signed it is not one of the authorities")),
    ]
}

#[test]
fn only_clients_with_a_good_certificate_come_in_and_only_they_come_back() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.revoke(&[3, 7]);
    let server = ServerSettings::load(&authority.strict_server_options("localhost")).unwrap();
    for version in VERSIONS {
        for (name, client, refusal) in clients(&authority, &stranger) {
            let options = ClientOptions { maximum_version: Some(version), ..client };
            let client = ClientSettings::load(&options).unwrap();
            for is_resumed in [false, true] {
                let mut pair = Pair::new(&server, &client, "localhost");
                match (pair.carry(), refusal) {
                    (Ok(_), None) => {
                        assert_eq!(pair.server.negotiated().unwrap().is_resumed, is_resumed);
                        let peer = pair.server.peer_certificate().unwrap();
                        assert_eq!(peer.common_name.as_deref(), Some(name));
                        assert_eq!(pair.client_says(b"hello"), b"hello");
                    }
                    (Err((Side::Server, error)), Some(words)) => {
                        assert!(error.to_string().contains(words), "{name}: {error}");
                        assert!(!pair.to_client.is_empty(), "{name} is told, too");
                        assert!(!pair.server.is_open() && pair.server.has_ended());
                    }
                    (result, _) => panic!("{name} in {version:?}: {result:?}"),
                }
            }
        }
    }
}

#[test]
fn certificate_out_of_its_dates_is_believed_where_they_do_not_count_and_no_other() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.revoke(&[3, 7]);
    let strict = authority.strict_server_options("localhost");
    let server = ServerSettings::load(&ServerOptions { ignore_client_dates: true, ..strict });
    let server = server.unwrap();
    for (name, client, refusal) in clients(&authority, &stranger) {
        let client = ClientSettings::load(&client).unwrap();
        let mut pair = Pair::new(&server, &client, "localhost");
        match (name, pair.carry()) {
            ("good" | "expired" | "early", Ok(_)) => {
                assert_eq!(pair.client_says(b"hello"), b"hello", "{name}");
            }
            (_, Err((Side::Server, error))) if name != "good" => {
                let words = refusal.expect("only others are refused");
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
            (_, result) => panic!("{name}: {result:?}"),
        }
    }
}

#[test]
fn new_settings_resume_nothing_of_old_ones() {
    let authority = Authority::new();
    let options = authority.server_options("localhost");
    for version in VERSIONS {
        let mut client = authority.client_options();
        client.maximum_version = Some(version);
        let client = ClientSettings::load(&client).unwrap();
        for _ in 0..2 {
            let server = ServerSettings::load(&options).unwrap();
            for is_resumed in [false, true] {
                let mut pair = Pair::new(&server, &client, "localhost");
                pair.carry().unwrap();
                assert_eq!(pair.client.negotiated().unwrap().is_resumed, is_resumed);
            }
        }
    }
}

#[test]
fn client_believes_only_whom_its_authorities_have_signed_for_the_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = ServerSettings::load(&authority.server_options("broker.example.org")).unwrap();
    let refusal = |client: ClientOptions, host: &str| {
        let client = ClientSettings::load(&client).unwrap();
        let mut pair = Pair::new(&server, &client, host);
        pair.carry().err().map(|(side, error)| {
            assert_eq!(side, Side::Client);
            // The server learns it from the alert.
            let (mut above, mut below) = (Vec::new(), Vec::new());
            let told = pair.server.receive(&pair.to_server, &mut above, &mut below);
            assert!(told.is_err(), "{host}");
            error.to_string()
        })
    };
    assert_eq!(refusal(authority.client_options(), "broker.example.org"), None);
    let wrong_name = refusal(authority.client_options(), "localhost").unwrap();
    assert!(wrong_name.contains("is not for localhost"), "{wrong_name}");
    let unknown = refusal(stranger.client_options(), "broker.example.org").unwrap();
    assert!(unknown.contains("--cafile"), "{unknown}");
    let insecure = ClientOptions { insecure: true, ..stranger.client_options() };
    assert_eq!(refusal(insecure, "127.0.0.1"), None);
}

#[test]
fn addresses_can_be_in_certificates() {
    let authority = Authority::new();
    let client = ClientSettings::load(&authority.client_options()).unwrap();
    for (host, in_url) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let server = ServerSettings::load(&authority.server_options(host)).unwrap();
        Pair::new(&server, &client, in_url).carry().unwrap();
    }
}

#[test]
fn certificates_that_openssl_makes_by_default_are_believed() {
    let server = ServerSettings::load(&ServerOptions {
        certificate: fixture("localhost.crt"),
        key: fixture("localhost.key"),
        ca_file: Some(fixture("ca.crt")),
        revocations: Some(fixture("revoked.crl")),
        require_certificate: true,
        ..ServerOptions::default()
    })
    .unwrap();
    let client = |name: &str| ClientOptions {
        ca_file: Some(fixture("ca.crt")),
        certificate: Some(fixture(&format!("{name}.crt"))),
        key: Some(fixture(&format!("{name}.key"))),
        ..ClientOptions::default()
    };
    for version in VERSIONS {
        let pair = connect(&server, &client("meter"), version).unwrap();
        assert_eq!(&*pair.server.peer_certificate().unwrap().subject, "CN=meter,O=Ferry");
        let (side, error) = connect(&server, &client("gone"), version).err().unwrap();
        assert!(side == Side::Server && error.to_string().contains("was revoked"), "{error}");
        let (side, error) = connect(&server, &client("self"), version).err().unwrap();
        assert!(side == Side::Server && error.to_string().contains("authorities"), "{error}");
    }
    // What version 1 cannot say is in its subject.
    let client = ClientSettings::load(&client("meter")).unwrap();
    let (side, error) = Pair::new(&server, &client, "example.org").carry().unwrap_err();
    assert!(side == Side::Client && error.to_string().contains("not for example.org"), "{error}");
}

#[test]
fn version_one_of_a_stranger_is_not_believed() {
    let authority = Authority::new();
    let server = ServerSettings::load(&ServerOptions {
        certificate: fixture("localhost.crt"),
        key: fixture("localhost.key"),
        ..ServerOptions::default()
    })
    .unwrap();
    for version in VERSIONS {
        let (side, error) = connect(&server, &authority.client_options(), version).err().unwrap();
        assert!(side == Side::Client && error.to_string().contains("--cafile"), "{error}");
        let insecure = ClientOptions { insecure: true, ..ClientOptions::default() };
        connect(&server, &insecure, version).unwrap();
    }
}

#[test]
fn self_signed_certificate_is_believed_by_who_has_it() {
    let authority = Authority::new();
    let server = ServerSettings::load(&ServerOptions {
        certificate: fixture("self.crt"),
        key: fixture("self.key"),
        ..ServerOptions::default()
    })
    .unwrap();
    let client = |ca_file| ClientOptions { ca_file: Some(ca_file), ..ClientOptions::default() };
    for version in VERSIONS {
        connect(&server, &client(fixture("self.crt")), version).unwrap();
        assert!(connect(&server, &client(authority.path("ca.crt")), version).is_err());
    }
    let client = ClientSettings::load(&client(fixture("self.crt"))).unwrap();
    let (_, error) = Pair::new(&server, &client, "example.org").carry().unwrap_err();
    assert!(error.to_string().contains("is not for example.org"), "{error}");
}

#[test]
fn certificate_that_is_believed_cannot_sign_others() {
    let authority = Authority::new();
    // A client's own certificate, which the server knows, and what that client has signed.
    let params = named("known");
    let key = KeyPair::generate().unwrap();
    authority.write("known.crt", &params.self_signed(&key).unwrap().pem());
    authority.write("known.key", &key.serialize_pem());
    let signed_key = KeyPair::generate().unwrap();
    let signed = named("other").signed_by(&signed_key, &Issuer::new(params, key)).unwrap();
    authority.write("other.crt", &signed.pem());
    authority.write("other.key", &signed_key.serialize_pem());
    for files in ["known.crt", "both.crt"] {
        let text = |name| std::fs::read_to_string(authority.path(name)).unwrap();
        authority.write("both.crt", &(text("known.crt") + &text("ca.crt")));
        let server = ServerSettings::load(&ServerOptions {
            require_certificate: true,
            ca_file: Some(authority.path(files)),
            ..authority.server_options("localhost")
        })
        .unwrap();
        let client = |name: &str| ClientOptions {
            certificate: Some(authority.path(&format!("{name}.crt"))),
            key: Some(authority.path(&format!("{name}.key"))),
            ..authority.client_options()
        };
        for version in VERSIONS {
            let pair = connect(&server, &client("known"), version).unwrap();
            assert_eq!(&*pair.server.peer_certificate().unwrap().subject, "CN=known");
            let (side, error) = connect(&server, &client("other"), version).err().unwrap();
            assert!(side == Side::Server && error.to_string().contains("authorities"), "{error}");
        }
    }
}

#[test]
fn client_may_ask_for_any_protocol() {
    let authority = Authority::new();
    let server = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    let client = ClientOptions { alpn: Some("mqtt".into()), ..authority.client_options() };
    let pair = connect(&server, &client, TlsVersion::V1_3).unwrap();
    assert_eq!(pair.client.alpn(), None);
}

#[test]
fn old_versions_are_refused_where_the_new_one_is_wanted() {
    let authority = Authority::new();
    let options = ServerOptions {
        minimum_version: Some(TlsVersion::V1_3),
        ..authority.server_options("localhost")
    };
    let server = ServerSettings::load(&options).unwrap();
    connect(&server, &authority.client_options(), TlsVersion::V1_3).unwrap();
    let (side, error) =
        connect(&server, &authority.client_options(), TlsVersion::V1_2).err().unwrap();
    assert!(side == Side::Server && error.to_string().contains("tls_version"), "{error}");
}

#[test]
fn ciphers_that_are_named_are_used() {
    let authority = Authority::new();
    for (version, cipher) in
        VERSIONS.into_iter().zip(["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"])
    {
        let options = ServerOptions {
            ciphers: Some("CHACHA20:!aRSA".into()),
            ciphers_tls13: Some("TLS_CHACHA20_POLY1305_SHA256".into()),
            ..authority.server_options("localhost")
        };
        let server = ServerSettings::load(&options).unwrap();
        let pair = connect(&server, &authority.client_options(), version).unwrap();
        assert_eq!(pair.server.negotiated().unwrap().cipher, cipher);
        let client = ClientOptions { ciphers: Some(cipher.into()), ..authority.client_options() };
        let pair = connect(&server, &client, version).unwrap();
        assert_eq!(pair.client.negotiated().unwrap().cipher, cipher);
    }
}

#[test]
fn who_does_not_speak_tls_is_told_so_in_the_log() {
    let authority = Authority::new();
    let server = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    let rows: [(&[u8], &str); 3] = [
        (b"\x10\x10\x00\x04MQTT", "MQTT without TLS"),
        (b"GET / HTTP/1.1\r\n", "HTTP without TLS"),
        (b"\x00", "0x00"),
    ];
    for (bytes, words) in rows {
        let mut layer = ServerLayer::new(&server).unwrap();
        let (mut above, mut below) = (Vec::new(), Vec::new());
        let error = layer.receive(bytes, &mut above, &mut below).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert!(above.is_empty());
    }
}
