//! What systemd is told: that the broker is ready, reads its configuration again, ends, and lives.
//! Without systemd all of it is nothing.

use std::time::{Duration, Instant};

use ferrymq_server::{Beat, Server};
use sd_notify::NotifyState;

/// The broker is ready, also after it has read its configuration again.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "no clock for the supervisor"),
    }
}

/// The broker ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// A supervisor that ends a broker of which it does not hear for too long. It hears of one whose
/// shards all make turns.
pub(super) struct Watchdog {
    /// How often it is told; `None`: nobody asks.
    pause: Option<Duration>,
    next: Instant,
    asked: Option<Beat>,
}

impl Watchdog {
    /// What the supervisor has asked for when it started us.
    pub(super) fn of_supervisor() -> Self {
        let pause = sd_notify::watchdog_enabled().map(|longest| longest / BEATS);
        Self { pause, next: Instant::now(), asked: None }
    }

    /// When to call [`Self::beat`].
    pub(super) fn next(&self) -> Option<Instant> {
        self.pause.map(|_| self.next)
    }

    /// Tells the supervisor that the broker lives, if it is time, and if every shard has made a turn
    /// since it was asked.
    pub(super) fn beat(&mut self, server: &Server) {
        let now = Instant::now();
        let Some(pause) = self.pause.filter(|_| self.next <= now) else {
            return;
        };
        self.next = now + pause;
        match &self.asked {
            Some(asked) if !asked.is_complete() => {
                tracing::warn!("a part of the broker has been busy for {pause:?}");
                return;
            }
            Some(_) => tell(&[NotifyState::Watchdog]),
            None => {}
        }
        self.asked = Some(server.beat());
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the supervisor cannot be told");
    }
}

/// How often a supervisor is told in the time after which it gives up.
const BEATS: u32 = 4;
