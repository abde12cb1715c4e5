//! Keep Alive (section 3.1.2.10): how long silence is tolerated.

use core::time::Duration;

use crate::time::Instant;

/// The keep alive of a connection as its server sees it.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    seconds: u16,
    last_received: Instant,
}

impl KeepAlive {
    /// A keep alive of `seconds` (0: silence is tolerated for ever), starting now.
    pub const fn new(seconds: u16, now: Instant) -> Self {
        Self { seconds, last_received: now }
    }

    /// A whole packet has arrived.
    pub const fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// When the connection is to be closed if nothing arrives: after one and a half times the keep
    /// alive [MQTT-3.1.2-22].
    pub fn deadline(&self) -> Option<Instant> {
        if self.seconds == 0 {
            return None;
        }
        let tolerated = Duration::from_millis(u64::from(self.seconds).saturating_mul(1500));
        Some(self.last_received.saturating_add(tolerated))
    }
}
