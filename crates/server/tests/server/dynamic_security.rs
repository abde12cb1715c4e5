//! Dynamic security over the wire: what an administrator changes holds at once, is kept, and ends the
//! connections of those whom it concerns.

use std::fs;

use ferrymq_access::dynamic_security::{Model, PASSWORD_ITERATIONS};
use ferrymq_access::password::{Hash, Scheme};
use serde_json::{Value, json};

use crate::house::{Credentials, House};
use crate::peer::{Peer, Version, acknowledge, connect_as, publish, published, subscribe};

const ADMIN: Credentials<'_> = (Some("admin"), Some("secret"));
const KIM: Credentials<'_> = (Some("kim"), Some("pw"));
const REQUESTS: &str = "$CONTROL/dynamic-security/v1";
const RESPONSES: &str = "$CONTROL/dynamic-security/v1/response";
const SITE: &str =
    "listener PORT0\nplugin mosquitto_dynamic_security.so\nplugin_opt_config_file {}/d.json\n";

fn hash(password: &str) -> Hash {
    let scheme = Scheme::pbkdf2(PASSWORD_ITERATIONS);
    Hash::make(scheme, password.as_bytes(), &vec![7; scheme.salt_length()]).unwrap()
}

/// A broker with an administrator who is connected.
fn site() -> (House, Peer) {
    let file = Model::administered_by("admin", hash("secret")).to_json();
    let house = House::new(SITE, &[("d.json", std::str::from_utf8(&file).unwrap())]);
    let admin = administrator(&house, ADMIN);
    (house, admin)
}

fn administrator(house: &House, who: Credentials<'_>) -> Peer {
    let mut admin = house.enter("console", who);
    admin.subscribe(Version::V5, RESPONSES, 1);
    admin
}

/// The response to a request.
fn ask(peer: &mut Peer, version: Version, topic: &str, request: &[u8]) -> Value {
    peer.send(&publish(version, 1, 7, topic, request));
    assert_eq!(reason(&peer.expect_kind(0x40)), 0);
    let packet = peer.expect_kind(0x32);
    let (id, payload) = published(version, &packet);
    peer.send(&acknowledge(0x40, id));
    serde_json::from_slice(payload).unwrap()
}

/// Carries out commands, and tells the errors of their responses.
fn command(admin: &mut Peer, commands: &str) -> Vec<Option<String>> {
    let request = format!(r#"{{"commands":[{commands}]}}"#);
    let response = ask(admin, Version::V5, REQUESTS, request.as_bytes());
    let responses = response["responses"].as_array().unwrap();
    responses.iter().map(|response| Some(response["error"].as_str()?.to_owned())).collect()
}

/// The reason in PUBACK, whose short form says success.
fn reason(puback: &[u8]) -> u8 {
    puback.get(4).copied().unwrap_or(0)
}

fn granted(peer: &mut Peer, filter: &str) -> u8 {
    peer.send(&subscribe(Version::V5, 9, filter, 1));
    *peer.expect_kind(0x90).last().unwrap()
}

fn sent(peer: &mut Peer, topic: &str) -> u8 {
    sent_with(peer, topic, b"ahoy")
}

fn sent_with(peer: &mut Peer, topic: &str, payload: &[u8]) -> u8 {
    peer.send(&publish(Version::V5, 1, 7, topic, payload));
    reason(&peer.expect_kind(0x40))
}

const MAKE_KIM: &str = r#"{"command":"createRole","rolename":"r","acls":[
    {"acltype":"publishClientSend","topic":"quay/%u","allow":true},
    {"acltype":"subscribePattern","topic":"quay/#","allow":true}]},
    {"command":"createClient","username":"kim","password":"pw","roles":[{"rolename":"r"}]}"#;

#[test]
fn what_an_administrator_changes_holds_at_once_and_is_kept() {
    let (house, mut admin) = site();
    assert_eq!(house.knock(0, Version::V5, KIM), 0x87);
    assert_eq!(house.knock(0, Version::V3_1_1, (None, None)), 5);
    assert_eq!(command(&mut admin, MAKE_KIM), [None, None]);
    let mut kim = house.enter("k", KIM);
    assert_eq!(granted(&mut kim, "quay/+"), 1);
    assert_eq!(granted(&mut kim, "#"), 0x87);
    assert_eq!(sent(&mut kim, "quay/bob"), 0x87);
    kim.send(&publish(Version::V5, 0, 0, "quay/kim", b"ahoy"));
    assert_eq!(published(Version::V5, &kim.expect_kind(0x30)).1, b"ahoy");
    let kept = fs::read_to_string(house.path("d.json")).unwrap();
    assert!(kept.contains(r#""username": "kim""#) && !kept.contains("\"pw\""), "{kept}");
    let removed = r#"{"command":"removeRoleACL","rolename":"r","acltype":"publishClientSend","topic":"quay/%u"}"#;
    assert_eq!(command(&mut admin, removed), [None]);
    kim.expect(&[0xe0, 1, 0x87]);
    kim.expect_end();
    let mut kim = house.enter("k", KIM);
    assert_eq!(sent(&mut kim, "quay/kim"), 0x87);
    assert_eq!(command(&mut admin, r#"{"command":"disableClient","username":"kim"}"#), [None]);
    kim.expect(&[0xe0, 1, 0x87]);
    assert_eq!(house.knock(0, Version::V5, KIM), 0x87);
    admin.ping();
}

#[test]
fn whoever_may_not_administer_is_refused_and_sees_nothing() {
    let (house, mut admin) = site();
    assert_eq!(command(&mut admin, MAKE_KIM), [None, None]);
    let mut kim = house.enter("k", KIM);
    assert_eq!(granted(&mut kim, RESPONSES), 0x87);
    assert_eq!(granted(&mut kim, "$CONTROL/#"), 0x87);
    let request = br#"{"commands":[{"command":"deleteClient","username":"admin"}]}"#;
    kim.send(&publish(Version::V5, 1, 7, REQUESTS, request));
    assert_eq!(reason(&kim.expect_kind(0x40)), 0x87);
    let mut other = house.enter("other", ADMIN);
    other.subscribe(Version::V5, RESPONSES, 1);
    assert_eq!(command(&mut admin, r#"{"command":"getDetails"}"#), [None]);
    // The response was for the one who asked.
    other.ping();
}

#[test]
fn whoever_changes_what_concerns_himself_sees_the_response_first() {
    let (house, mut admin) = site();
    let changed = r#"{"command":"setClientPassword","username":"admin","password":"other"}"#;
    assert_eq!(command(&mut admin, changed), [None]);
    admin.expect(&[0xe0, 1, 0x87]);
    assert_eq!(house.knock(0, Version::V5, ADMIN), 0x87);
    assert_eq!(house.knock(0, Version::V5, (Some("admin"), Some("other"))), 0);
}

#[test]
fn what_cannot_be_kept_is_not_done() {
    let (house, mut admin) = site();
    // Nothing can be written where this is in the way.
    fs::create_dir(house.path("d.json.new")).unwrap();
    let internal = Some("Internal error".to_owned());
    assert_eq!(command(&mut admin, MAKE_KIM), [internal.clone(), internal]);
    assert_eq!(house.knock(0, Version::V5, KIM), 0x87);
    fs::remove_dir(house.path("d.json.new")).unwrap();
    assert_eq!(command(&mut admin, MAKE_KIM), [None, None]);
    assert_eq!(house.knock(0, Version::V5, KIM), 0);
}

#[test]
fn reload_takes_what_was_edited_and_keeps_what_was_commanded() {
    let (house, mut admin) = site();
    assert_eq!(command(&mut admin, MAKE_KIM), [None, None]);
    let mut kim = house.enter("k", KIM);
    house.reload().unwrap();
    kim.ping();
    admin.ping();
    let kept = fs::read(house.path("d.json")).unwrap();
    let (mut edited, _) = Model::parse("d.json", &kept).unwrap();
    assert!(edited.set_password("kim", hash("edited")));
    house.write("d.json", std::str::from_utf8(&edited.to_json()).unwrap());
    house.reload().unwrap();
    kim.expect(&[0xe0, 1, 0x87]);
    assert_eq!(house.knock(0, Version::V5, (Some("kim"), Some("edited"))), 0);
    fs::remove_file(house.path("d.json")).unwrap();
    house.reload().unwrap();
    admin.ping();
    let disabled = r#"{"command":"disableClient","username":"kim"}"#;
    assert_eq!(command(&mut admin, disabled), [None]);
    let kept = fs::read_to_string(house.path("d.json")).unwrap();
    assert!(kept.contains(r#""disabled": true"#), "{kept}");
    house.write("d.json", "{");
    let words = house.reload().unwrap_err();
    assert!(words.contains("d.json:1: this is not JSON"), "{words}");
    admin.ping();
}

#[test]
fn first_start_makes_a_file_and_passwords_beside_it() {
    let house = House::new(SITE, &[]);
    let passwords = fs::read_to_string(house.path("d.json.pw")).unwrap();
    let password = |name: &str| {
        let mut lines = passwords.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start().to_owned()
    };
    let (admin, demo) = (password("admin"), password("democlient"));
    let mut admin = administrator(&house, (Some("admin"), Some(&admin)));
    assert_eq!(command(&mut admin, r#"{"command":"getDetails"}"#), [None]);
    let mut demo = house.enter("demo", (Some("democlient"), Some(&demo)));
    assert_eq!(granted(&mut demo, "#"), 1);
    assert_eq!(sent(&mut demo, REQUESTS), 0x87);
    let with_file = "plugin_opt_password_init_file {}/first\n";
    let house = House::new(&format!("{SITE}{with_file}"), &[("first", "of a file \nmore\n")]);
    assert!(!house.path("d.json.pw").exists());
    assert_eq!(house.knock(0, Version::V5, (Some("admin"), Some("of a file"))), 0);
}

#[test]
fn clients_of_all_versions_are_answered_and_so_are_requests_that_cannot_be_read() {
    let (house, _admin) = site();
    let mut old = Peer::open(house.address(0));
    old.send(&connect_as(Version::V3_1_1, "old", ADMIN.0, Some(b"secret")));
    old.expect_connack();
    old.subscribe(Version::V3_1_1, RESPONSES, 1);
    let refused = |error| json!({"responses": [{"command": "Unknown command", "error": error}]});
    let rows = [
        ("{", refused("Payload not valid JSON")),
        ("{}", refused("Invalid/missing commands")),
        (r#"{"commands":[7]}"#, refused("Command not an object")),
        (
            r#"{"commands":[{"command":"frob"}]}"#,
            json!({"responses": [{"command": "frob", "error": "Unknown command"}]}),
        ),
        (
            r#"{"commands":[{"command":"getAnonymousGroup","correlationData":"7"}]}"#,
            json!({"responses": [{"command": "getAnonymousGroup", "correlationData": "7",
                "data": {"group": {"groupname": ""}}}]}),
        ),
    ];
    for (request, expected) in rows {
        let response = ask(&mut old, Version::V3_1_1, REQUESTS, request.as_bytes());
        assert_eq!(response, expected, "{request}");
    }
}

#[test]
fn those_without_a_name_have_the_rights_of_the_group_that_is_chosen() {
    let file = Model::administered_by("admin", hash("secret")).to_json();
    let lines = format!("{SITE}allow_anonymous true\n");
    let house = House::new(&lines, &[("d.json", std::str::from_utf8(&file).unwrap())]);
    let mut admin = administrator(&house, ADMIN);
    let mut guest = house.enter("g", (None, None));
    assert_eq!(granted(&mut guest, "quay/1"), 0x87);
    let commands = r#"{"command":"createRole","rolename":"r","acls":[
        {"acltype":"subscribeLiteral","topic":"quay/1","allow":true}]},
        {"command":"createGroup","groupname":"guests","roles":[{"rolename":"r"}]},
        {"command":"setAnonymousGroup","groupname":"guests"}"#;
    assert_eq!(command(&mut admin, commands), [None, None, None]);
    assert_eq!(granted(&mut guest, "quay/1"), 1);
    assert_eq!(granted(&mut guest, "quay/2"), 0x87);
    let removed = r#"{"command":"removeGroupRole","groupname":"guests","rolename":"r"}"#;
    assert_eq!(command(&mut admin, removed), [None]);
    assert_eq!(granted(&mut guest, "quay/1"), 0x87);
}

#[test]
fn roles_are_asked_by_priority_those_of_groups_after_those_of_the_client() {
    let (house, mut admin) = site();
    let role = |name: &str, topic: &str, allow: bool| {
        format!(
            r#"{{"command":"createRole","rolename":"{name}","acls":[
            {{"acltype":"publishClientSend","topic":"{topic}","allow":{allow}}}]}}"#
        )
    };
    let commands = [
        role("open", "quay/#", true),
        role("shut", "quay/x", false),
        role("group", "quay/x/y", true),
        role("late", "#", false),
        r#"{"command":"createGroup","groupname":"high","roles":[{"rolename":"group"}]}"#.into(),
        r#"{"command":"createGroup","groupname":"low","roles":[{"rolename":"late"}]}"#.into(),
        r#"{"command":"createClient","username":"kim","password":"pw",
            "roles":[{"rolename":"open","priority":1},{"rolename":"shut","priority":2}],
            "groups":[{"groupname":"high","priority":2},{"groupname":"low","priority":1}]}"#
            .into(),
    ];
    assert_eq!(command(&mut admin, &commands.join(",")), [const { None }; 7]);
    let mut kim = house.enter("k", KIM);
    // 0x10: nobody has subscribed.
    assert_eq!(
        ["quay/1", "quay/x", "quay/x/y", "other"].map(|t| sent(&mut kim, t)),
        [0x10, 0x87, 0x10, 0x87]
    );
    let changed = r#"{"command":"modifyClient","username":"kim",
        "roles":[{"rolename":"open","priority":3},{"rolename":"shut","priority":2}]}"#;
    assert_eq!(command(&mut admin, changed), [None]);
    kim.expect(&[0xe0, 1, 0x87]);
    let mut kim = house.enter("k", KIM);
    assert_eq!(sent(&mut kim, "quay/x"), 0x10);
}

#[test]
fn the_broker_tells_of_itself_where_it_is_configured_to_whoever_has_the_right() {
    const TOPIC: &str = "$CONTROL/broker/v1";
    const REQUEST: &[u8] = br#"{"commands":[{"command":"listListeners"}]}"#;
    let lines = "listener PORT0\nacl_file {}/rights\nallow_anonymous true\n";
    let rights = "topic $CONTROL/#\nuser kim\ntopic #\n";
    let house = House::new(lines, &[("rights", rights)]);
    let mut peer = house.enter("x", (None, None));
    peer.subscribe(Version::V5, &format!("{TOPIC}/response"), 1);
    // It is acknowledged, and nobody answers.
    assert_eq!(sent_with(&mut peer, TOPIC, REQUEST), 0);
    peer.ping();
    house.configure(&format!("enable_control_api true\n{lines}"));
    house.reload().unwrap();
    let port = house.address(0).port();
    let expected = json!({"responses": [{"command": "listListeners", "data": {"listeners": [
        {"port": port, "protocol": "mqtt", "bind-address": "127.0.0.1", "tls": false}]}}]});
    assert_eq!(ask(&mut peer, Version::V5, TOPIC, REQUEST), expected);
    let mut kim = house.enter("k", (Some("kim"), None));
    assert_eq!(sent_with(&mut kim, TOPIC, REQUEST), 0x87);
}
