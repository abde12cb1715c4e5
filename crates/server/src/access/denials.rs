//! What was denied, in the log: a line for each client, cause and topic in a minute, and so many
//! lines at most. All of it is counted elsewhere.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use ferrymq_broker::{Asker, Question};

use super::policy::subject_of;

/// What was denied of late.
pub(super) struct Denials {
    /// When a denial was told last, by its hash. Two that share a place are told more often.
    told: Box<[Option<(u64, Instant)>]>,
    hasher: RandomState,
    /// When the minute began, and how many lines it has had and lacks.
    minute: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl Default for Denials {
    fn default() -> Self {
        Self {
            told: vec![None; PLACES].into(),
            hasher: RandomState::new(),
            minute: None,
            lines: 0,
            left_out: 0,
        }
    }
}

impl Denials {
    /// Something was denied, because of this rule, if there is one.
    pub(super) fn note(&mut self, asker: &Asker<'_>, question: &Question<'_>, rule: Option<&str>) {
        let Some((action, topic)) = subject_of(question) else { return };
        let key = self.hasher.hash_one((asker.client_id, asker.username, action, topic, rule));
        if !self.is_due(key, Instant::now()) {
            return;
        }
        let user = asker.username.unwrap_or("anonymous");
        let (client_id, rule) = (asker.client_id, rule.unwrap_or("no rule allows it"));
        tracing::info!("denied: {action} {topic:?} by client {client_id:?}, user {user:?}: {rule}");
    }

    /// Whether this is to be told.
    fn is_due(&mut self, key: u64, now: Instant) -> bool {
        if self.minute.is_none_or(|begun| now.duration_since(begun) >= MINUTE) {
            if self.left_out > 0 {
                tracing::info!("denied: {} more in the minute before", self.left_out);
            }
            (self.minute, self.lines, self.left_out) = (Some(now), 0, 0);
        }
        let place = usize::try_from(key % PLACES as u64).unwrap_or_default();
        let Some(told) = self.told.get_mut(place) else { return false };
        if told.is_some_and(|(known, at)| known == key && now.duration_since(at) < MINUTE) {
            return false;
        }
        if self.lines == LINES_PER_MINUTE {
            self.left_out += 1;
            return false;
        }
        *told = Some((key, now));
        self.lines += 1;
        true
    }
}

const MINUTE: Duration = Duration::from_mins(1);
/// Denials that one shard remembers to have told.
const PLACES: usize = 1024;
/// Lines of one shard in a minute.
const LINES_PER_MINUTE: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_told_once_in_a_minute_and_a_flood_is_cut() {
        let mut denials = Denials::default();
        let begin = Instant::now();
        assert!(denials.is_due(7, begin));
        assert!(!denials.is_due(7, begin + MINUTE / 2));
        assert!(denials.is_due(7, begin + MINUTE));
        let told = (100..100 + 2 * u64::from(LINES_PER_MINUTE))
            .filter(|key| denials.is_due(*key, begin + MINUTE));
        assert_eq!(told.count(), LINES_PER_MINUTE as usize - 1);
        assert_eq!(denials.left_out, u64::from(LINES_PER_MINUTE) + 1);
        assert!(denials.is_due(1, begin + MINUTE * 2));
        assert_eq!(denials.left_out, 0);
    }
}
