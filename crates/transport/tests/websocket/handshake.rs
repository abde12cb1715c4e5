//! How a connection begins.

use ferrymq_transport::Layer;
use ferrymq_transport::websocket::{ClientSettings, Page, Pages, ServerSettings};

use crate::peer::Peer;

#[test]
fn client_and_server_shake_hands_and_send_both_ways() {
    let mut server = Peer::server(ServerSettings::default());
    let mut client = Peer::client("example.org:9001", "/mqtt");
    client.receive(b"").expect("nothing is wrong");
    server.receive(&client.take_below()).expect("a request");
    assert!(server.layer.is_open() && !client.layer.is_open());
    // A server may speak before the client has read that it may.
    server.send(b"welcome");
    client.receive(&server.take_below()).expect("an answer");
    assert!(client.layer.is_open());
    client.send(b"hello");
    server.receive(&client.take_below()).expect("a frame");
    assert_eq!(
        (client.above.as_slice(), server.above.as_slice()),
        (&b"welcome"[..], &b"hello"[..])
    );
}

#[test]
fn request_of_the_rfc_gets_the_answer_of_the_rfc() {
    let mut server = Peer::server(ServerSettings::default());
    server.receive(request(&[]).as_bytes()).expect("a request");
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                  Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                  Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&server.below), answer);
    assert!(server.layer.is_open());
}

#[test]
fn handshake_is_the_same_octet_by_octet() {
    let mut server = Peer::server(ServerSettings::default());
    // CONNECT of MQTT may come with the request: the client need not wait.
    let mut bytes = request(&[]).into_bytes();
    bytes.extend_from_slice(b"\x82\x82\x01\x02\x03\x04\x11\x02");
    for octet in bytes {
        server.receive(&[octet]).expect("a request and a frame");
    }
    assert_eq!(server.above, b"\x10\0");
}

#[test]
fn requests_of_all_sorts_of_clients_are_accepted() {
    for (change, chosen) in [
        (("Sec-WebSocket-Protocol", "mqttv3.1"), Some("mqttv3.1")),
        (("sec-websocket-protocol", "other , mqttv3.1, mqtt"), Some("mqttv3.1")),
        (("Sec-WebSocket-Protocol", ""), None),
        (("Connection", "keep-alive, Upgrade"), Some("mqtt")),
        (("UPGRADE", "WebSocket"), Some("mqtt")),
        (("Origin", "https://example.org"), Some("mqtt")),
        (("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"), Some("mqtt")),
        (("Sec-WebSocket-Key", "short"), Some("mqtt")),
    ] {
        let mut server = Peer::server(ServerSettings::default());
        server.receive(request(&[change]).as_bytes()).expect("a request");
        let answer = String::from_utf8(server.take_below()).expect("an answer");
        let protocol =
            answer.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(protocol, chosen, "{change:?}");
        assert!(server.layer.is_open() && !answer.contains("Extensions"), "{change:?}");
    }
}

#[test]
fn requests_that_cannot_be_granted_are_answered_and_explained() {
    let settings = || ServerSettings {
        path: Some("/mqtt".into()),
        origins: vec!["https://example.org".into()],
        pages: None,
        api: None,
    };
    let get = |change| request(&[("GET", "/mqtt"), change]);
    for (request, status, reason) in [
        (get(("Upgrade", "")), "426 Upgrade Required", "plain HTTP"),
        (get(("Connection", "close")), "426 Upgrade Required", "plain HTTP"),
        (get(("Sec-WebSocket-Version", "8")), "426 Upgrade Required", "not 13"),
        (get(("Sec-WebSocket-Version", "")), "426 Upgrade Required", "not 13"),
        (get(("Sec-WebSocket-Key", "")), "400 Bad Request", "Key is missing"),
        (get(("Sec-WebSocket-Protocol", "chat")), "400 Bad Request", "offer mqtt"),
        (get(("Origin", "https://else.org")), "403 Forbidden", "https://else.org"),
        (get(("Origin", "https://example.or")), "403 Forbidden", "websockets_origin"),
        (request(&[("GET", "/other?mqtt")]), "404 Not Found", "no MQTT at /other."),
        (request(&[]).replace("GET", "POST"), "405 Method Not Allowed", "not GET"),
        (request(&[]).replace("HTTP/1.1", "HTTP/1.0"), "400 Bad Request", "HTTP/1.1"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".into(), "400 Bad Request", "not HTTP"),
        (get(("Cookie", &"x".repeat(8192))), "431 Request Header Fields Too Large", "8 KiB"),
        (get(("Cookie", &"x\r\nX: ".repeat(64))), "431 Request Header Fields Too Large", "8 KiB"),
    ] {
        let mut server = Peer::server(settings());
        let error = server.refuse(request.as_bytes());
        let answer = String::from_utf8(server.take_below()).expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}{answer}");
        assert!(error.contains(reason) && answer.contains(reason), "{error}: {answer}");
        assert!(server.layer.has_ended() && !server.layer.is_open(), "{request}");
    }
}

#[test]
fn origin_is_asked_of_browsers_only_and_in_any_case() {
    let origins = vec!["https://example.org".into(), "https://example.net:8443".into()];
    for origin in ["", "https://EXAMPLE.org", "https://example.net:8443"] {
        let mut server =
            Peer::server(ServerSettings { origins: origins.clone(), ..ServerSettings::default() });
        server.receive(request(&[("Origin", origin)]).as_bytes()).expect("a request");
        assert!(server.layer.is_open(), "{origin}");
    }
}

#[test]
fn peer_that_speaks_something_else_is_recognised_by_its_first_octet() {
    for (octet, reason) in [
        (0x10, "MQTT without WebSocket"),
        (0x16, "certfile"),
        (b'\r', "not HTTP"),
        (0xFF, "not HTTP"),
    ] {
        let mut server = Peer::server(ServerSettings::default());
        let error = server.refuse(&[octet]);
        assert!(error.contains(reason), "{error}");
        assert_eq!(server.below, b"", "it would not be understood");
    }
}

#[test]
fn text_of_a_peer_cannot_break_a_line_of_the_log() {
    let mut server =
        Peer::server(ServerSettings { origins: vec!["a".into()], ..ServerSettings::default() });
    let error = server.refuse(request(&[("Origin", "x\ty\u{85}\u{202e}")]).as_bytes());
    assert!(error.contains(r"x\ty\u{85}\u{202e}"), "{error}");
}

#[test]
fn page_is_served_and_then_the_connection_ends() {
    let mut pages = Pages::default();
    pages.insert("/index.html", Page { content_type: "text/html", body: (*b"<p>").into() });
    let settings = ServerSettings { pages: Some(pages.into()), ..ServerSettings::default() };
    for (request, end) in [
        ("GET / HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n\r\n<p>"),
        ("HEAD /?x HTTP/1.1\r\nHost: x\r\n\r\n", "\r\nConnection: close\r\n\r\n"),
    ] {
        let mut server = Peer::server(settings.clone());
        server.receive(request.as_bytes()).expect("a page");
        let answer = String::from_utf8(server.take_below()).expect("text");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(end), "{answer}");
        assert!(answer.contains("Content-Length: 3\r\n"), "{answer}");
        assert!(server.layer.has_ended() && !server.layer.is_open());
        server.receive(b"GET /x").expect("what comes now means nothing");
        assert_eq!(server.below, b"");
    }
    let mut server = Peer::server(settings.clone());
    assert!(server.refuse(b"GET /x HTTP/1.1\r\n\r\n").contains("no file at /x"));
    assert!(server.below.starts_with(b"HTTP/1.1 404"));
    let mut server = Peer::server(settings.clone());
    server.refuse(b"PUT / HTTP/1.1\r\n\r\n");
    let answer = String::from_utf8(server.take_below()).expect("text");
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("Allow: GET, HEAD\r\n"));
    let mut server = Peer::server(settings);
    server.receive(request(&[]).as_bytes()).expect("a request");
    assert!(server.layer.is_open(), "MQTT is still there");
}

#[test]
fn client_recognises_a_server_that_has_not_agreed() {
    let good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\
                Sec-WebSocket-Accept: ACCEPT\r\n\r\n";
    for (from, to, reason) in [
        ("101 Switching Protocols", "404 Not Found", "answered 404 Not Found. Check the port"),
        ("Upgrade: WebSocket", "X: y", "did not agree"),
        ("Connection: upgrade", "Connection: close", "did not agree"),
        ("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "proof is wrong"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n", "extension"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: mqttv3.1\r\n\r\n", "was not offered"),
        ("HTTP/1.1", "\x20\x02\0\0", "not HTTP"),
    ] {
        let mut client = Peer::client("h", "/");
        client.receive(b"").expect("nothing is wrong");
        let accept = accept(&client.take_below());
        let answer = good.replace(from, to).replace("ACCEPT", &accept);
        let error = client.refuse(answer.as_bytes());
        assert!(error.contains(reason), "{error}");
        assert!(client.layer.has_ended() && !client.layer.is_open());
    }
    let mut client = Peer::client("h", "/");
    client.receive(b"").expect("nothing is wrong");
    let accept = accept(&client.take_below());
    client.receive(good.replace("ACCEPT", &accept).as_bytes()).expect("the server agrees");
    assert!(client.layer.is_open());
}

#[test]
fn host_and_path_that_would_end_a_line_are_refused() {
    for (host, path) in [("", "/"), ("a b", "/"), ("h\r\nX: y", "/"), ("h", ""), ("h", "x")] {
        assert!(ClientSettings::new(host, path).is_err(), "{host:?} {path:?}");
    }
    for path in ["/a b", "/\r\n", "/é"] {
        assert!(ClientSettings::new("h", path).is_err(), "{path:?}");
    }
}

/// What a server answers as proof to this request.
fn accept(request: &[u8]) -> String {
    let mut server = Peer::server(ServerSettings::default());
    server.receive(request).expect("a request");
    let answer = String::from_utf8(server.take_below()).expect("an answer");
    let accept = answer.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Accept: "));
    accept.expect("a proof").to_owned()
}

/// The request of RFC 6455 for MQTT, with other values; a field without value is left out.
fn request(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "mqtt"),
        ("Sec-WebSocket-Version", "13"),
    ];
    let mut path = "/";
    for (name, value) in changes {
        if *name == "GET" {
            path = value;
            continue;
        }
        fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    let lines: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let fields = lines.concat();
    format!("GET {path} HTTP/1.1\r\n{fields}\r\n")
}
