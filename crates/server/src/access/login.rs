//! Somebody who wants to come in.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferrymq_broker::{ListenerProfile, Peer};
use ferrymq_protocol::time::Instant;
use zeroize::Zeroizing;

use super::hashing::{Busy, Hashing};

/// Somebody who wants to come in, with all that is known of it.
pub struct Login {
    /// Where it comes from.
    pub peer: Peer,
    /// What it has come to.
    pub profile: Arc<ListenerProfile>,
    /// The client identifier; empty if it leaves it to us.
    pub client_id: Box<str>,
    /// The user name of CONNECT; none also if it is empty.
    pub username: Option<Box<str>>,
    /// The password of CONNECT, which is wiped out when nobody needs it any more. It is shared, so
    /// that it can be taken to another thread without a second copy.
    pub password: Option<Arc<Zeroizing<Box<[u8]>>>>,
    /// Where passwords are checked.
    pub(super) hashing: Arc<Hashing>,
    /// How long it waits.
    pub(super) patience: Duration,
    /// When it came, in the time of the broker.
    pub(super) now: Instant,
}

impl Login {
    /// What the time of the broker is at a time of the day, in seconds after 1970; now, if that is
    /// over.
    pub fn time_at(&self, seconds: u64) -> Instant {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.now.saturating_add(Duration::from_secs(seconds).saturating_sub(today))
    }

    /// Computes what takes long on the threads for that. Those who log in take turns there.
    ///
    /// # Errors
    ///
    /// [`Busy`]: too many wait already, or it was not done in time.
    pub fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T, Busy>> + Send {
        self.hashing.run(self.peer, self.patience, work)
    }
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("peer", &self.peer)
            .field("listener", &self.profile.name)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
