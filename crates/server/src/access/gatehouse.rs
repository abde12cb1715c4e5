//! The gatehouse of a broker: it keeps the policy that holds, and finds out on the control plane what
//! no gate can say at once.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use ferrymq_access::Who;
use ferrymq_broker::{
    Admission, Ask, AskedQuestion, ControlRequest, ControlResponse, Principal, Verdict,
};
use ferrymq_codec::ReasonCode;
use ferrymq_protocol::time::Instant;
use zeroize::Zeroizing;

use super::bans::{Bans, Stranger};
use super::broker_control::BROKER_CONTROL;
use super::dynamic_security::{DYNAMIC_SECURITY, DynamicSecurity};
use super::exchanges::Exchanges;
use super::hashing::Hashing;
use super::login::Login;
use super::policy::{Door, Policy, name_of};
use super::source::{Outcome, Step};
use crate::clock::Clock;
use crate::control::{AccessChanges, Authority};

/// The gatehouse of a broker. All copies of it are one.
#[derive(Clone)]
pub struct Gatehouse {
    shared: Arc<Shared>,
}

struct Shared {
    policy: RwLock<Arc<Policy>>,
    /// Which policy it is; written after it.
    version: AtomicU64,
    hashing: Arc<Hashing>,
    threads: Option<NonZeroUsize>,
    exchanges: Mutex<Exchanges>,
    /// Held for as long as it takes to look somebody up, also by the threads that serve clients.
    bans: Mutex<Bans>,
    changes: OnceLock<AccessChanges>,
    clock: OnceLock<Clock>,
}

impl Gatehouse {
    /// A gatehouse with this policy, whose passwords are checked on so many threads; by default on
    /// half as many as there are cores.
    pub fn new(policy: Policy, threads: Option<NonZeroUsize>) -> Self {
        let shared = Shared {
            hashing: Arc::new(Hashing::new(policy.logins_queued)),
            bans: Mutex::new(Bans::new(policy.login_limits)),
            policy: RwLock::new(Arc::new(policy)),
            version: AtomicU64::new(0),
            threads,
            exchanges: Mutex::default(),
            changes: OnceLock::new(),
            clock: OnceLock::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Puts another policy in place. Who may not stay by it is disconnected, and what was remembered
    /// by the former one is forgotten.
    pub fn set(&self, policy: Policy) {
        let shared = &*self.shared;
        shared.hashing.set_queued(policy.logins_queued);
        let (_, before) = self.policy();
        for security in policy.dynamic_securities() {
            match before.dynamic_securities().into_iter().find(|other| other.is_of(security)) {
                Some(other) => security.follow(other),
                None => begin_or_say(security),
            }
        }
        self.held().set_limits(policy.login_limits);
        let mut current = shared.policy.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(policy);
        shared.version.fetch_add(1, Ordering::Release);
        drop(current);
        self.tell();
    }

    /// Says that what sources or rights know has changed, though the policy has not.
    pub fn tell(&self) {
        if let Some(changes) = self.shared.changes.get() {
            changes.tell();
        }
    }

    /// The policy that holds, and which one it is.
    pub(super) fn policy(&self) -> (u64, Arc<Policy>) {
        let policy = self.shared.policy.read().unwrap_or_else(PoisonError::into_inner);
        (self.version(), Arc::clone(&policy))
    }

    /// Which policy holds.
    pub(super) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    fn exchanges(&self) -> MutexGuard<'_, Exchanges> {
        self.shared.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is not listened to.
    pub(super) fn held(&self) -> MutexGuard<'_, Bans> {
        self.shared.bans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the broker. Nobody logs in before it has begun.
    pub(super) fn now(&self) -> Instant {
        self.shared.clock.get().map_or(Instant::ZERO, Clock::now)
    }

    /// Remembers whether somebody has got in. Who could not be asked about has not failed.
    fn remember(&self, ask: &Ask, outcome: &Outcome) {
        let (asker, now) = (ask.asker(), self.now());
        match outcome {
            Outcome::Yes(_) => self.held().succeeded(&Stranger::of(&asker), now),
            Outcome::No | Outcome::NotMine => self.held().failed(&Stranger::of(&asker), now),
            Outcome::Unreachable | Outcome::Busy => {}
        }
    }

    fn login(&self, policy: &Policy, ask: &Ask, password: Option<Box<[u8]>>) -> Login {
        Login {
            peer: ask.peer,
            profile: Arc::clone(&ask.profile),
            client_id: ask.client_id.clone(),
            username: name_of(&ask.asker()).map(Box::from),
            password: password.map(|password| Arc::new(Zeroizing::new(password))),
            hashing: Arc::clone(&self.shared.hashing),
            patience: policy.patience,
            now: self.now(),
        }
    }

    /// Finds out whether somebody may come in.
    async fn find_out(&self, mut ask: Ask) -> Verdict {
        let (_, policy) = self.policy();
        let Some(door) = policy.door(&ask.asker()) else {
            return Verdict::Deny(ReasonCode::ServerUnavailable);
        };
        match &mut ask.question {
            AskedQuestion::Connect { password, .. } => {
                let password = password.take();
                let login = self.login(&policy, &ask, password);
                let outcome = check(door, &login).await;
                self.remember(&ask, &outcome);
                match outcome {
                    Outcome::Yes(principal) => allow(principal, None),
                    outcome => Verdict::Deny(reason_of(&outcome)),
                }
            }
            AskedQuestion::Authenticate { method, data } => {
                let (method, data) = (std::mem::take(method), data.take());
                let login = self.login(&policy, &ask, None);
                let verdict = self.exchange(door, &ask, &login, &method, data.as_deref()).await;
                as_the_same(&ask, verdict)
            }
            // A gate knows the rest at once.
            _ => Verdict::Deny(ReasonCode::ServerUnavailable),
        }
    }
}

impl Authority for Gatehouse {
    fn begin(&self, changes: AccessChanges, clock: Clock) -> io::Result<()> {
        // The first broker that it is for stays the one.
        let _ = self.shared.changes.set(changes);
        let _ = self.shared.clock.set(clock);
        for security in self.policy().1.dynamic_securities() {
            security.begin()?;
        }
        self.shared.hashing.start(self.shared.threads)
    }

    fn answer(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        let gatehouse = self.clone();
        Box::pin(async move { gatehouse.find_out(ask).await })
    }

    fn control(
        &self,
        request: ControlRequest,
    ) -> Pin<Box<dyn Future<Output = Option<ControlResponse>> + Send>> {
        let gatehouse = self.clone();
        Box::pin(async move { gatehouse.carry_out(request).await })
    }

    fn bans(&self) -> usize {
        let now = self.now();
        self.held().count_bans(now)
    }
}

impl Gatehouse {
    /// Does what somebody asks for who was allowed to publish it.
    async fn carry_out(&self, request: ControlRequest) -> Option<ControlResponse> {
        let (_, policy) = self.policy();
        let topic = format!("{}/response", request.topic).into();
        let payload = match &*request.topic {
            BROKER_CONTROL => {
                let control = policy.broker_control.as_ref()?;
                control.execute(&request.payload, who_asks(&request))
            }
            DYNAMIC_SECURITY => {
                let security = policy.dynamic_security(&request.profile.name)?;
                self.administer(security, request).await?
            }
            _ => return None,
        };
        Some(ControlResponse { topic, payload: payload.into() })
    }

    /// Changes dynamic security, and lets the change hold.
    async fn administer(
        &self,
        security: Arc<DynamicSecurity>,
        mut request: ControlRequest,
    ) -> Option<Vec<u8>> {
        let execute = move || {
            let payload = Zeroizing::new(std::mem::take(&mut request.payload));
            security.execute(&payload, who_asks(&request))
        };
        let (payload, is_changed) = tokio::task::spawn_blocking(execute).await.ok()?;
        if is_changed {
            let gatehouse = self.clone();
            // Later than the response is on its way: who has changed what concerns himself must see it
            // before he is disconnected.
            tokio::spawn(async move { gatehouse.tell() });
        }
        Some(payload)
    }

    /// The next step of an exchange of AUTH packets, or the first one.
    async fn exchange(
        &self,
        door: &Door,
        ask: &Ask,
        login: &Login,
        method: &str,
        data: Option<&[u8]>,
    ) -> Verdict {
        let place = (ask.shard, ask.connection);
        let begun = self.exchanges().take(place);
        let begin = || door.sources.iter().find_map(|source| source.exchange(method));
        let Some(mut exchange) = begun.or_else(begin) else {
            // [MQTT-4.12.0-1]
            return Verdict::Deny(ReasonCode::BadAuthenticationMethod);
        };
        match exchange.step(login, data).await {
            Step::Continue(data) => {
                self.exchanges().put(place, exchange);
                Verdict::Continue(data)
            }
            Step::Yes(principal, data) => {
                self.held().succeeded(&Stranger::of(&ask.asker()), self.now());
                allow(principal, data)
            }
            Step::Else(outcome) => {
                self.remember(ask, &outcome);
                Verdict::Deny(reason_of(&outcome))
            }
        }
    }
}

/// Asks one source after another.
async fn check(door: &Door, login: &Login) -> Outcome {
    for source in &door.sources {
        match source.check(login).await {
            Outcome::NotMine => {}
            outcome => return outcome,
        }
    }
    // Who has no name may come in without one, whatever else he has said.
    match login.username.is_none() && door.allow_anonymous {
        true => Outcome::Yes(Principal::default()),
        false => Outcome::No,
    }
}

/// Who proves anew who it is must be who it was: nobody takes a session along as somebody else.
fn as_the_same(ask: &Ask, verdict: Verdict) -> Verdict {
    let Some(before) = &ask.principal else {
        return verdict;
    };
    match &verdict {
        Verdict::Allow(Admission { principal: Some(now), .. })
            if now.username != before.username =>
        {
            Verdict::Deny(ReasonCode::NotAuthorized)
        }
        _ => verdict,
    }
}

/// A reload has come so far that it cannot be refused any more.
fn begin_or_say(security: &DynamicSecurity) {
    if let Err(error) = security.begin() {
        tracing::error!("{security:?} cannot be kept: {error}");
    }
}

fn who_asks(request: &ControlRequest) -> Who<'_> {
    let principal = request.principal.as_deref();
    let username = principal.and_then(|principal| principal.username.as_deref());
    Who { username, client_id: &request.client_id }
}

fn allow(principal: Principal, data: Option<Box<[u8]>>) -> Verdict {
    Verdict::Allow(Admission { data, principal: Some(Arc::new(principal)) })
}

/// What a client is told. Mosquitto tells everybody the same who may not come in: nobody learns from
/// it which names there are.
const fn reason_of(outcome: &Outcome) -> ReasonCode {
    match outcome {
        Outcome::Unreachable => ReasonCode::ServerUnavailable,
        Outcome::Busy => ReasonCode::ServerBusy,
        Outcome::Yes(_) | Outcome::No | Outcome::NotMine => ReasonCode::NotAuthorized,
    }
}
