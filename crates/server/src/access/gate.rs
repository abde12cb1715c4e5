//! The gate of a shard: what it can say at once it says, and the rest it leaves to the gatehouse.

use std::sync::Arc;

use ferrymq_broker::{Access, Asker, Question, Verdict};
use ferrymq_codec::ReasonCode;

use super::bans::Stranger;
use super::denials::Denials;
use super::gatehouse::Gatehouse;
use super::policy::{Knock, Policy};
use super::rights::Ruling;

/// The gate of a shard.
pub struct Gate {
    gatehouse: Gatehouse,
    /// The policy, and which one it is.
    policy: Arc<Policy>,
    version: u64,
    denials: Denials,
}

impl Gate {
    /// A gate of this gatehouse.
    pub fn new(gatehouse: Gatehouse) -> Self {
        let (version, policy) = gatehouse.policy();
        Self { gatehouse, policy, version, denials: Denials::default() }
    }

    /// The policy that holds now. That it has changed is seen by one number; verdicts that the shard
    /// remembers are forgotten when it is told.
    fn refresh(&mut self) -> &Policy {
        if self.gatehouse.version() != self.version {
            (self.version, self.policy) = self.gatehouse.policy();
        }
        &self.policy
    }

    /// What somebody is told at once to whom nobody listens now. That costs less than to find out
    /// who he is; when he may come again he is not told, as he may be guessing.
    fn refusal(&self, asker: &Asker<'_>) -> Option<Verdict> {
        let is_banned = self.gatehouse.held().hold(&Stranger::of(asker), self.gatehouse.now());
        is_banned.then_some(Verdict::Deny(ReasonCode::QuotaExceeded))
    }
}

impl Access for Gate {
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        match question {
            Question::Connect { password, .. } => {
                let policy = self.refresh();
                match policy.knock(asker, password.is_some()) {
                    Knock::Welcome => Some(Verdict::YES),
                    Knock::Refused(reason) => Some(Verdict::Deny(reason)),
                    Knock::Unknown => self.refusal(asker),
                }
            }
            Question::Authenticate { .. } => match self.refresh().door(asker) {
                Some(door) if door.sources.is_empty() => {
                    // No method is known here [MQTT-4.12.0-1].
                    Some(Verdict::Deny(ReasonCode::BadAuthenticationMethod))
                }
                Some(_) => self.refusal(asker),
                None => Some(Verdict::Deny(ReasonCode::ServerUnavailable)),
            },
            _ => {
                let (verdict, ruling) = self.refresh().rule(asker, question);
                if let Ruling::Denied(rule) = ruling {
                    self.denials.note(asker, question, rule.as_deref());
                }
                Some(verdict)
            }
        }
    }

    fn is_open(&self) -> bool {
        // Of the policy that holds now, which may be newer than ours.
        self.gatehouse.policy().1.is_open()
    }

    fn lasts(&self, _asker: &Asker<'_>, _question: &Question<'_>) -> bool {
        true
    }

    fn still_stands(&mut self, asker: &Asker<'_>) -> bool {
        self.refresh().still_stands(asker)
    }
}
