//! Logins that fail again and again, and who is not listened to for that any more for a while.
//!
//! A failure counts in three places, each of which belongs to the address that it came from: for the
//! client, for the user, and for the address as a whole. So nobody keeps a user out who comes from
//! elsewhere. And one device with an old password, which knocks for ever, keeps out nobody but
//! itself: it is not listened to long before its user or its address has failed often enough, and
//! what nobody has listened to is no failure.
//!
//! Whoever has got in from an address before, as the same client and user, is asked for its own
//! failures alone: the strangers behind the same address do not keep it out. Neither is an address of
//! this machine kept out as a whole: behind it is a proxy with everybody, or whoever administers it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ferrymq_broker::{Asker, Fading, Peer, Throttle};
use ferrymq_protocol::time::Instant;

use super::login_limits::LoginLimits;
use super::policy::name_of;
use crate::origin::Origin;

/// Who wants to come in, as he says himself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stranger<'a> {
    pub(super) peer: Peer,
    pub(super) username: Option<&'a str>,
    /// Empty if it leaves it to us.
    pub(super) client_id: &'a str,
}

/// Who is not listened to, and who may soon not be.
#[derive(Debug)]
pub(super) struct Bans {
    limits: LoginLimits,
    failures: Fading<Suspect, Failures>,
    banned: Fading<Suspect, ()>,
    /// Clients that have got in, the latest for longest.
    known: Fading<Suspect, ()>,
    hasher: RandomState,
    warnings: Throttle,
}

/// Who has failed. Names are hashed with a secret: they may be long, and they are nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suspect {
    /// The user name and the client identifier.
    Client(Origin, u64),
    User(Origin, u64),
    Address(Origin),
}

/// What somebody has done of late.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    /// How often, in the window.
    count: u32,
    /// How often he was not listened to for that.
    bans: u32,
    /// When the window ends.
    until: Instant,
}

impl<'a> Stranger<'a> {
    pub(super) fn of(asker: &Asker<'a>) -> Self {
        Self { peer: asker.peer, username: name_of(asker), client_id: asker.client_id }
    }
}

impl LoginLimits {
    const fn is_open(&self) -> bool {
        self.client_failures == 0 && self.user_failures == 0 && self.address_failures == 0
    }

    const fn failures(&self, of: Suspect) -> u32 {
        match of {
            Suspect::Client(..) => self.client_failures,
            Suspect::User(..) => self.user_failures,
            Suspect::Address(_) => self.address_failures,
        }
    }

    /// How long somebody is not listened to the next time.
    fn ban(&self, before: u32) -> Duration {
        let times = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
        self.ban.saturating_mul(times).min(self.ban_maximum)
    }
}

impl Bans {
    pub(super) fn new(limits: LoginLimits) -> Self {
        Self {
            limits,
            failures: Fading::new(limits.remembered),
            banned: Fading::new(limits.remembered),
            known: Fading::new(limits.remembered),
            hasher: RandomState::new(),
            warnings: Throttle::default(),
        }
    }

    /// Changes what follows from failures from now on.
    pub(super) fn set_limits(&mut self, limits: LoginLimits) {
        self.limits = limits;
        self.failures.set_most(limits.remembered);
        self.banned.set_most(limits.remembered);
        self.known.set_most(limits.remembered);
    }

    /// Whether somebody is not listened to now.
    pub(super) fn hold(&self, stranger: &Stranger<'_>, now: Instant) -> bool {
        if self.limits.is_open() || self.banned.is_empty() {
            return false;
        }
        let holds = |suspect: Option<Suspect>| {
            suspect.is_some_and(|it| {
                self.limits.failures(it) > 0 && self.banned.get(it, now).is_some()
            })
        };
        let [client, user, address] = self.suspects(stranger);
        let is_known = client.is_some_and(|client| self.known.get(client, now).is_some());
        holds(client) || !is_known && (holds(user) || holds(address))
    }

    /// Somebody has got in.
    pub(super) fn succeeded(&mut self, stranger: &Stranger<'_>, now: Instant) {
        if self.limits.is_open() {
            return;
        }
        let [client, user, _] = self.suspects(stranger);
        for suspect in [client, user].into_iter().flatten() {
            self.failures.remove(suspect);
            self.banned.remove(suspect);
        }
        // Not the address: else somebody who has one password could try others for ever.
        if let Some(client) = client {
            self.known.put(client, (), now.saturating_add(KNOWN));
        }
    }

    /// Somebody is not who he says he is.
    pub(super) fn failed(&mut self, stranger: &Stranger<'_>, now: Instant) {
        for suspect in self.suspects(stranger).into_iter().flatten() {
            if self.limits.failures(suspect) > 0
                && self.banned.get(suspect, now).is_none()
                && let Some(ban) = self.count(suspect, now)
            {
                self.tell(suspect, stranger, ban, now);
            }
        }
    }

    /// How many are not listened to now.
    pub(super) fn count_bans(&mut self, now: Instant) -> usize {
        self.banned.fade(now);
        self.failures.fade(now);
        self.banned.len()
    }

    /// Counts a failure. How long nobody listens to him any more, if that begins now.
    fn count(&mut self, suspect: Suspect, now: Instant) -> Option<Duration> {
        let before = self.failures.get(suspect, now).copied().unwrap_or_else(|| Failures {
            until: now.saturating_add(self.limits.window),
            ..Failures::default()
        });
        let count = before.count.saturating_add(1);
        if count < self.limits.failures(suspect) && before.bans == 0 {
            self.failures.put(suspect, Failures { count, ..before }, before.until);
            return None;
        }
        let ban = self.limits.ban(before.bans);
        let end = now.saturating_add(ban);
        let until = end.saturating_add(self.limits.window);
        let bans = before.bans.saturating_add(1);
        self.failures.put(suspect, Failures { count, bans, until }, until);
        self.banned.put(suspect, (), end);
        Some(ban)
    }

    fn suspects(&self, stranger: &Stranger<'_>) -> [Option<Suspect>; 3] {
        let origin = Origin::of(stranger.peer);
        let Stranger { username, client_id, .. } = *stranger;
        let client = (!client_id.is_empty())
            .then(|| Suspect::Client(origin, self.hasher.hash_one((username, client_id))));
        let user = username.map(|username| Suspect::User(origin, self.hasher.hash_one(username)));
        let address = (!origin.is_here()).then_some(Suspect::Address(origin));
        [client, user, address]
    }

    fn tell(&mut self, suspect: Suspect, stranger: &Stranger<'_>, ban: Duration, now: Instant) {
        let Some(left_out) = self.warnings.admit(now) else { return };
        let Stranger { username, client_id, .. } = *stranger;
        let user = username.unwrap_or_default();
        let seconds = ban.as_secs();
        let origin = Origin::of(stranger.peer);
        match suspect {
            Suspect::Client(..) => tracing::warn!(
                left_out,
                "client {client_id:?}, user {user:?}, at {origin} has failed to log in again and \
                 again and is not listened to for {seconds} s: give it the right password"
            ),
            Suspect::User(..) => tracing::warn!(
                left_out,
                "user {user:?} at {origin} has failed to log in again and again and is not listened \
                 to for {seconds} s, unless as a client that got in before"
            ),
            Suspect::Address(_) => tracing::warn!(
                left_out,
                "logins from {origin} have failed again and again: nobody there is listened to for \
                 {seconds} s, but for clients that got in before"
            ),
        }
    }
}

/// How long it is worth knowing that a client has got in.
const KNOWN: Duration = Duration::from_hours(24 * 30);

#[cfg(test)]
mod tests;
