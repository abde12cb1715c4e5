//! Sources of users beside what they ask: a real PostgreSQL, SQLite files, a service over HTTP.

mod http;
#[cfg(unix)]
mod postgresql;
#[cfg(unix)]
mod postgresql_cluster;
mod scram;
mod sqlite;
mod tokens;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{Asker, ListenerProfile, Peer, Principal, Question, Verdict};
use ferrymq_codec::QoS;
use ferrymq_protocol::time::Instant;
use zeroize::Zeroizing;

use super::{Asking, SourceError, UserSettings};
use crate::access::hashing::Hashing;
use crate::access::login::Login;
use crate::access::source::{Outcome, Source, Step};

/// The one source of these settings.
fn source(settings: &UserSettings) -> Arc<dyn Source> {
    let mut sources = settings.sources().unwrap();
    assert_eq!(sources.len(), 1);
    sources.remove(0)
}

/// Why there are no sources with these settings.
fn refusal(settings: &UserSettings) -> SourceError {
    settings.sources().unwrap_err()
}

fn login(username: Option<&str>, password: Option<&[u8]>, client_id: &str) -> Login {
    let profile = ListenerProfile { name: Box::from("here"), ..ListenerProfile::default() };
    let hashing = Arc::new(Hashing::new(64));
    hashing.start(NonZeroUsize::new(1)).unwrap();
    Login {
        hashing,
        patience: Duration::from_secs(30),
        now: NOW,
        peer: Peer::Inet("127.0.0.1:5000".parse().unwrap()),
        profile: Arc::new(profile),
        client_id: Box::from(client_id),
        username: username.map(Box::from),
        password: password.map(|password| Arc::new(Zeroizing::new(Box::from(password)))),
    }
}

async fn check(source: &dyn Source, username: &str, password: &str) -> Outcome {
    source.check(&login(Some(username), Some(password.as_bytes()), "lamp")).await
}

/// The principal of whoever was let in.
fn admitted(outcome: Outcome) -> Principal {
    match outcome {
        Outcome::Yes(principal) => principal,
        other => panic!("{other:?} is no yes"),
    }
}

/// Whether rights of its own let a principal publish to a topic; `None`: it has none.
fn may_publish(principal: &Principal, topic: &str) -> Option<bool> {
    decides(principal, &Question::Publish { topic, qos: QoS::AtMostOnce, retain: false })
}

fn may_subscribe(principal: &Principal, filter: &str) -> Option<bool> {
    decides(principal, &Question::Subscribe { filter, qos: QoS::AtMostOnce })
}

fn decides(principal: &Principal, question: &Question<'_>) -> Option<bool> {
    let profile = Arc::new(ListenerProfile::default());
    let asker = Asker {
        peer: Peer::Local,
        client_id: "lamp",
        username: principal.username.as_deref(),
        principal: Some(principal),
        profile: &profile,
    };
    let verdict = principal.rights.as_ref()?.decide(&asker, question)?;
    Some(matches!(verdict, Verdict::Allow(_)))
}

fn asking(cache_lifetime: u64) -> Asking {
    Asking {
        timeout: Duration::from_secs(1),
        cache_lifetime: Duration::from_secs(cache_lifetime),
        ..Asking::default()
    }
}

/// `secret`, by libxcrypt 4.4.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
/// The time of the broker.
const NOW: Instant = Instant::from_nanos(1_000);
