//! What is sent and not yet acknowledged, beside a list that is searched from its beginning.

use ferrymq_codec::{PacketId, QoS};
use ferrymq_protocol::outbound::{Outbound, Received};

/// A small generator of numbers, so that a failure comes back.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

#[test]
fn identifiers_are_found_wherever_the_count_goes_around() {
    for seed in 0..20 {
        let mut numbers = Numbers(seed);
        let mut outbound = Outbound::new();
        let mut list: Vec<(PacketId, u32)> = Vec::new();
        let mut sent = 0_u32;
        // Some seeds keep an old message for longer than the count takes to go around.
        let oldest_stays = usize::from(seed % 2 == 0);
        for _ in 0..200_000 {
            if list.len() <= oldest_stays || (list.len() < 40 && numbers.below(2) == 0) {
                let id = outbound.publish(QoS::AtLeastOnce, sent).expect("few are in use");
                assert!(list.iter().all(|(known, _)| *known != id), "{id:?} is in use");
                list.push((id, sent));
                sent += 1;
            } else {
                let place = oldest_stays + numbers.below(list.len() - oldest_stays);
                let (id, message) = list.remove(place);
                assert_eq!(outbound.puback(id), Ok(Some(message)), "seed {seed}");
                assert_eq!(outbound.puback(id), Ok(None));
            }
        }
        let kept: Vec<(PacketId, u32)> =
            outbound.published().map(|sent| (sent.packet_id, sent.message)).collect();
        assert_eq!(kept, list);
    }
}

#[test]
fn withdrawn_message_frees_its_identifier_and_no_other() {
    let mut outbound = Outbound::new();
    let ids: Vec<PacketId> =
        (0..5).filter_map(|number| outbound.publish(QoS::ExactlyOnce, number)).collect();
    assert_eq!(outbound.withdraw(ids[2]), Some(2));
    assert_eq!(outbound.withdraw(ids[2]), None);
    assert_eq!(outbound.len(), 4);
    assert_eq!(outbound.pubrec(ids[2], false), Ok(Received::Unknown));
    assert_eq!(outbound.pubrec(ids[3], false), Ok(Received::Message(3)));
    assert_eq!(outbound.pubrec(ids[3], false), Ok(Received::Again));
    assert_eq!(outbound.released().len(), 1);
    assert!(outbound.pubcomp(ids[3]));
    assert!(!outbound.pubcomp(ids[3]));
    assert_eq!(outbound.len(), 3);
}
