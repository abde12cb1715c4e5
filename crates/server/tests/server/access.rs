//! Users and rights from files: who is let in at which listener, what he may do there, and what a
//! reload makes of it.

use std::fs;
use std::time::Instant;

use crate::house::{Credentials, House, user};
use crate::peer::{Peer, Version, publish, subscribe};

const NOBODY: Credentials<'_> = (None, None);
const ANNA: Credentials<'_> = (Some("anna"), Some("secret"));
const BERT: Credentials<'_> = (Some("bert"), Some("secret"));

#[test]
fn each_listener_lets_in_whom_its_rules_let_in() {
    // What Mosquitto 2.0 answers to the same, for each of its rules.
    let house = House::new(
        "per_listener_settings true\nlistener PORT0\npassword_file {}/users\nlistener PORT1\n\
         password_file {}/users\nallow_anonymous true\nlistener PORT2\nallow_anonymous false\n",
        &[("users", &user("anna", "secret"))],
    );
    let empty = (Some(""), Some("x"));
    let rows = [
        ("anonymous", NOBODY, [false, true, false]),
        ("right", ANNA, [true, true, false]),
        ("wrong password", (Some("anna"), Some("x")), [false, false, false]),
        ("no password", (Some("anna"), None), [false, false, false]),
        ("unknown", BERT, [false, false, false]),
        ("empty name", empty, [false, true, false]),
    ];
    for (what, who, listeners) in rows {
        for (listener, allowed) in listeners.into_iter().enumerate() {
            for (version, denied) in [(Version::V3_1_1, 5), (Version::V5, 0x87)] {
                let reason = if allowed { 0 } else { denied };
                let found = house.knock(listener, version, who);
                assert_eq!(found, reason, "{what} at {listener}, {version:?}");
            }
        }
    }
}

#[test]
fn client_identifiers_begin_as_all_must() {
    let house = House::new(
        "listener PORT0\nallow_anonymous true\nclientid_prefixes cl\nlistener PORT1\n\
         clientid_prefixes other\n",
        &[],
    );
    assert_eq!(house.knock(0, Version::V5, NOBODY), 0x87, "the last line holds");
    house.configure("listener PORT0\nallow_anonymous true\nclientid_prefixes cl\n");
    house.reload().unwrap();
    assert_eq!(house.knock(0, Version::V3_1_1, NOBODY), 0);
}

#[test]
fn reload_ends_connections_of_whom_it_does_not_let_in_and_no_others() {
    let house = House::new(
        "listener PORT0\npassword_file {}/users\nallow_anonymous true\n",
        &[("users", &[user("anna", "secret"), user("bert", "secret")].concat())],
    );
    let mut anna = house.enter("a", ANNA);
    let mut bert = house.enter("b", BERT);
    let mut nobody = house.enter("n", NOBODY);
    house.write("users", &[user("anna", "secret"), user("carl", "secret")].concat());
    house.reload().unwrap();
    bert.expect(&[0xe0, 1, 0x87]);
    bert.expect_end();
    assert_eq!(house.knock(0, Version::V5, BERT), 0x87);
    let carl = (Some("carl"), Some("secret"));
    house.enter("c", carl).ping();
    nobody.ping();
    anna.ping();
    house.configure("listener PORT0\npassword_file {}/users\nallow_anonymous false\n");
    house.reload().unwrap();
    nobody.expect(&[0xe0, 1, 0x87]);
    anna.ping();
    house.write("users", &user("anna", "another"));
    house.reload().unwrap();
    anna.expect(&[0xe0, 1, 0x87]);
}

#[test]
fn client_of_a_listener_that_was_removed_is_judged_by_what_holds_now() {
    let both = "listener PORT0\nlistener PORT1\npassword_file {}/users\nacl_file {}/rights\n";
    let other = "listener PORT1\npassword_file {}/users\nacl_file {}/rights\n";
    let users = [user("anna", "secret"), user("bert", "secret")].concat();
    let house = House::new(both, &[("users", &users), ("rights", "user anna\ntopic quay\n")]);
    let mut anna = house.enter("a", ANNA);
    let mut bert = house.enter("b", BERT);
    let published = |peer: &mut Peer, topic: &str| {
        peer.send(&publish(Version::V5, 1, 7, topic, b"ahoy"));
        peer.expect_kind(0x40).get(4).copied().unwrap_or(0)
    };
    house.configure(other);
    house.write("users", &user("anna", "secret"));
    house.reload().unwrap();
    bert.expect(&[0xe0, 1, 0x87]);
    // Nobody has subscribed.
    assert_eq!(published(&mut anna, "quay"), 0x10);
    house.write("rights", "user anna\ntopic other\n");
    house.reload().unwrap();
    assert_eq!(published(&mut anna, "quay"), 0x87);
    assert_eq!(published(&mut anna, "other"), 0x10);
}

#[test]
fn reload_with_a_mistake_names_its_place_and_changes_nothing() {
    let house = House::new(
        "listener PORT0\npassword_file {}/users\nacl_file {}/rights\n",
        &[("users", &user("anna", "secret")), ("rights", "user anna\ntopic a\n")],
    );
    let mut anna = house.enter("a", ANNA);
    house.write("users", &format!("{}anna:plain\n", user("bert", "secret")));
    house.write("rights", "user anna\ntopic wirte a\ntpic b\n");
    let words = house.reload().unwrap_err();
    for place in ["users:2: ", "rights:3: "] {
        let path = house.path(place);
        assert!(words.contains(path.to_str().unwrap()), "{place}: {words}");
    }
    fs::remove_file(house.path("users")).unwrap();
    let words = house.reload().unwrap_err();
    assert!(words.contains("users: it cannot be read: "), "{words}");
    anna.ping();
    assert_eq!(house.knock(0, Version::V5, ANNA), 0);
    assert_eq!(house.knock(0, Version::V5, BERT), 0x87);
}

#[test]
fn rights_are_those_of_the_file_and_are_lost_at_once() {
    let house = House::new(
        "listener PORT0\npassword_file {}/users\nacl_file {}/rights\n",
        &[
            ("users", &[user("anna", "secret"), user("bert", "secret")].concat()),
            ("rights", "user anna\ntopic quay/#\n\npattern read own/%u/%c\n"),
        ],
    );
    let (mut anna, mut bert) = (house.enter("a", ANNA), house.enter("b", BERT));
    let granted = |peer: &mut Peer, filter: &str| {
        peer.send(&subscribe(Version::V5, 9, filter, 1));
        *peer.expect_kind(0x90).last().unwrap()
    };
    let published = |peer: &mut Peer, topic: &str| {
        peer.send(&publish(Version::V5, 1, 7, topic, b"ahoy"));
        // The short form of PUBACK says success.
        peer.expect_kind(0x40).get(4).copied().unwrap_or(0)
    };
    assert_eq!(granted(&mut bert, "quay/1"), 0x87);
    assert_eq!(granted(&mut bert, "own/bert/b"), 1);
    assert_eq!(granted(&mut bert, "own/bert/a"), 0x87);
    assert_eq!(granted(&mut anna, "$share/crew/quay/+"), 1);
    assert_eq!(published(&mut anna, "own/bert/b"), 0x87);
    anna.send(&publish(Version::V5, 1, 7, "quay/1", b"ahoy"));
    anna.expect_kind(0x32);
    anna.expect_kind(0x40);
    house.write("rights", "user anna\ntopic read quay/#\n");
    house.reload().unwrap();
    assert_eq!(published(&mut anna, "quay/1"), 0x87);
    assert_eq!(granted(&mut bert, "own/bert/b"), 0x87);
}

#[test]
#[expect(clippy::print_stdout, reason = "how long it takes is for whoever runs it to see")]
fn ten_thousand_users_are_there_at_once() {
    let users: String =
        (0..10_000).map(|number| user(&format!("user{number}"), "secret")).collect();
    let begun = Instant::now();
    let house = House::new("listener PORT0\npassword_file {}/users\n", &[("users", &users)]);
    assert_eq!(house.knock(0, Version::V5, (Some("user9999"), Some("secret"))), 0);
    println!("with 10,000 users the first login is answered {:?} after the start", begun.elapsed());
}

#[test]
fn client_that_fails_again_and_again_is_refused_unseen_and_nobody_else_is() {
    let house = House::new(
        "client_login_failures 3\nlogin_ban 80000\nlogin_ban_maximum 80000\nlistener PORT0\n\
         password_file {}/users\n",
        &[("users", &(user("anna", "secret") + &user("bert", "secret")))],
    );
    let wrong = (Some("anna"), Some("x"));
    for _ in 0..3 {
        assert_eq!(house.knock(0, Version::V5, wrong), 0x87);
    }
    assert_eq!(house.knock(0, Version::V5, ANNA), 0x97);
    assert_eq!(house.knock(0, Version::V3_1_1, ANNA), 3);
    assert_eq!(house.knock(0, Version::V5, BERT), 0, "another user");
    house.enter("another-client", ANNA);
    let metrics = house.metrics();
    let counts =
        (metrics.logins_accepted(), metrics.logins_unauthorized(), metrics.logins_banned());
    assert_eq!(counts, (2, 3, 2));
    // By a configuration without limits it is listened to at once.
    house.configure("client_login_failures 0\nlistener PORT0\npassword_file {}/users\n");
    house.reload().unwrap();
    assert_eq!(house.knock(0, Version::V5, ANNA), 0);
}
