//! The listener profiles of a shard's connections, each kept once. A connection knows the place of
//! its own.
//!
//! An entry never changes: what a client was told when it connected holds until it goes, also when
//! the limits or the listeners change meanwhile.

use std::sync::Arc;

use ferrymq_protocol::limits::ServerLimits;
use slab::Slab;

use crate::limits::Limits;
use crate::listener_profile::ListenerProfile;

/// The profiles of a shard's connections.
#[derive(Debug, Default)]
pub(crate) struct Profiles {
    entries: Slab<Terms>,
    /// Entries from this one on were made of the limits that hold now.
    generation: u32,
    /// Whether clients of some listener share a pace.
    is_paced: bool,
}

/// What holds for some connections.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) profile: Arc<ListenerProfile>,
    pub(crate) limits: ServerLimits,
    generation: u32,
    connections: u32,
}

/// The place of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProfileIndex(u32);

impl Profiles {
    /// The place of a profile, for one more connection.
    pub(crate) fn enter(
        &mut self,
        profile: &Arc<ListenerProfile>,
        limits: &Limits,
    ) -> ProfileIndex {
        self.is_paced |= !profile.pace.limits().is_open();
        let generation = self.generation;
        let known = self.entries.iter_mut().find(|(_, terms)| {
            terms.generation == generation && Arc::ptr_eq(&terms.profile, profile)
        });
        let place = match known {
            Some((place, terms)) => {
                terms.connections += 1;
                place
            }
            None => self.entries.insert(Terms {
                profile: Arc::clone(profile),
                limits: limits_of(profile, &limits.connection),
                generation,
                connections: 1,
            }),
        };
        ProfileIndex(u32::try_from(place).expect("there are fewer profiles than connections"))
    }

    /// A connection has gone.
    pub(crate) fn leave(&mut self, index: ProfileIndex) {
        let place = index.0 as usize;
        let terms = &mut self.entries[place];
        terms.connections -= 1;
        if terms.connections == 0 {
            self.entries.remove(place);
        }
    }

    /// The limits have changed: they hold for connections that come from now on.
    pub(crate) fn renew(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        let mut known = self.entries.iter();
        self.is_paced = known.any(|(_, terms)| !terms.profile.pace.limits().is_open());
    }

    /// Whether clients of some listener share a pace.
    pub(crate) const fn are_paced(&self) -> bool {
        self.is_paced
    }

    /// What holds for the connections of this place.
    pub(crate) fn terms(&self, index: ProfileIndex) -> &Terms {
        &self.entries[index.0 as usize]
    }
}

/// The limits towards the clients of a listener.
fn limits_of(profile: &ListenerProfile, limits: &ServerLimits) -> ServerLimits {
    ServerLimits {
        versions: profile.versions,
        maximum_qos: profile.maximum_qos,
        topic_alias_maximum: profile.topic_alias_maximum.unwrap_or(limits.topic_alias_maximum),
        send_topic_alias_maximum: profile
            .send_topic_alias_maximum
            .unwrap_or(limits.send_topic_alias_maximum),
        maximum_packet_size: profile.maximum_packet_size.unwrap_or(limits.maximum_packet_size),
        ..*limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_is_kept_once_and_as_long_as_somebody_has_it() {
        let (mut profiles, limits) = (Profiles::default(), Limits::default());
        let profile = Arc::new(ListenerProfile::default());
        let first = profiles.enter(&profile, &limits);
        let second = profiles.enter(&profile, &limits);
        assert_eq!(first, second);
        assert_eq!(Arc::strong_count(&profile), 2);
        profiles.leave(first);
        assert_eq!(Arc::strong_count(&profile), 2);
        profiles.leave(second);
        assert_eq!(Arc::strong_count(&profile), 1);
    }

    #[test]
    fn new_limits_hold_for_those_who_come_later() {
        let (mut profiles, mut limits) = (Profiles::default(), Limits::default());
        let profile = Arc::new(ListenerProfile::default());
        limits.connection.receive_maximum = 1;
        let early = profiles.enter(&profile, &limits);
        limits.connection.receive_maximum = 2;
        profiles.renew();
        let late = profiles.enter(&profile, &limits);
        assert_eq!(profiles.terms(early).limits.receive_maximum, 1);
        assert_eq!(profiles.terms(late).limits.receive_maximum, 2);
    }
}
