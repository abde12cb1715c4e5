//! The table of failed logins, under a clock that is driven.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};

use proptest::prelude::*;

use super::*;

const START: Instant = Instant::from_nanos(1_000_000_000_000);
const LIMITS: LoginLimits = LoginLimits {
    client_failures: 3,
    user_failures: 5,
    address_failures: 10,
    window: Duration::from_mins(1),
    ban: Duration::from_secs(4),
    ban_maximum: Duration::from_secs(16),
    remembered: 1000,
};

fn after(seconds: u64) -> Instant {
    START.saturating_add(Duration::from_secs(seconds))
}

fn from(address: &str) -> Peer {
    Peer::from(SocketAddr::new(address.parse().unwrap(), 1))
}

fn stranger<'a>(address: &str, username: &'a str, client_id: &'a str) -> Stranger<'a> {
    Stranger { peer: from(address), username: Some(username), client_id }
}

/// Fails as soon as it is listened to, until that time. How often it was listened to.
fn guess(bans: &mut Bans, who: &Stranger<'_>, seconds: std::ops::Range<u64>) -> usize {
    seconds
        .filter(|second| {
            let is_heard = !bans.hold(who, after(*second));
            if is_heard {
                bans.failed(who, after(*second));
            }
            is_heard
        })
        .count()
}

#[test]
fn who_fails_too_often_is_not_listened_to_for_longer_and_longer() {
    let mut bans = Bans::new(LIMITS);
    let anna = stranger("10.0.0.1", "anna", "lamp");
    let heard: Vec<u64> =
        (0..70).filter(|second| guess(&mut bans, &anna, *second..second + 1) == 1).collect();
    assert_eq!(heard, [0, 1, 2, 6, 14, 30, 46, 62]);
    assert_eq!(bans.count_bans(after(70)), 2, "the client, and the user there");
}

#[test]
fn success_clears_and_so_does_quiet() {
    let mut bans = Bans::new(LIMITS);
    let anna = stranger("10.0.0.1", "anna", "lamp");
    for round in 0..10 {
        assert_eq!(guess(&mut bans, &anna, round * 10..round * 10 + 2), 2);
        bans.succeeded(&anna, after(round * 10 + 2));
    }
    let mut bans = Bans::new(LIMITS);
    for round in 0..10 {
        assert_eq!(guess(&mut bans, &anna, round * 100..round * 100 + 10), 4, "round {round}");
    }
}

#[test]
fn nobody_keeps_a_user_out_who_comes_from_elsewhere() {
    let mut bans = Bans::new(LIMITS);
    for number in 0..100 {
        let client_id = number.to_string();
        guess(&mut bans, &stranger("10.0.0.1", "anna", &client_id), number..number + 1);
    }
    assert!(bans.hold(&stranger("10.0.0.1", "anna", "lamp"), after(100)));
    assert!(!bans.hold(&stranger("10.0.0.2", "anna", "lamp"), after(100)));
}

#[test]
fn device_with_an_old_password_keeps_out_nobody_at_its_address_but_itself() {
    let mut bans = Bans::new(LoginLimits::default());
    guess(&mut bans, &stranger("10.0.0.1", "fleet", "old"), 0..100_000);
    assert!(!bans.hold(&stranger("10.0.0.1", "fleet", "new"), after(100_000)));
    assert!(!bans.hold(&stranger("10.0.0.1", "other", "old"), after(100_000)));
}

#[test]
fn clients_that_got_in_before_are_listened_to_whatever_strangers_do_at_their_address() {
    let mut bans = Bans::new(LIMITS);
    let known = stranger("10.0.0.1", "anna", "lamp");
    bans.succeeded(&known, after(0));
    for number in 0..100 {
        let name = number.to_string();
        guess(&mut bans, &stranger("10.0.0.1", &name, &name), number..number + 1);
        guess(&mut bans, &stranger("10.0.0.1", "anna", &name), number..number + 1);
    }
    assert!(bans.hold(&stranger("10.0.0.1", "new", "new"), after(100)), "the address is banned");
    assert!(!bans.hold(&known, after(100)));
    assert_eq!(guess(&mut bans, &known, 100..103), 3);
    assert!(bans.hold(&known, after(103)), "for its own failures it is not");
}

#[test]
fn networks_of_ipv6_are_one_address_and_this_machine_is_none() {
    let mut bans = Bans::new(LIMITS);
    for number in 0..20 {
        let host = format!("2001:db8::{number:x}");
        guess(&mut bans, &stranger(&host, &host, ""), 0..1);
    }
    assert!(bans.hold(&stranger("2001:db8::ffff", "anna", ""), after(0)));
    assert!(!bans.hold(&stranger("2001:db8:0:1::1", "anna", ""), after(0)));
    for number in 0..20 {
        let name = number.to_string();
        bans.failed(&stranger("127.0.0.1", &name, &name), after(0));
    }
    assert!(!bans.hold(&stranger("127.0.0.1", "anna", "lamp"), after(0)));
}

#[test]
fn nothing_is_refused_without_limits() {
    let mut bans = Bans::new(LoginLimits::OPEN);
    let anna = stranger("10.0.0.1", "anna", "lamp");
    assert_eq!(guess(&mut bans, &anna, 0..1000), 1000);
    assert_eq!(bans.failures.len() + bans.banned.len() + bans.known.len(), 0);
}

#[test]
fn flood_of_strangers_needs_bounded_memory_and_lets_nobody_out_who_is_banned() {
    let mut bans = Bans::new(LoginLimits { remembered: 64, ..LIMITS });
    let anna = stranger("10.0.0.1", "anna", "lamp");
    guess(&mut bans, &anna, 0..31);
    for number in 0..10_000_u32 {
        let host = Ipv6Addr::from_bits(u128::from(number) << 64).to_string();
        let name = "x".repeat(100);
        bans.failed(&stranger(&host, &name, &name), after(30));
        bans.succeeded(&stranger(&host, "known", &name), after(30));
    }
    assert_eq!((bans.failures.len(), bans.known.len()), (64, 64));
    assert!(bans.hold(&anna, after(31)));
    // An entry, and its place in the order; names are hashes.
    assert!(size_of::<Suspect>() <= 32 && size_of::<Failures>() <= 16);
}

/// What is said of one suspect, by the words of the documentation: a list of its failures.
#[derive(Default)]
struct Suspected {
    failures: Vec<u64>,
    bans: u32,
    banned_until: u64,
}

impl Suspected {
    fn fail(&mut self, limit: u32, second: u64) {
        let window = LIMITS.window.as_secs();
        if second < self.banned_until {
            return;
        }
        if self.bans > 0 && second >= self.banned_until + window {
            *self = Self::default();
        }
        if self.failures.first().is_some_and(|first| self.bans == 0 && second >= first + window) {
            self.failures.clear();
        }
        self.failures.push(second);
        if self.bans > 0 || self.failures.len() >= limit as usize {
            let ban = LIMITS.ban.as_secs() << self.bans.min(10);
            self.banned_until = second + ban.min(LIMITS.ban_maximum.as_secs());
            self.bans += 1;
        }
    }
}

proptest! {
    #[test]
    fn table_says_what_lists_of_failures_say(
        steps in prop::collection::vec((0_u64..20, 0_usize..3, 0_usize..3, 0_usize..3, prop::bool::weighted(0.1)), 0..150),
    ) {
        let addresses = ["10.0.0.1", "10.0.0.2", "127.0.0.1"];
        let names = ["anna", "bert", "carl"];
        let mut bans = Bans::new(LIMITS);
        let mut clients: HashMap<_, Suspected> = HashMap::new();
        let mut users: HashMap<_, Suspected> = HashMap::new();
        let mut hosts: HashMap<_, Suspected> = HashMap::new();
        let mut known = Vec::new();
        let mut second = 0;
        for (pause, host, user, client, succeeds) in steps {
            second += pause;
            let who = stranger(addresses[host], names[user], names[client]);
            let place = (host, user, client);
            let is_banned = |of: Option<&Suspected>| of.is_some_and(|it| second < it.banned_until);
            let by_others = is_banned(users.get(&(host, user))) || is_banned(hosts.get(&host));
            let held = is_banned(clients.get(&place)) || by_others && !known.contains(&place);
            prop_assert_eq!(bans.hold(&who, after(second)), held);
            if held {
                continue;
            }
            if succeeds {
                bans.succeeded(&who, after(second));
                clients.remove(&place);
                users.remove(&(host, user));
                known.push(place);
            } else {
                bans.failed(&who, after(second));
                clients.entry(place).or_default().fail(LIMITS.client_failures, second);
                users.entry((host, user)).or_default().fail(LIMITS.user_failures, second);
                if host < 2 {
                    hosts.entry(host).or_default().fail(LIMITS.address_failures, second);
                }
            }
        }
    }
}
