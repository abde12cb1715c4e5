//! What a question to an ACL costs, and what it costs to load the files of a large site:
//! `cargo bench -p ferrymq-access`.

#![expect(clippy::disallowed_methods, reason = "a benchmark needs the clock")]
#![expect(clippy::print_stdout, reason = "a benchmark says what it has measured")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use ferrymq_access::acl::{AclFile, Rules};
use ferrymq_access::password::{Hash, PasswordFile, Scheme};
use ferrymq_access::{Action, Who};

fn main() {
    let users = passwords();
    let text = rules();
    report("load a password file of 10,000 users", 10, || {
        black_box(PasswordFile::parse("users", users.as_bytes()).expect("it is right"));
    });
    report("load an ACL file of 10,000 users with 5 rules each, and 4 patterns", 10, || {
        let file = AclFile::parse("acl", text.as_bytes()).expect("it is right");
        black_box(Rules::new(&file));
    });
    let file = AclFile::parse("acl", text.as_bytes()).expect("it is right");
    let rules = Rules::new(&file);
    let who = Who { username: Some("user7777"), client_id: "meter7777" };
    for (name, topic) in [
        ("a topic that the user's own rule allows", "site/7777/floor/3/lamp/set"),
        ("a topic that the user's own rule denies", "site/7777/safe/lock"),
        ("a topic that a pattern allows", "devices/meter7777/up/temperature"),
        ("a topic that nothing allows", "some/other/topic/with/levels"),
    ] {
        report(name, 1_000_000, || {
            black_box(rules.decide(black_box(who), Action::Publish, black_box(topic)));
        });
    }
}

/// The best of five, because whatever else the machine does only adds to it.
fn report(name: &str, rounds: u32, mut job: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        for _ in 0..rounds {
            job();
        }
        best = best.min(begin.elapsed() / rounds);
    }
    println!("{best:>12.1?}  {name}");
}

fn passwords() -> String {
    let scheme = Scheme::pbkdf2(NonZeroU32::MIN);
    let mut text = String::new();
    for user in 0..10_000_u32 {
        let salt: Vec<u8> = user.to_le_bytes().repeat(3);
        let hash = Hash::make(scheme, b"secret", &salt).expect("the scheme is right");
        writeln!(text, "user{user}:{}", *hash.to_text()).expect("a string takes it");
    }
    text
}

fn rules() -> String {
    let mut text = String::new();
    for user in 0..10_000_u32 {
        writeln!(
            text,
            "user user{user}\ntopic read site/{user}/#\ntopic write site/{user}/floor/+/lamp/set\n\
             topic deny site/{user}/safe/#\ntopic read news/+\ntopic read $SYS/broker/uptime"
        )
        .expect("a string takes it");
    }
    text + "pattern write devices/%c/up/#\npattern read devices/%c/down/#\n\
            pattern read inbox/%u/+\npattern deny devices/%c/key\n"
}
