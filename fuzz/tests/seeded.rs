//! The fuzz targets without a fuzzer: pseudo-random data and mutations of good data, from a fixed
//! seed, so that a failure repeats. `FERRYMQ_FUZZ_SECONDS` asks for that time per target instead of
//! a fixed number of rounds.

use std::panic;
use std::time::{Duration, Instant};

const SEED: u64 = 0x0004_4D51_5454_0502;
const MAXIMUM_LENGTH: usize = 256;

#[test]
fn acl_file() {
    run(ferrymq_fuzz::acl_file, ACL_FILES, 50_000);
}

#[test]
fn broker_operations() {
    run(ferrymq_fuzz::broker_operations, OPERATIONS, 10_000);
}

#[test]
fn client_link() {
    run(ferrymq_fuzz::client_link, FROM_SERVERS, 50_000);
}

#[test]
fn configuration() {
    run(ferrymq_fuzz::configuration, CONFIGURATIONS, 1_500);
}

#[test]
fn decode() {
    run(ferrymq_fuzz::decode, PACKETS, 50_000);
}

#[test]
fn dynamic_security() {
    run(ferrymq_fuzz::dynamic_security, DYNAMIC_SECURITY, 5_000);
}

#[test]
fn encode_decode() {
    run(ferrymq_fuzz::encode_decode, PACKETS, 50_000);
}

#[test]
fn log_replay() {
    run(ferrymq_fuzz::log_replay, SEGMENTS, 20_000);
}

#[test]
fn password_file() {
    run(ferrymq_fuzz::password_file, PASSWORD_FILES, 20_000);
}

#[test]
fn proxy_header() {
    run(ferrymq_fuzz::proxy_header, PROXY_HEADERS, 50_000);
}

#[test]
fn server_link() {
    run(ferrymq_fuzz::server_link, FROM_CLIENTS, 50_000);
}

#[test]
fn scram() {
    run(ferrymq_fuzz::scram, EXCHANGES, 5_000);
}

#[test]
fn tls() {
    run(ferrymq_fuzz::tls, TLS, 1_000);
}

#[test]
fn token() {
    run(ferrymq_fuzz::token, TOKENS, 20_000);
}

#[test]
fn topic_filter() {
    run(ferrymq_fuzz::topic_filter, FILTERS, 50_000);
}

#[test]
fn websocket_frames() {
    run(ferrymq_fuzz::websocket_frames, FRAMES, 20_000);
}

#[test]
fn websocket_upgrade() {
    run(ferrymq_fuzz::websocket_upgrade, UPGRADES, 50_000);
}

/// Good data for the target that reads an ACL file: a user name, a topic, and a file.
const ACL_FILES: &[&[u8]] = &[
    b"anna\nhome/lamp/set\n# all\ntopic read news/#\nuser anna\ntopic home/+/set\n\
      topic deny home/safe/#\npattern write devices/%c\n",
    b"bert\n$SYS/broker/uptime\nuser bert\ntopic readwrite a b/c\ntopic read $SYS/#\npattern %u/%c/#\n",
    b"a+b\nx//y\ntopic #\ntopic deny +/+/y\npattern deny x/#\nuser a+b\n\ntopic write\n",
    b"carl\n#\ntopci a\ntopic raed a\nuser\npattern\ntopic read a#\n",
];

/// Good data for the target that operates a broker: what clients do, one operation a line.
const OPERATIONS: &[&[u8]] = &[
    // Two subscribers, a message of each quality of service, answers.
    b"\0\
      \x00\0\x13\x00\x01\x13\
      \x05\0\0\x02\0\0\x05\x01\x02\x01\x01\x01\
      \x09\0\0\x00\x09\0\0\x01\x09\x01\x01\x02\
      \x0E\x01\0\x10\0\x10\x01",
    // A session that waits for its client, whose store answers late.
    b"\x01\
      \x00\0\x20\x05\0\x02\x02\0\0\x03\0\
      \x00\x01\x01\x14\0\x09\x01\x01\x01\x09\x01\x01\x02\
      \x00\0\x08\x15\x01\x10\0\x04\0",
    // A shared group over several shards, records that become durable late, mail on its way.
    b"\x02\
      \x00\0\x00\x00\x01\x00\x00\x02\x03\
      \x05\0\x04\x02\0\0\x05\x01\x04\x02\0\0\
      \x13\x16\x01\x09\x02\0\x01\x09\x02\0\x02\x09\x02\x01\x01\
      \x16\0\x12\x03\0\x10\x01\x17\x02",
    // Retained and big messages, a client that takes small ones only, its subscription's end.
    b"\x01\
      \x00\0\x07\x00\x01\x03\
      \x09\x01\0\x0D\x05\0\x01\x01\0\x01\x09\x01\0\x31\x09\x01\x02\x3E\
      \x08\0\x01\x09\x01\0\x01\x04\x01",
];

/// Good data for the target of dynamic security: a file, NUL, and a request.
const DYNAMIC_SECURITY: &[&[u8]] = &[
    b"{\"defaultACLAccess\":{\"subscribe\":true},\"roles\":[{\"rolename\":\"r\",\"acls\":[{\"acltype\":\
      \"publishClientSend\",\"topic\":\"a/%u\",\"priority\":1,\"allow\":true}]}],\"clients\":[{\"username\":\
      \"u\",\"roles\":[{\"rolename\":\"r\"}]}],\"groups\":[{\"groupname\":\"g\",\"clients\":[{\"username\":\
      \"u\"}]}],\"anonymousGroup\":\"g\"}\0{\"commands\":[{\"command\":\"deleteRole\",\"rolename\":\"r\"},\
      {\"command\":\"getClient\",\"username\":\"u\",\"correlationData\":\"1\"}]}",
    b"{}\0{\"commands\":[{\"command\":\"createRole\",\"rolename\":\"r\",\"acls\":[{\"acltype\":\
      \"subscribePattern\",\"topic\":\"#\"}]},{\"command\":\"createClient\",\"username\":\"u\",\"password\":\
      \"p\",\"roles\":[{\"rolename\":\"r\"}]},{\"command\":\"listClients\",\"verbose\":true}]}",
];

/// Good data for the target of SCRAM: which message it is, and the message.
const EXCHANGES: &[&[u8]] = &[
    b"\0$scram-sha-256$4096$W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$\
      wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    b"\0$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    b"\x01n,,n=ann,r=rOprNGfwEbeRWgbNEkqO",
    b"\x01y,a=a=2Cn=3D,n=a=2Cn=3D,r=abc,x=1",
    b"\x02c=biws,r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH,\
      p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"\x03r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
];

/// Good data for the target of TLS: what is tried, lengths of the pieces, and either what the network
/// does to each record or what a stranger says.
const TLS: &[&[u8]] = &[
    b"\x50\xFF\0\0\0\0\0\0\0\0\0\0\0\0\x0D\0\x07\x03",
    b"\x51\x21\0\0\0\0\0\0\0\0\x0A\0\0\x0C\0\x09",
    b"\xF4\xF0\0\0\0\x09\0\0\0\x0B\0",
    b"\x35\x13\0\0\x0E\x05\x02\x14\0\0\x01\x02\0\0\x0F\x0F\0",
    b"\x10\0\x0D\0\x2B\x04",
    b"\x08\x31\x16\x03\x01\0\x2F\x01\0\0\x2B\x03\x03abcdefghijklmnopqrstuvwxyz012345\0\0\x04\x13\x01\xC0\x2B\x01\0",
    b"\x0A\xFF\x16\x03\x03\0\x2C\x02\0\0\x28\x03\x03abcdefghijklmnopqrstuvwxyz012345\0\x13\x01\0\0\0\x15\x03\x03\0\x02\x02\x28",
    b"\x08\x10\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01c",
    b"\x09\x42\x15\x03\x03\0\x02\x01\0\x14\x03\x03\0\x01\x01\x17\x03\x03\0\x03abc",
];

/// Good data for the target of tokens: what it is, and that.
const TOKENS: &[&[u8]] = &[
    b"\0{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"HS256\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}]}",
    b"\0-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
      -----END PUBLIC KEY-----\n",
    b"\x01eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4iLCJleHAiOjIwMDAwMDAwMDB9.4gzcEN8T\
      xf2AXZR9-OwmWVn3CVdSJco5Aloyf6ozCEc",
    b"\x02{\"sub\":\"ann\",\"exp\":1600000100.5,\"nbf\":1,\"publish\":[\"a/%c\"],\"subscribe\":\"a/#\"}",
    b"\x06{\"sub\":\"ann\",\"exp\":2000000000,\"acl\":[{\"permission\":\"deny\",\"action\":\"all\",\"topic\":\"a/+\"}]}",
    b"\x02{\"sub\":\"ann\",\"acl\":{\"pub\":[\"a\"],\"sub\":[\"a/b/#\"],\"all\":[]}}",
    b"\x03{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"a\",\"crit\":[]}",
];

/// Good data for the target that reads a configuration: whose defaults, and a file.
const CONFIGURATIONS: &[&[u8]] = &[
    b"\0# A comment\nlistener 1883\nmax_connections 10\nmount_point a/\nallow_anonymous true\n",
    b"\x01per_listener_settings true\nport 1884\nbind_address localhost\nmax_qos 1\n\
      accept_protocol_versions 4,5\nmax_queued_messages 0\npersistent_client_expiration 2w\n",
    b"\x01listener 8883\ncafile ca.crt\ncertfile a.crt\nkeyfile a.key\nrequire_certificate true\n\
      use_subject_as_username 1\ntls_version tlsv1.3\nciphers ECDHE-RSA-AES128-GCM-SHA256\n",
    b"\0listener 0 /run/mqtt.sock\nlistener 9001\nprotocol websockets\nhttp_dir www\n\
      websockets_origin https://example.org\nenable_proxy_protocol 2\n",
    b"\x01log_dest file mosquitto.log\nlog_type error\nlog_type all\nlog_timestamp_format %Y\n\
      persistence true\npersistence_location data/\nautosave_interval 60\nsys_interval 1\n",
    b"\x01connection bridge\naddress example.org:1883\ntopic # both 2 a/ b/\npassword_file p\n\
      include_dir conf.d\nlistner 1883\n",
];

/// Good data for the target that receives as a server: version and shards, lengths of the pieces,
/// and what a client sends after CONNECT.
const FROM_CLIENTS: &[&[u8]] = &[
    b"\0\xFF\x82\x09\0\x01\0\0\x03a/+\x02\x34\x09\0\x03a/b\0\x07\0x\x62\x02\0\x07\xE0\0",
    b"\x03\x22\x82\x07\0\x01\0\0\x01#\x02\x32\x09\0\x04news\0\x07\0\x40\x02\0\x01",
    b"\0\x11\x33\x0C\0\x01t\0\x01\x03\x23\0\x01now\x32\x08\0\0\0\x02\x03\x23\0\x01\xC0\0",
    b"\x04\x31\x82\x06\0\x01\0\x01#\x02\x34\x06\0\x01t\0\x01x\x50\x02\0\x01\x62\x02\0\x01\
      \x70\x02\0\x01\xC0\0\xE0\0",
    b"\x05\x13\x82\x06\0\x01\0\x01t\x01\x3A\x06\0\x01t\0\x01x\x40\x02\0\x01\
      \xA2\x05\0\x02\0\x01t",
    b"\0\0\x82\x10\0\x0A\0\0\x0A$share/g/#\x01\x32\x05\0\x01t\0\x01\0\xE0\x02\x04\0",
    b"\x01\xFF\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01c\x30\x04\0\x01tx\xE0\0",
    b"\0\xFF\x10\x10\0\x04MQTT\x05\x02\0\x3C\x03\x21\0\x0A\0\0\x30\x05\0\x01t\0x\xE0\0",
];

/// Good data for the target that receives as a client: what it is like, lengths of the pieces, and
/// what a server sends.
const FROM_SERVERS: &[&[u8]] = &[
    b"\x1C\xFF\x40\x02\0\x01\x50\x02\0\x02\x70\x02\0\x02\x90\x04\0\x03\0\x02\xB0\x04\0\x04\0\0",
    b"\xB8\x21\x20\x0C\x01\0\x09\x21\0\x01\x22\0\x02\x27\0\0\x01\0\x40\x02\0\x01\x50\x02\0\x02",
    b"\x15\xF0\x40\x02\0\x01\x50\x02\0\x02\x70\x02\0\x02\x90\x03\0\x03\x02\xB0\x02\0\x04",
    b"\xF9\x13\x20\x02\x01\0\x32\x07\0\x03a/b\0\x01\x34\x07\0\x03a/b\0\x01\x62\x02\0\x01\xD0\0",
    b"\x64\x40\x35\x0C\0\x03a/b\0\x01\x03\x23\0\x01x\x34\x08\0\0\0\x02\x03\x23\0\x01\
      \x62\x02\0\x01\xD0\0",
    b"\xB6\x21\x40\x02\0\x01\x50\x02\0\x02\x70\x02\0\x02\x90\x03\0\x03\x80\xB0\x02\0\x04",
    b"\x34\0\x40\x03\0\x01\x97\x50\x03\0\x02\x97\xE0\x02\x8B\0",
    b"\x14\x72\x50\x02\0\x02\x50\x02\0\x06\x70\x02\0\x06\x40\x02\0\x05",
    b"\x94\x72\x50\x02\0\x02\x50\x02\0\x06\x70\x02\0\x06\x70\x02\0\x02",
    b"\0\0\x20\x09\0\x9C\x06\x1C\0\x03a:1",
];

/// Good data for the target that replays a log: any octets say something.
const SEGMENTS: &[&[u8]] = &[
    b"\x01\x08\x01\xFF\x01\x02\x00\x11\x22\x33\x44\xFF\x01\x08",
    &[0x08; 200],
    &[0x5A; 256],
    b"\x01\x08\x03\x01\x01\x03\x01\x11\x22\x33\x44\x55\x66\x00\x08\xFF\x02\x03\x01\x01\x12\x23\x34\x00\x00\x09",
];

/// Good data for the targets that read packets.
const PACKETS: &[&[u8]] = &[
    b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x3C\x00\x01c",
    b"\x10\x0F\x00\x06MQIsdp\x03\x02\x00\x3C\x00\x01c",
    b"\x10\x21\x00\x04MQTT\x04\xCC\x00\x3C\x00\x01c\x00\x03w/t\x00\x03bye\x00\x04user\x00\x02pw",
    b"\x10\x23\x00\x04MQTT\x05\x06\x00\x3C\x05\x11\x00\x00\x00\x0A\x00\x01c\
      \x05\x18\x00\x00\x00\x05\x00\x03w/t\x00\x03bye",
    b"\x20\x09\x00\x00\x06\x21\x00\x0A\x22\x00\x05",
    b"\x20\x02\x00\x05",
    b"\x30\x0A\x00\x03a/bhello",
    b"\x3B\x0D\x00\x03a/b\x00\x0A\x00hello",
    b"\x34\x22\x00\x03a/b\x00\x0A\x18\x01\x01\x02\x00\x00\x0E\x10\x23\x00\x07\x0B\x01\
      \x26\x00\x01a\x00\x01b\x0B\xFF\x7Fpay",
    b"\x30\x06\x00\x00\x03\x23\xFF\xFF",
    b"\x40\x02\x00\x01",
    b"\x50\x03\x00\x01\x10",
    b"\x62\x0A\x00\x01\x92\x06\x1F\x00\x03why",
    b"\x70\x04\x00\x01\x00\x00",
    b"\x82\x0D\x00\x0A\x00\x00\x03a/+\x01\x00\x01#\x2E",
    b"\x82\x0C\x00\x0A\x00\x03a/+\x01\x00\x01#\x02",
    b"\x90\x06\x00\x0A\x00\x01\x02\x80",
    b"\xA2\x10\x00\x0A\x00\x00\x0B$share/g/+/",
    b"\xB0\x04\x00\x0A\x00\x11",
    b"\xC0\x00\xD0\x00\xE0\x00\xE0\x01\x8E",
    b"\xF0\x0A\x18\x08\x15\x00\x01m\x16\x00\x01d",
];

/// Good data for the target that reads a filter and a name.
const FILTERS: &[&[u8]] = &[
    b"sport/tennis/+\nsport/tennis/player1",
    b"sport/#\nsport",
    b"#\n$SYS/load",
    b"+/+\n/finance",
    b"$share/group/a/+/#\na/b/c",
    b"$SYS/#\n$SYS/a",
    b"$share\n$share",
];

/// Good data for the target that reads a password file.
const PASSWORD_FILES: &[&[u8]] = &[
    b"# users\nanna:$7$101$8amA/hx4prIluX+G$LdREGNPZxMYy8DGff0vGsQjTGe5W7bxB2WkAxxyyUTWg/JsjeL5UMmiLqS9u\
      zHkTWL6EXYjIM/DvA7+a6lDHdw==\nnothing\n",
    b"bert:$argon2id$v=19$m=47104,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$xxuYwI+13bVHdUEt7P6fmkwDElhr3OQ1I9SEzZuL\
      q9s\n",
    b"carl:$6$TeVDg4BDB2OD+QZ9$z+GYmre0Kum1Yo56K5w+Zi1Jl6P7v1Cr887PZ17RQsCAw8ylr8GN3o4TcWEbpfImzCYmkNR5\
      lUGZeY05Z1Te9g==\n",
    b"anna:plain\n:x\nbert:\nanna:$9$\n",
];

/// Good data for the target that reads what a proxy says: version and whether TLS is asked for,
/// lengths of the pieces, header.
const PROXY_HEADERS: &[&[u8]] = &[
    b"\0\x11PROXY TCP4 192.0.2.1 192.0.2.2 40000 1883\r\n\x10\x0C\0\x04MQTT",
    b"\0\xF3PROXY TCP6 2001:db8::1 2001:db8::2 40000 8883\r\n\x10",
    b"\0\0PROXY UNKNOWN\r\n\x10\x0C",
    b"\x01\x31\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x01\xC0\0\x02\x02\x9C\x40\x07\x5B\x10\x0C\0",
    b"\x01\x04\r\n\r\n\0\r\nQUIT\n\x20\0\0\0\x10\x0C",
    b"\x03\xF1\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1D\xC0\0\x02\x01\xC0\0\x02\x02\x9C\x40\x07\x5B\
      \x20\0\x0E\x07\0\0\0\0\x22\0\x06client\x10\x0C\0",
];

/// Good data for the target that hears frames: side, lengths of the pieces, frames.
const FRAMES: &[&[u8]] = &[
    b"\0\x31\x82\x85\x01\x02\x03\x04iemhn\x89\x84\x01\x02\x03\x04ping\x88\x82\0\0\0\0\x03\xE8",
    b"\0\xFF\x02\x82\x01\x02\x03\x04\x11\x02\x8A\x80\0\0\0\0\0\x80\x01\x02\x03\x04\x80\x82\x01\x02\x03\x04\x11\x02",
    b"\0\x11\x82\xFE\0\x7E\x01\x02\x03\x04xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\x89\x80\0\0\0\0",
    b"\0\0\x82\xFF\0\0\0\0\0\0\0\x02\x01\x02\x03\x04\x11\x02\x88\x80\0\0\0\0",
    b"\0\x05\x88\x8B\0\0\0\0\x03\xE9goodnight",
    b"\x01\x21\x82\x05hello\x89\x04ping\x02\x01a\0\x01b\x80\x01c\x88\x02\x03\xE8",
    b"\x01\x70\x82\x7E\0\x03abc\x82\x7F\0\0\0\0\0\0\0\x01x\x8A\0\x88\0",
];

/// Good data for the target that hears a handshake: who hears and what is allowed, lengths of the
/// pieces, request or answer.
const UPGRADES: &[&[u8]] = &[
    b"\0\x31GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Protocol: mqtt\r\n\r\n\x82\x82\x01\x02\x03\x04\x11\x02",
    b"\x06\xF1GET /mqtt?x HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nOrigin: https://o\n\
      Sec-WebSocket-Key: k\nSec-WebSocket-Version: 13\nSec-WebSocket-Protocol: x, mqttv3.1\n\n",
    b"\x08\xFFGET /?q HTTP/1.1\r\nHost: h\r\n\r\n",
    b"\x08\0HEAD / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    b"\0\x42POST /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"\0\0\x10\x0C\0\x04MQTT",
    b"\x01\x31HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Accept: CJYX2H8NNhrHBT2DPNuqZVIKFMs=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n\
      \x82\x02\x20\x02",
    b"\x01\x02HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
];

/// Without a time, `rounds` are as many as take a second or two.
fn run(target: fn(&[u8]), corpus: &[&[u8]], rounds: u64) {
    for data in corpus {
        check(target, data, "the corpus");
    }
    let seconds = std::env::var("FERRYMQ_FUZZ_SECONDS").ok().map(|seconds| {
        let seconds = seconds.parse().expect("FERRYMQ_FUZZ_SECONDS is a number");
        Instant::now() + Duration::from_secs(seconds)
    });
    for round in 0.. {
        let is_over = match seconds {
            Some(end) => round % 16 == 0 && Instant::now() >= end,
            None => round == rounds,
        };
        if is_over {
            return;
        }
        let mut random = Random(SEED ^ round);
        let data = if round % 8 == 0 { random.bytes() } else { random.mutation(corpus) };
        check(target, &data, &format!("round {round}"));
    }
}

fn check(target: fn(&[u8]), data: &[u8], origin: &str) {
    if let Err(cause) = panic::catch_unwind(|| target(data)) {
        eprintln!("{origin}: b\"{}\"", data.escape_ascii());
        panic::resume_unwind(cause);
    }
}

/// `SplitMix64`: small, and every seed gives another sequence.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a length");
        usize::try_from(self.next() % bound).expect("less than a length")
    }

    fn byte(&mut self) -> u8 {
        let [byte, ..] = self.next().to_le_bytes();
        byte
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(MAXIMUM_LENGTH);
        (0..length).map(|_| self.byte()).collect()
    }

    fn mutation(&mut self, corpus: &[&[u8]]) -> Vec<u8> {
        let mut data = corpus[self.below(corpus.len())].to_vec();
        for _ in 0..=self.below(4) {
            self.mutate(&mut data, corpus);
        }
        data.truncate(MAXIMUM_LENGTH);
        data
    }

    fn mutate(&mut self, data: &mut Vec<u8>, corpus: &[&[u8]]) {
        let other = corpus[self.below(corpus.len())];
        let place = self.below(data.len() + 1);
        match self.below(7) {
            0 => data.insert(place, self.byte()),
            1 => data.truncate(place),
            2 => drop(data.drain(place..(place + 1 + self.below(4)).min(data.len()).max(place))),
            3 => data
                .splice(place.., other[self.below(other.len())..].iter().copied())
                .for_each(drop),
            4 => data.extend_from_slice(other),
            _ if place == data.len() => {}
            5 => data[place] ^= 1 << self.below(8),
            _ => data[place] = [0, 1, 2, 0x7F, 0x80, 0xFF, b'/', b'#', b'+', b'$'][self.below(10)],
        }
    }
}
