//! The language as a whole.

mod plugins;
mod printing;
mod sources;
mod values;

use std::path::PathBuf;

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
        "3: Unknown configuration variable \"log_tpye\". (do you mean log_type?)",
        "5: allow_anonymous: \"maybe\" is neither true nor false",
        "6: Unknown configuration variable \"max_packet_size=9\". (write max_packet_size, one space, \
         and the value)",
        "7: Unknown configuration variable \"frobnicate\". (the reference page lists all options)",
        "8: cafile: write the line of its listener before it",
    ];
    assert_eq!(mistakes(text), expected);
}

#[test]
fn broker_does_not_start_where_it_would_let_in_everybody() {
    for line in ["psk_file /k", "plugin /x.so", "psk_hint x"] {
        let found = mistakes(&format!("listener 1883\n{line}\nallow_anonymous false\n"));
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].starts_with("2: "), "{found:?}");
    }
}

#[test]
fn configurations_of_a_tutorial_start_or_say_why_not() {
    let tls = "\n# SSL/TLS settings\nlistener 8883\ncertfile /etc/mosquitto/certs/server.crt\n\
               keyfile /etc/mosquitto/certs/server.key\n";
    let configuration = right(tls);
    assert_eq!(
        configuration.listeners[0].tls.certfile,
        Some("/etc/mosquitto/certs/server.crt".into())
    );
    let warnings: Vec<_> =
        configuration.remarks.iter().map(|remark| (remark.weight, remark.to_string())).collect();
    let expected = "configuration:3: listener 8883: nobody can come in: there is no password_file \
                    nor any other source of users, and allow_anonymous is not true";
    assert_eq!(warnings, [(Weight::Warning, expected.to_owned())]);
    let users = "\nallow_anonymous false\npassword_file /etc/mosquitto/passwd\n";
    for text in [users.to_owned(), format!("{users}{tls}")] {
        let configuration = right(&text);
        assert_eq!(configuration.remarks, [], "{text}");
        let [door] = configuration.policy().doors.try_into().expect("there is one listener");
        assert_eq!(door.password_files, [PathBuf::from("/etc/mosquitto/passwd")]);
        assert!(!door.allow_anonymous);
    }
}

#[test]
fn lines_that_do_not_go_together_are_mistakes() {
    let rows = [
        ("listener 1\ncertfile c\n", "1: listener 1: TLS needs both certfile and keyfile"),
        ("listener 1\ncafile c\n", "1: listener 1: cafile and capath are for TLS"),
        ("listener 1\nrequire_certificate true\n", "1: listener 1: require_certificate is for TLS"),
        (
            "listener 1\ncertfile c\nkeyfile k\nrequire_certificate 1\n",
            "1: listener 1: require_certificate needs the authorities",
        ),
        (
            "listener 1\ncertfile c\nkeyfile k\nenable_proxy_protocol 2\n",
            "1: listener 1: with enable_proxy_protocol 2 the proxy speaks TLS",
        ),
        ("listener 1\n\nlistener 1\n", "3: listener 1: it is at configuration:1 already"),
        ("listener 1\nport 1\n", "2: listener 1: it is at configuration:1 already"),
        (
            "persistence_file a\npersistence_file b\n",
            "2: persistence_file: it is given already, at",
        ),
        ("connection a\n\nconnection a\n", "3: connection: there is a bridge \"a\" already, at"),
        ("durability none\ntopic_durability a=power\n", "2: topic_durability needs a broker that"),
        (
            "allow_anonymous true\nper_listener_settings true\n",
            "2: per_listener_settings: write it before all about users",
        ),
        (
            "per_listener_settings true\nallow_anonymous true\n",
            "2: allow_anonymous: write the line",
        ),
        ("port 1884\naccept_protocol_versions 4\n", "2: accept_protocol_versions: write the line"),
        ("notifications true\n", "1: notifications: write the line connection NAME"),
    ];
    for (text, expected) in rows {
        let found = mistakes(text);
        assert!(
            matches!(found.as_slice(), [only] if only.starts_with(expected)),
            "{text}{found:#?}"
        );
    }
}

#[test]
fn port_and_bind_address_are_one_listener() {
    for text in ["port 1884\nbind_address ::1\n", "bind_address ::1\nport 1884\nmax_qos 1\n"] {
        let configuration = right(text);
        let endpoint = Endpoint::Tcp { port: 1884, host: Some("::1".to_owned()) };
        assert_eq!(configuration.listeners.len(), 1, "{text}");
        assert_eq!(configuration.listeners[0].endpoint, endpoint, "{text}");
        assert!(!configuration.is_local);
    }
}

#[test]
fn each_listener_may_have_its_own_users() {
    let configuration = right(
        "per_listener_settings true\nlistener 1\nallow_anonymous true\nlistener 2\n\
         per_listener_settings false\nallow_zero_length_clientid false\n",
    );
    let security: Vec<_> = configuration.listeners.iter().map(|on| &on.security).collect();
    assert_eq!(security[0].allow_anonymous, Some(true));
    assert_eq!(security[1].allow_anonymous, None);
    assert_eq!(security[1].allow_zero_length_client_id, Some(false));
    assert_eq!(configuration.global.security, Security::default());
}

#[test]
fn many_mistakes_end_the_reading() {
    let found = mistakes(&"nonsense\n".repeat(1000));
    assert_eq!(found.len(), 101);
    assert!(found[100].ends_with("what follows was not looked at"), "{}", found[100]);
}

#[test]
fn differences_say_what_a_reload_changes() {
    let before = right("listener 1\nmax_qos 1\nlistener 2\nmax_keepalive 60\n");
    let after =
        right("listener 1\nmax_keepalive 60\nsys_interval 5\npersistence true\nlistener 3\n");
    let found: Vec<String> = before.differences(&after).iter().map(ToString::to_string).collect();
    let expected = [
        "sys_interval: 10 becomes 5",
        "persistence: false becomes true when the broker is started again",
        "listener 1: max_qos: 1 becomes 2",
        "listener 2 is removed",
        "listener 3 is new",
    ];
    assert_eq!(found, expected);
}
