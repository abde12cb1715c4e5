//! TLS in memory: client against server.

mod common;

use common::{Authority, Pair, Side};
use ferrymq_transport::Layer;
use ferrymq_transport::tls::{ClientSettings, ServerSettings, TlsVersion};

#[test]
fn bytes_go_both_ways_in_both_versions() {
    let authority = Authority::new();
    let server = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    assert_eq!(server.warnings(), <[String; 0]>::default());
    for (version, name) in [(TlsVersion::V1_2, "TLSv1.2"), (TlsVersion::V1_3, "TLSv1.3")] {
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
        pair.client.close(&mut pair.to_server);
        pair.carry().unwrap();
        assert!(pair.server.has_ended() && !pair.client.is_open());
    }
}

#[test]
fn server_knows_who_has_shown_a_certificate() {
    let authority = Authority::new();
    let mut options = authority.server_options("localhost");
    options.require_certificate = true;
    options.ca_file = Some(authority.path("ca.crt"));
    let server = ServerSettings::load(&options).unwrap();

    let client = ClientSettings::load(&authority.named_client_options("meter")).unwrap();
    let mut pair = Pair::new(&server, &client, "localhost");
    pair.carry().unwrap();
    let peer = pair.server.peer_certificate().unwrap();
    assert_eq!((peer.common_name.as_deref(), &*peer.subject), (Some("meter"), "CN=meter"));

    let nobody = ClientSettings::load(&authority.client_options()).unwrap();
    let mut pair = Pair::new(&server, &nobody, "localhost");
    let (side, error) = pair.carry().unwrap_err();
    assert_eq!(side, Side::Server);
    assert!(error.to_string().contains("require_certificate"), "{error}");
    assert!(!pair.to_client.is_empty(), "the client is told why, too");
}
