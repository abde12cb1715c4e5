//! The language as a whole.

use super::*;

fn mosquitto(text: &str) -> Result<Configuration, Rejected> {
    parse(Persona::Mosquitto, text.as_bytes())
}

fn right(text: &str) -> Configuration {
    mosquitto(text).unwrap_or_else(|rejected| panic!("{text}\n{rejected}"))
}

fn mistakes(text: &str) -> Vec<String> {
    let rejected = mosquitto(text).map(|_| ()).expect_err(text);
    rejected
        .mistakes()
        .map(|mistake| mistake.to_string().replacen("configuration:", "", 1))
        .collect()
}

#[test]
fn nothing_at_all_is_for_this_machine_alone() {
    for text in ["", "# a comment\n\n", "max_queued_messages 5\n", "protocol websockets\n"] {
        let configuration = right(text);
        assert!(configuration.is_local, "{text}");
        assert_eq!(configuration.global.security.allow_anonymous, Some(true), "{text}");
        let endpoints: Vec<_> = configuration.listeners.iter().map(|on| &on.endpoint).collect();
        assert_eq!(endpoints, [&Endpoint::Loopback { port: 1883 }], "{text}");
    }
}

#[test]
fn lines_about_listeners_hold_for_the_listener_before_them() {
    let configuration = right(
        "listener 1883\nmax_connections 5\nlistener 8080 127.0.0.1\nprotocol websockets\n\
         mount_point a/\nlistener 0 /run/a.sock\nmax_connections -5\nallow_anonymous true\n",
    );
    assert!(!configuration.is_local);
    assert_eq!(configuration.global.security.allow_anonymous, Some(true));
    let [tcp, web, unix] = configuration.listeners.as_slice() else {
        panic!("{:?}", configuration.listeners);
    };
    assert_eq!(tcp.endpoint, Endpoint::Tcp { port: 1883, host: None });
    assert_eq!(tcp.maximum_connections.limit(), Some(5));
    assert_eq!(web.endpoint, Endpoint::Tcp { port: 8080, host: Some("127.0.0.1".to_owned()) });
    assert_eq!(web.protocol, Protocol::Websockets);
    assert_eq!(web.mount_point.as_ref().map(ferrymq_broker::MountPoint::as_str), Some("a/"));
    assert_eq!(unix.endpoint, Endpoint::Unix("/run/a.sock".into()));
    assert_eq!(unix.maximum_connections.limit(), None);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = "listener 70000\nmax_packet_size 5\nlog_tpye all\n\nallow_anonymous maybe\n\
                max_packet_size=9\nfrobnicate\ncafile a\n";
    let expected = [
        "1: listener: 70000 is out of range; it takes port from 0 to 65535",
        "2: max_packet_size: 5 is out of range; it takes bytes from 20 to 268435460",
        "3: there is no \"log_tpye\"; do you mean log_type?",
        "5: allow_anonymous: \"maybe\" is neither true nor false",
        "6: there is no \"max_packet_size=9\"; write max_packet_size, one space, and the value",
        "7: there is no \"frobnicate\"; the reference page lists all options",
        "8: cafile: write the line of its listener before it",
    ];
    assert_eq!(mistakes(text), expected);
}

#[test]
fn broker_does_not_start_where_it_would_let_in_everybody() {
    for line in ["password_file /p", "acl_file /a", "psk_file /k", "plugin /x.so", "psk_hint x"] {
        let found = mistakes(&format!("listener 1883\n{line}\nallow_anonymous false\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("2: "), "{found:?}");
    }
}
