//! Connections to other brokers: their lines are read, and nothing connects yet.

use super::kinds::{INT, PATH, SWITCH, TEXT, count, seconds};
use crate::configuration::option::{
    Beginning, Group, OptionDefinition, Section, State, begins, noted,
};
use crate::configuration::value::{BYTES, Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    begins("connection", Group::Bridges, TEXT, Beginning::Bridge)
        .several()
        .state_is(State::Later("bridges cannot connect yet"))
        .does("Begins a bridge, and gives it a name. The lines about bridges that follow hold for it."),
    bridge("address", TEXT).also(&["addresses"]).does("The brokers to connect to: ADDRESS[:PORT], several with spaces."),
    bridge("topic", TOPIC).several().does("Topics that go from one broker to the other, and how."),
    bridge("remote_clientid", TEXT).also(&["clientid"]).does("The client identifier there."),
    bridge("remote_username", TEXT).also(&["username"]).does("The user name there."),
    bridge("remote_password", TEXT).also(&["password"]).does("The password there."),
    bridge("local_clientid", TEXT).does("The client identifier here."),
    bridge("local_username", TEXT).does("The user name here."),
    bridge("local_password", TEXT).does("The password here."),
    bridge("cleansession", SWITCH).does("Whether the session there ends with the connection."),
    bridge("local_cleansession", SWITCH).does("Whether the session here ends with the connection."),
    bridge("keepalive_interval", Kind::Whole(Whole::of("seconds", 65_535).from(5).raised())).does("The keep alive."),
    bridge("notifications", SWITCH).does("Whether a topic tells if the bridge is connected."),
    bridge("notifications_local_only", SWITCH).does("Whether it tells this broker alone."),
    bridge("notification_topic", TEXT).does("That topic."),
    bridge("restart_timeout", Kind::Form("SECONDS, or BASE CAP [STABLE]")).does("How long it waits before it connects again."),
    bridge("start_type", Kind::Word(&["automatic", "lazy", "once"])).does("When it connects."),
    bridge("idle_timeout", Kind::Whole(Whole::of("seconds", INT).from(1).raised())).does("After how long without messages a lazy bridge disconnects."),
    bridge("threshold", Kind::Whole(Whole::of("messages", INT).from(1).raised())).does("With how many messages a lazy bridge connects."),
    bridge("try_private", SWITCH).does("Whether it says that it is a bridge."),
    bridge("round_robin", SWITCH).does("Whether all addresses are equal."),
    bridge("bridge_protocol_version", Kind::Word(&["mqttv31", "mqttv311", "mqttv50"])).does("The version of MQTT."),
    bridge("bridge_attempt_unsubscribe", SWITCH).does("Whether it unsubscribes there from topics that only go out."),
    bridge("bridge_bind_address", TEXT).does("The address here."),
    bridge("bridge_max_packet_size", Kind::Whole(Whole::of(BYTES, INT).raised())).does("The largest packet that it sends."),
    bridge("bridge_max_topic_alias", count("aliases", 65_535)).does("The highest topic alias."),
    bridge("bridge_outgoing_retain", SWITCH).does("Whether messages that go out may be retained."),
    bridge("bridge_receive_maximum", Kind::Whole(Whole::of("messages", 65_535).from(1))).does("QoS 1 and 2 messages under way to it."),
    bridge("bridge_session_expiry_interval", seconds(INT)).does("How long the session there outlives the connection."),
    bridge("bridge_tcp_keepalive", Kind::Form("IDLE INTERVAL COUNT")).does("How TCP finds out that the connection is gone."),
    bridge("bridge_tcp_user_timeout", count("milliseconds", INT)).does("After how long TCP gives up."),
    bridge("bridge_reload_type", Kind::Word(&["lazy", "immediate"])).does("When a changed bridge connects anew."),
    bridge("bridge_cafile", PATH).does("The authorities that are believed."),
    bridge("bridge_capath", PATH).does("The same as a directory."),
    bridge("bridge_certfile", PATH).does("The certificate of this side."),
    bridge("bridge_keyfile", PATH).does("Its key."),
    bridge("bridge_insecure", SWITCH).does("Whether the name in the certificate may be another."),
    bridge("bridge_tls_version", TEXT).does("The version of TLS."),
    bridge("bridge_tls_use_os_certs", SWITCH).does("Whether the authorities of the system are believed."),
    bridge("bridge_alpn", TEXT).does("The protocol that TLS announces."),
    bridge("bridge_ciphers", TEXT).does("The cipher suites of TLS 1.2."),
    bridge("bridge_ciphers_tls1.3", TEXT).does("The cipher suites of TLS 1.3."),
    bridge("bridge_identity", TEXT).does("The identity of a pre-shared key."),
    bridge("bridge_psk", TEXT).does("The pre-shared key."),
    bridge("bridge_require_ocsp", SWITCH).does("Whether the other side must prove that its certificate is not revoked."),
];

const fn bridge(name: &'static str, kind: Kind) -> OptionDefinition {
    noted(name, Group::Bridges, kind, Section::Bridge).state_is(PART)
}

/// What the bridge itself says is enough.
const PART: State = State::Later("");
const TOPIC: Kind = Kind::Form("FILTER [out, in or both [QOS [LOCAL REMOTE]]]");
