//! Where and how clients connect.

use super::kinds::{INT, PATH, PORT, SWITCH, TEXT, bytes, count};
use crate::configuration::option::{
    Beginning, Group, OptionDefinition, Section, State, Without, begins, global, listener, noted,
};
use crate::configuration::value::{Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    begins("listener", Group::Listeners, LISTENER, Beginning::Listener).several().does(
        "Begins a listener: at a TCP port, of one address or host name or of all, or with port 0 \
         at a Unix socket. The lines about listeners that follow hold for it. As soon as there is \
         a listener, clients without a user name are let in only with allow_anonymous true. \
         Without any: port 1883 of this machine alone, for everybody on it.",
    ),
    begins("port", Group::Listeners, PORT, Beginning::DefaultPort)
        .instead("write listener PORT")
        .does("The port of a listener that needs no line of its own."),
    begins("bind_address", Group::Listeners, TEXT, Beginning::DefaultAddress)
        .instead("write listener PORT ADDRESS")
        .does("The address of that listener."),
    listener("protocol", Group::Listeners, PROTOCOL, Without::Default, |on| &mut on.protocol).does(
        "What is spoken: mqtt, or websockets for MQTT in WebSocket frames, as browsers need it, or \
         http_api for programs that ask with GET for /api/v1/systree, the whole numbers below $SYS \
         as JSON, /api/v1/listeners, JSON too, or /api/v1/version. It answers whoever reaches it, \
         if allow_anonymous is true: bind it to this machine alone, and let a proxy ask for names.",
    ),
    listener("max_connections", Group::Listeners, NUMBER_OR_ALL, Without::Default, |on| {
        &mut on.maximum_connections
    })
    .does("Connections of this listener at a time. -1: no limit but that of the broker."),
    listener(
        "max_connections_per_second",
        Group::Listeners,
        count("connections", INT),
        Without::Default,
        |on| &mut on.connections_per_second,
    )
    .ours()
    .does(
        "Connections of this listener that are accepted in a second. More wait in the kernel, in \
         the backlog. 0: no limit.",
    ),
    listener(
        "listener_messages_per_second",
        Group::Listeners,
        count("messages", i64::MAX),
        Without::Default,
        |on| &mut on.pace.messages,
    )
    .ours()
    .does(
        "Messages that all clients of this listener together may send in a second. If they send \
         more they are read from in turns, and nothing is dropped. 0: no limit.",
    ),
    listener(
        "listener_bytes_per_second",
        Group::Listeners,
        bytes(0, i64::MAX),
        Without::Default,
        |on| &mut on.pace.bytes,
    )
    .ours()
    .does("The same in bytes of PUBLISH packets. 0: no limit."),
    listener("mount_point", Group::Listeners, TEXT, Without::Mistake, |on| &mut on.mount_point)
        .last_holds()
        .does(
            "Put before all topics and filters of this listener's clients, and taken away from \
             what they receive: they see that part of the topics and no other.",
        ),
    listener("use_username_as_clientid", Group::Listeners, SWITCH, Without::Default, |on| {
        &mut on.use_username_as_client_id
    })
    .does(
        "The user name takes the place of the client identifier, so that nobody can take over \
         another user's session. Clients without a user name are refused.",
    ),
    listener("max_qos", Group::Listeners, count("quality of service", 2), Without::Default, |on| {
        &mut on.maximum_qos
    })
    .also(&["maximum_qos"])
    .does("The highest quality of service of messages to and from this listener's clients."),
    listener("max_topic_alias", Group::Listeners, ALIASES, Without::Mistake, |on| {
        &mut on.topic_alias_maximum
    })
    .does("The highest topic alias that a client may use. 0: none."),
    listener("max_topic_alias_broker", Group::Listeners, ALIASES, Without::Mistake, |on| {
        &mut on.topic_alias_maximum_outgoing
    })
    .does("The highest topic alias that the broker uses towards a client. 0: none."),
    listener(
        "accept_protocol_versions",
        Group::Listeners,
        Kind::Form("some of 3, 4, 5"),
        Without::MistakeAlsoByDefault,
        |on| &mut on.versions,
    )
    .does("The versions of MQTT that are spoken, with commas: 3 is 3.1, 4 is 3.1.1, 5 is 5.0."),
    listener("bind_interface", Group::Listeners, TEXT, Without::Default, |on| &mut on.interface)
        .does("Listens at this network interface only, whatever its addresses are."),
    listener("socket_domain", Group::Listeners, FAMILY, Without::Default, |on| &mut on.family)
        .does("Listens at addresses of IPv4 only, or of IPv6 only."),
    listener("enable_proxy_protocol", Group::Listeners, PROXY, Without::Mistake, |on| {
        &mut on.proxy_protocol
    })
    .does(
        "Every connection begins with a header of the PROXY protocol, of this version, in which a \
         proxy says whom it stands for. Connections without it are closed.",
    ),
    listener("proxy_protocol_v2_require_tls", Group::Listeners, SWITCH, Without::Mistake, |on| {
        &mut on.proxy_requires_tls
    })
    .does("Closes a connection whose PROXY header does not say that the client came by TLS."),
    listener("http_dir", Group::Listeners, PATH, Without::Mistake, |on| &mut on.http_directory)
        .does(
            "Serves the files of this directory to browsers that ask a listener of protocol \
             websockets or http_api. They are \
             read at the start and at a reload: 4 MiB each, 64 MiB in all. Hidden files, except \
             .well-known, and links that lead outside are not served.",
        ),
    listener("websockets_origin", Group::Listeners, TEXT, Without::Mistake, |on| {
        &mut on.websocket_origins
    })
    .several()
    .does(
        "An origin whose pages may open a WebSocket here. May be given several times. Without it: \
         all.",
    ),
    noted("packet_buffer_size", Group::Listeners, HEADERS, Section::Global)
        .also(&["websockets_headers_size"])
        .state_is(State::Accepted("buffers grow as they are needed, up to a fixed limit"))
        .does("The size of a buffer."),
    noted("websockets_log_level", Group::Listeners, count("level", INT), Section::Global)
        .state_is(State::Accepted("there is no library of WebSocket whose log it could set"))
        .does("How much the library of WebSocket logs."),
    global("set_tcp_nodelay", Group::Listeners, SWITCH, |global| &mut global.set_tcp_nodelay).does(
        "Whether small packets leave at once, also while others are under way. All that is there \
         is written at once anyway.",
    ),
];

const LISTENER: Kind = Kind::Form("PORT [ADDRESS], or 0 PATH");
const PROTOCOL: Kind = Kind::Word(&["mqtt", "websockets", "http_api"]);
const FAMILY: Kind = Kind::Word(&["ipv4", "ipv6"]);
const PROXY: Kind = Kind::Whole(Whole::of("version", 2).from(1));
const ALIASES: Kind = count("aliases", 65_535);
const HEADERS: Kind = count("bytes", 65_535);
/// Whatever is negative is -1.
const NUMBER_OR_ALL: Kind = Kind::Whole(Whole::of("connections", INT).from(-1).raised());
