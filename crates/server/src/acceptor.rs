//! The listeners of a shard, and how many connections the broker and each listener may have.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ferrymq_broker::{Fading, ListenerProfile, Peer, Rate, Throttle};
use ferrymq_protocol::time::Instant;
use ferrymq_transport::ServerTransport;

use crate::network::Network;
use crate::origin::Origin;
use crate::socket_limits::SocketLimits;

/// How many connections a broker may have, and how many it has: in all, and through those of its
/// listeners that have a limit of their own.
#[derive(Debug)]
pub struct Admission {
    places: Places,
    /// Whether there is a listener with a limit.
    has_limited: AtomicBool,
    limited: Mutex<Vec<(Weak<ListenerProfile>, Arc<Places>)>>,
    /// When each address will have made up for its connections.
    addresses: Mutex<Fading<Origin, Instant>>,
}

/// Places for connections.
#[derive(Debug)]
pub struct Places {
    limit: AtomicUsize,
    taken: AtomicUsize,
}

/// What holds for those who come to a listener.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What holds for them in the broker.
    pub profile: Arc<ListenerProfile>,
    /// How many of them there may be, if that has a limit.
    pub places: Option<Arc<Places>>,
    /// How many of them may come in a second; the others wait in the kernel.
    pub rate: Arc<Rate>,
    /// What stands between their sockets and MQTT.
    pub transport: ServerTransport,
}

/// A listener with its terms. Sockets of the same listener share them.
#[derive(Debug)]
pub struct Entrance<L> {
    /// Where connections come from.
    pub listener: L,
    /// What holds for them.
    pub terms: Arc<Terms>,
}

/// The listeners of a shard.
pub(crate) struct Acceptor<L> {
    pub(crate) listeners: Vec<Listening<L>>,
    pub(crate) admission: Arc<Admission>,
    /// When to try again after the system would not give us a socket.
    pub(crate) again_at: Option<Instant>,
    /// What the log is told of those who are not let in.
    pub(crate) warnings: Throttle,
}

pub(crate) struct Listening<L> {
    pub(crate) entrance: Entrance<L>,
    /// Whether connections may wait.
    pub(crate) ready: bool,
    /// When the next may come, if that lies ahead.
    pub(crate) again_at: Option<Instant>,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("too many connections")]
    Broker,
    #[error("too many connections to this listener")]
    Listener,
    #[error("too many connections from this address in a second")]
    Address,
}

impl Admission {
    /// Nobody is there yet.
    pub const fn new(limit: usize) -> Self {
        Self {
            places: Places::new(limit),
            has_limited: AtomicBool::new(false),
            limited: Mutex::new(Vec::new()),
            addresses: Mutex::new(Fading::new(0)),
        }
    }

    /// Whether an address may have one more connection now. What has come is paid afterwards: who has
    /// saved up nothing is refused until he has made up for the last one.
    pub(crate) fn greet(
        &self,
        peer: Peer,
        sockets: &SocketLimits,
        now: Instant,
    ) -> Result<(), Full> {
        let (per_second, origin) = (sockets.address_connections_per_second, Origin::of(peer));
        if per_second == 0 || origin.is_here() {
            return Ok(());
        }
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.set_most(sockets.addresses_remembered);
        let before = addresses.get(origin, now).copied().unwrap_or(now);
        let rate = Rate::paid_until(per_second, before);
        if rate.wait(now).is_some() {
            return Err(Full::Address);
        }
        rate.spend(1, now);
        addresses.put(origin, rate.paid(), rate.paid());
        Ok(())
    }

    /// Changes how many connections there may be. Those that are there stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.places.set_limit(limit);
    }

    /// Makes known to whose connections these terms apply, before the first of them comes.
    pub(crate) fn introduce(&self, terms: &Terms) {
        let Some(places) = &terms.places else {
            return;
        };
        let mut limited = self.limited();
        // Whose last connection has gone is not asked for any more.
        limited.retain(|(profile, _)| profile.strong_count() > 0);
        limited.push((Arc::downgrade(&terms.profile), Arc::clone(places)));
        self.has_limited.store(true, Ordering::Relaxed);
    }

    /// Lets one more in, if the limits allow.
    pub(crate) fn enter(&self, terms: &Terms) -> Result<(), Full> {
        if !self.places.enter() {
            return Err(Full::Broker);
        }
        if terms.places.as_ref().is_some_and(|places| !places.enter()) {
            self.places.leave();
            return Err(Full::Listener);
        }
        Ok(())
    }

    /// A connection through the listener with this profile has ended.
    pub(crate) fn leave(&self, profile: &Arc<ListenerProfile>) {
        self.places.leave();
        if self.has_limited.load(Ordering::Relaxed) {
            let profile = Arc::as_ptr(profile);
            let limited = self.limited();
            let found = limited.iter().find(|(known, _)| known.as_ptr() == profile);
            if let Some((_, places)) = found {
                places.leave();
            }
        }
    }

    fn limited(&self) -> MutexGuard<'_, Vec<(Weak<ListenerProfile>, Arc<Places>)>> {
        self.limited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// So many places, all of them free.
    pub const fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), taken: AtomicUsize::new(0) }
    }

    /// Changes how many there are. Who has one keeps it.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn enter(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let entered = self.taken.fetch_add(1, Ordering::Relaxed) < limit;
        if !entered {
            self.leave();
        }
        entered
    }

    fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<L> Entrance<L> {
    /// A listener for which nothing special holds.
    pub fn new(listener: L) -> Self {
        Self { listener, terms: Arc::default() }
    }
}

impl<L> Listening<L> {
    fn may_accept(&self) -> bool {
        self.ready && self.again_at.is_none()
    }

    /// Whether one more may be accepted now. Those for whom it is too early wait in the kernel.
    pub(crate) fn may_accept_now(&mut self, now: Instant) -> bool {
        self.again_at = self.entrance.terms.rate.wait(now);
        self.may_accept()
    }
}

impl<L> Acceptor<L> {
    pub(crate) fn new(entrances: Vec<Entrance<L>>, admission: Arc<Admission>) -> Self {
        let warnings = Throttle::default();
        let mut acceptor = Self { listeners: Vec::new(), admission, again_at: None, warnings };
        acceptor.open(entrances);
        acceptor
    }

    pub(crate) fn open(&mut self, entrances: Vec<Entrance<L>>) {
        // Those who came before we were registered are not announced on every system.
        self.listeners = entrances
            .into_iter()
            .map(|entrance| Listening { entrance, ready: true, again_at: None })
            .collect();
    }

    pub(crate) fn mark_all_ready(&mut self) {
        self.listeners.iter_mut().for_each(|listening| listening.ready = true);
    }

    pub(crate) fn mark_ready(&mut self, number: u32) {
        if let Some(listening) = self.listeners.get_mut(number as usize) {
            listening.ready = true;
        }
    }

    /// Whether the connections of this listener begin with a handshake that costs much.
    pub(crate) fn is_costly(&self, number: usize) -> bool {
        self.listeners
            .get(number)
            .is_some_and(|listening| listening.entrance.terms.transport.tls.is_some())
    }

    pub(crate) fn has_work(&self) -> bool {
        self.again_at.is_none() && self.listeners.iter().any(Listening::may_accept)
    }

    /// Whether nobody waits at any listener, as far as is known.
    pub(crate) fn is_idle(&self) -> bool {
        self.again_at.is_none() && !self.listeners.iter().any(|listening| listening.ready)
    }

    /// When there may be work again.
    pub(crate) fn again_at(&self) -> Option<Instant> {
        let ready = self.listeners.iter().filter(|listening| listening.ready);
        ready.filter_map(|listening| listening.again_at).chain(self.again_at).min()
    }

    pub(crate) fn stop<N: Network<Listener = L>>(&mut self, network: &mut N) {
        self.again_at = None;
        for listening in self.listeners.drain(..) {
            network.unlisten(listening.entrance.listener);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(places: &Arc<Places>) -> Terms {
        Terms { places: Some(Arc::clone(places)), ..Terms::default() }
    }

    #[test]
    fn places_of_the_broker_and_of_a_listener_are_given_back_with_each_connection() {
        let admission = Admission::new(3);
        let limited = terms(&Arc::new(Places::new(1)));
        let open = Terms::default();
        admission.introduce(&limited);
        for _ in 0..10 {
            assert_eq!(admission.enter(&limited), Ok(()));
            assert_eq!(admission.enter(&limited), Err(Full::Listener));
            assert_eq!(admission.enter(&open), Ok(()));
            assert_eq!(admission.enter(&open), Ok(()));
            assert_eq!(admission.enter(&open), Err(Full::Broker));
            admission.leave(&open.profile);
            admission.leave(&limited.profile);
            admission.leave(&open.profile);
        }
    }

    #[test]
    fn connections_of_before_a_change_count_after_it() {
        let admission = Admission::new(10);
        let places = Arc::new(Places::new(2));
        let (before, after) = (terms(&places), terms(&places));
        admission.introduce(&before);
        assert_eq!(admission.enter(&before), Ok(()));
        assert_eq!(admission.enter(&before), Ok(()));
        places.set_limit(1);
        admission.introduce(&after);
        admission.leave(&before.profile);
        assert_eq!(admission.enter(&after), Err(Full::Listener));
        admission.leave(&before.profile);
        assert_eq!(admission.enter(&after), Ok(()));
    }
}
