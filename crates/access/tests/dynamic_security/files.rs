//! The file: what plugins have written is read, and what is written is read again.

use ferrymq_access::dynamic_security::{Login, Model, random_password};
use ferrymq_access::password::Hash;
use ferrymq_access::{Action, Mistake};
use proptest::prelude::*;

use crate::setting::{administered, command, execute, hash, succeed, who};

fn parse(text: &str) -> (Model, Vec<String>) {
    let (model, mistakes) = Model::parse("d.json", text.as_bytes()).unwrap();
    (model, mistakes.iter().map(Mistake::to_string).collect())
}

/// What is written of a model is the same after it was read.
fn written(model: &Model) -> String {
    let written = String::from_utf8(model.to_json()).unwrap();
    let (read, mistakes) = parse(&written);
    assert_eq!(mistakes, Vec::<String>::new());
    assert_eq!(String::from_utf8(read.to_json()).unwrap(), written);
    written
}

/// Made by version 2.0.11: `createClient u -p pw -c cid`, a role, a group.
const OF_2_0: &str = r#"{"defaultACLAccess":{"publishClientSend":false,"publishClientReceive":true,
"subscribe":true,"unsubscribe":true},"clients":[{"username":"u","clientid":"cid","roles":[{
"rolename":"r","priority":3}],"password":
"Yx+agplcZUP/44mEa+lXXiuZvhWKnGbleWst9GPPCUWsuYm/vg1j4DS6y7wFAoC1UuEEyn3OzNCutHtiIgGBDQ==",
"salt":"/A43ZVIIL3CdmsJ7","iterations":101}],"groups":[{"groupname":"g","roles":[],"clients":[{
"username":"u"}]}],"roles":[{"rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a/#",
"priority":5,"allow":true}]}]}"#;

#[test]
fn file_of_an_old_plugin_is_read_and_stays_readable_for_it() {
    let (model, mistakes) = parse(OF_2_0);
    assert_eq!(mistakes, Vec::<String>::new());
    let Login::Verify(password, _) = model.login(who("u", "cid")) else { panic!("u logs in") };
    assert!(password.verify(b"pw") && !password.verify(b"PW"));
    assert!(matches!(model.login(who("u", "other")), Login::Refused));
    assert!(matches!(model.login(who("x", "cid")), Login::Unknown));
    assert!(model.decide(who("u", "cid"), Action::Publish, "a/b").allowed);
    let written = written(&model);
    for member in [
        r#""salt": "/A43ZVIIL3CdmsJ7""#,
        r#""iterations": 101"#,
        r#""password": "Yx+agplcZUP/"#,
        r#""priority": 3"#,
    ] {
        assert!(written.contains(member), "{member}: {written}");
    }
    assert!(!written.contains("encoded_password"));
}

#[test]
fn hashes_that_only_new_plugins_know_stay_as_they_are() {
    let salt = "c29tZXNhbHRzb21lc2FsdA";
    let encoded = format!("$argon2id$v=19$m=32,t=1,p=1${salt}$MDEyMzQ1Njc4OWFiY2RlZg");
    let hash = Hash::parse(&encoded).unwrap();
    let text = format!(
        r#"{{"changeIndex":7,"clients":[{{"username":"u","encoded_password":"{encoded}"}}]}}"#
    );
    let (model, mistakes) = parse(&text);
    assert_eq!(mistakes, Vec::<String>::new());
    assert_eq!(model.client("u").unwrap().password.as_ref(), Some(&hash));
    let written = written(&model);
    assert!(written.contains(&format!(r#""encoded_password": "{encoded}""#)), "{written}");
    assert!(written.contains(r#""changeIndex": 7"#), "{written}");
}

#[test]
fn what_makes_no_sense_is_left_out_and_named() {
    let text = r#"{"roles":[1,{"rolename":""},{"rolename":"r","acls":[1,{"acltype":"x","topic":"a"},
        {"acltype":"publishClientSend","topic":"a#","allow":true}]},{"rolename":"r"}],
        "clients":[{"username":"c","password":"x","salt":"y","iterations":1,
        "roles":[{"rolename":"no"},{"rolename":"r"}]}],
        "groups":[{"groupname":"g","clients":[{"username":"no"},{"username":"c"}]}],
        "anonymousGroup":"no"}"#;
    let (model, mistakes) = parse(text);
    assert_eq!(
        mistakes,
        [
            r#"d.json: a role without "rolename" is left out"#,
            r#"d.json: a role without "rolename" is left out"#,
            r#"d.json: role "r": "a#" is no topic filter, and denies"#,
            r#"d.json: the role "r" is there twice; the first one holds"#,
            r#"d.json: client "c": the password cannot be read, nobody can log in"#,
            r#"d.json: client "c": there is no role "no""#,
            r#"d.json: group "g": there is no client "no""#,
            r#"d.json: there is no group "no" for those without a name"#,
        ]
    );
    assert!(matches!(model.login(who("c", "x")), Login::Refused));
}

#[test]
fn files_of_another_shape_are_refused_with_their_place() {
    for (text, expected) in [
        ("", "d.json:1: this is not JSON (column 0)"),
        ("{\n\"clients\": [\n}", "d.json:3: this is not JSON (column 1)"),
        ("[]", "d.json: this is not an object of JSON"),
        (r#"{"groups":{}}"#, r#"d.json: "groups" must be a list"#),
    ] {
        let error = Model::parse("d.json", text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn first_file_lets_an_administrator_in_and_nobody_else() {
    let model = Model::first(hash(b"secret"), Some(hash(b"demo")));
    written(&model);
    let admin = who("admin", "x");
    for (action, topic, expected) in [
        (Action::Publish, "$CONTROL/dynamic-security/v1", true),
        (Action::Publish, "$CONTROL/broker/v1", true),
        (Action::Subscribe, "$CONTROL/dynamic-security/v1/response", true),
        (Action::Receive, "$SYS/broker/uptime", true),
        (Action::Subscribe, "#", true),
        (Action::Publish, "a", false),
    ] {
        assert_eq!(model.decide(admin, action, topic).allowed, expected, "{action} {topic}");
    }
    let demo = who("democlient", "x");
    assert!(model.decide(demo, Action::Publish, "a").allowed);
    assert!(!model.decide(demo, Action::Publish, "$CONTROL/dynamic-security/v1").allowed);
    assert!(Model::first(hash(b"secret"), None).client("democlient").is_none());
}

#[test]
fn random_passwords_are_long_and_of_characters_that_can_be_typed() {
    let mut next = 0_u8;
    let password = random_password(|octets: &mut [u8]| -> Result<(), ()> {
        octets.fill(next);
        next = next.wrapping_add(77);
        Ok(())
    });
    let password = password.unwrap();
    assert_eq!(password.len(), 20);
    assert!(password.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    assert_eq!(random_password(|_| Err("no chance")), Err("no chance"));
}

#[test]
fn whoever_is_the_same_after_a_reload_stays_and_others_do_not() {
    let mut before = administered();
    succeed(
        &mut before,
        &[
            r#"{"command":"createClient","username":"same","password":"p"}"#,
            r#"{"command":"createClient","username":"other","password":"p"}"#,
            r#"{"command":"createClient","username":"gone","password":"p"}"#,
        ],
    );
    let stamp = |model: &Model, name| match model.login(who(name, "x")) {
        Login::Verify(_, stamp) => stamp,
        login => panic!("{name}: {login:?}"),
    };
    let stamps = ["same", "other", "gone"].map(|name| stamp(&before, name));
    let mut edited = before.clone();
    succeed(&mut edited, &[r#"{"command":"deleteClient","username":"gone"}"#]);
    assert!(edited.set_password("other", hash(b"q")));
    let (mut after, _) = Model::parse("d.json", &edited.to_json()).unwrap();
    after.follow(&before);
    assert!(after.stands(who("same", "x"), stamps[0]));
    assert!(!after.stands(who("other", "x"), stamps[1]));
    assert!(!after.stands(who("gone", "x"), stamps[2]));
    let new = stamp(&after, "other");
    succeed(&mut after, &[r#"{"command":"modifyClient","username":"same"}"#]);
    assert_ne!(stamp(&after, "same"), new, "stamps are given once");
}

#[test]
fn deep_json_is_refused_and_not_walked() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Model::parse("d.json", deep.as_bytes()).is_err());
    let request = format!(r#"{{"commands":{deep}}}"#);
    let executed = execute(&mut administered(), request.as_bytes());
    assert!(executed.response().starts_with(br#"{"responses":[{"command":"Unknown command""#));
    assert!(command(&mut administered(), r#"{"command":"getDetails"}"#).contains("getDetails"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_file_or_a_mistake(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok((model, _)) = Model::parse("d.json", &bytes) {
            written(&model);
        }
        let _ = execute(&mut administered(), &bytes).response();
    }
}
