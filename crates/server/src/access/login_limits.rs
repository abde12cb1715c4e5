//! How many logins may fail.

use std::time::Duration;

/// How many logins may fail, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginLimits {
    /// Failures of one client from one address in a window; zero: as many as it likes.
    pub client_failures: u32,
    /// The same of one user from one address.
    pub user_failures: u32,
    /// The same of one address.
    pub address_failures: u32,
    /// How long a window is, and how long somebody has to be quiet afterwards until nothing is
    /// remembered.
    pub window: Duration,
    /// How long somebody is not listened to the first time. It doubles with each further failure.
    pub ban: Duration,
    /// How long at most.
    pub ban_maximum: Duration,
    /// How many clients, users and addresses that have failed are remembered, and how many clients
    /// that have not.
    pub remembered: usize,
}

impl LoginLimits {
    /// Everybody may fail as often as he likes.
    pub const OPEN: Self = Self {
        client_failures: 0,
        user_failures: 0,
        address_failures: 0,
        window: Duration::from_mins(1),
        ban: Duration::from_secs(1),
        ban_maximum: Duration::from_mins(5),
        remembered: 65_536,
    };
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self { client_failures: 10, user_failures: 50, address_failures: 200, ..Self::OPEN }
    }
}
