//! What happens: operations at random.

#![allow(dead_code, reason = "each of the tests uses another part of it")]

use proptest::prelude::*;

use crate::operations::Op;

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let client = 0..4_usize;
    prop_oneof![
        3 => (client.clone(), any::<bool>(), any::<bool>(), 0..8_u16, any::<bool>(), any::<bool>())
            .prop_map(|(client, clean, expires, window, small, hasty)| Op::Connect {
                client, clean: clean && expires, expires, window, small: small && clean, hasty,
            }),
        1 => client.clone().prop_map(|client| Op::Cut { client }),
        1 => client.clone().prop_map(|client| Op::Disconnect { client }),
        4 => (client.clone(), 0..5_usize, 0..3_u8, any::<bool>(), any::<bool>())
            .prop_map(|(client, filter, qos, no_local, as_published)| Op::Subscribe {
                client, filter, qos, no_local, as_published,
            }),
        1 => (client.clone(), 0..5_usize)
            .prop_map(|(client, filter)| Op::Unsubscribe { client, filter }),
        8 => (client.clone(), 0..3_usize, 0..3_u8, 0..6_u8, 0..6_u8)
            .prop_map(|(client, topic, qos, retain, big)| Op::Publish {
                client, topic, qos, retain: retain == 0, big: big == 0,
            }),
        4 => (client.clone(), 0..10_usize)
            .prop_map(|(client, which)| Op::Answer { client, which }),
        2 => client.prop_map(|client| Op::AnswerAll { client }),
        2 => any::<bool>().prop_map(Op::Durable),
        1 => any::<bool>().prop_map(Op::Fetches),
        2 => any::<bool>().prop_map(|well| Op::AnswerFetches { well }),
        1 => any::<bool>().prop_map(Op::HoldMail),
        1 => (0..4_u8).prop_map(|seconds| Op::Pass { seconds }),
    ]
}

/// Members of a group come and go while mail is on its way.
pub(crate) fn group_op() -> impl Strategy<Value = Op> {
    let client = 0..4_usize;
    prop_oneof![
        3 => (client.clone(), any::<bool>(), 0..3_u16).prop_map(|(client, ends, window)| {
            Op::Connect { client, clean: ends, expires: ends, window, small: false, hasty: false }
        }),
        1 => client.clone().prop_map(|client| Op::Cut { client }),
        3 => (client.clone(), prop_oneof![3 => Just(4_usize), 1 => 0..4_usize]).prop_map(
            |(client, filter)| Op::Subscribe {
                client, filter, qos: 2, no_local: false, as_published: false,
            }),
        6 => (client.clone(), 0..2_usize, 1..3_u8).prop_map(|(client, topic, qos)| {
            Op::Publish { client, topic, qos, retain: false, big: false }
        }),
        1 => (client.clone(), 0..10_usize)
            .prop_map(|(client, which)| Op::Answer { client, which }),
        1 => client.prop_map(|client| Op::AnswerAll { client }),
        3 => any::<bool>().prop_map(Op::HoldMail),
    ]
}
