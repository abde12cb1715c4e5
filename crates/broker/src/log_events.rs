//! The program's own log: connections and sessions, as events of `tracing`.

use ferrymq_protocol::time::Instant;
use tracing::{debug, info, warn};

use crate::cause::Cause;
use crate::notice::{Connected, Interests, Notice, Observer};
use crate::peer::Peer;
use crate::throttle::Throttle;

/// Makes events of notices. This is what observes a shard by default.
#[derive(Debug, Default)]
pub struct LogEvents {
    /// What the log is told of clients that misbehave.
    warnings: Throttle,
    now: Instant,
}

impl Observer for LogEvents {
    fn begin_turn(&mut self, now: Instant) -> Interests {
        self.now = now;
        Interests::CONNECTIONS
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        match *notice {
            Notice::Connected(connected) => client_connected(&connected),
            Notice::Closed { client_id, peer, cause, .. } => self.closed(client_id, peer, cause),
            Notice::SessionExpired { client_id } => info!(client = client_id, "session expired"),
            Notice::Paced { client_id } => {
                if let Some(left_out) = self.warnings.admit(self.now) {
                    warn!(
                        client = client_id,
                        left_out, "client sends faster than it may, and waits"
                    );
                }
            }
            Notice::Flapping { client_id, peer, ban } => {
                if let Some(left_out) = self.warnings.admit(self.now) {
                    warn!(
                        client = client_id,
                        %peer,
                        ban_seconds = ban.as_secs(),
                        left_out,
                        "client comes again and again and is kept out for a while: two devices may \
                         have the same client identifier, so give each its own"
                    );
                }
            }
            Notice::Unanswered { peer } => {
                if let Some(left_out) = self.warnings.admit(self.now) {
                    warn!(%peer, left_out, "a question of access was not answered in time");
                }
            }
            _ => {}
        }
    }
}

impl LogEvents {
    fn closed(&mut self, client_id: Option<&str>, peer: Peer, cause: Cause) {
        let client = client_id.unwrap_or_default();
        match cause {
            Cause::Protocol(_) | Cause::Denied(_) | Cause::Refused(_) => {
                if let Some(left_out) = self.warnings.admit(self.now) {
                    warn!(client, %peer, left_out, "client {cause}");
                }
            }
            // Health checks and port scanners are no clients.
            _ if client_id.is_none() => debug!(%peer, "{cause}"),
            _ => info!(client, %peer, "client {cause}"),
        }
    }
}

fn client_connected(connected: &Connected<'_>) {
    info!(
        client = connected.client_id,
        peer = %connected.peer,
        protocol = %connected.version,
        keep_alive = connected.keep_alive,
        session_present = connected.session_present,
        session_expiry = connected.session_expiry_interval,
        "client connected"
    );
}
