//! Records come back from their bytes as they were, and nothing that a disk may say breaks the
//! decoder.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_broker::record_codec::{self, FetchBuilder, MessageRecord, RecordError};
use ferrymq_broker::{
    FetchedMessage, GroupNumber, Message, Publication, Record, RecordNumber, SessionNumber,
    ShardIndex, StoredTarget,
};
use ferrymq_codec::{PacketId, Property, PropertyBuffer, QoS, SubscriptionOptions, TopicName};
use ferrymq_protocol::time::Instant;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record_codec::encode(record, &mut bytes);
    bytes
}

fn qos() -> impl Strategy<Value = QoS> {
    (0_u8..3).prop_map(|bits| QoS::from_bits(bits).expect("0, 1 or 2"))
}

fn session() -> impl Strategy<Value = SessionNumber> {
    any::<u64>().prop_map(SessionNumber)
}

fn number() -> impl Strategy<Value = RecordNumber> {
    (any::<u16>(), 0_u64..1 << 48)
        .prop_map(|(writer, counter)| RecordNumber::new(ShardIndex(writer), counter))
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1_u16..).prop_map(|value| PacketId::new(value).expect("not zero"))
}

fn group() -> impl Strategy<Value = Option<GroupNumber>> {
    any::<u32>().prop_map(|number| NonZeroU32::new(number % 3).map(GroupNumber))
}

fn instant() -> impl Strategy<Value = Instant> {
    prop_oneof![Just(Instant::FAR_FUTURE), any::<u64>().prop_map(Instant::from_nanos)]
}

prop_compose! {
    fn message()(
        topic in "[a-zä/]{1,40}",
        content_type in option::of("[a-z]{0,9}"),
        expiry in option::of(any::<u32>()),
        payload in vec(any::<u8>(), 0..300),
        qos in qos(),
        retain in any::<bool>(),
        expires in instant(),
        publisher in session(),
    ) -> Arc<Message> {
        let mut properties = PropertyBuffer::new();
        if let Some(text) = &content_type {
            properties.push(Property::ContentType(text)).expect("fits");
        }
        if let Some(seconds) = expiry {
            properties.push(Property::MessageExpiryInterval(seconds)).expect("fits");
        }
        Arc::new(Message::copy_of(&Publication {
            topic: TopicName::parse(&topic).expect("a topic"),
            properties: properties.as_properties(),
            payload: &payload,
            qos,
            retain,
            expires,
            publisher,
        }))
    }
}

prop_compose! {
    fn target(session: impl Strategy<Value = SessionNumber>)(
        session in session,
        qos in qos(),
        retain in any::<bool>(),
        identifiers in vec(1_u32..1 << 28, 0..3),
        group in group(),
    ) -> StoredTarget {
        let identifiers = identifiers.into_iter().filter_map(NonZeroU32::new).collect();
        StoredTarget { session, qos, retain, identifiers, group }
    }
}

/// Targets of different sessions, by session number.
fn targets(
    count: impl Into<proptest::collection::SizeRange>,
) -> impl Strategy<Value = Vec<StoredTarget>> {
    let near = (0_u64..9_000).prop_map(SessionNumber);
    vec(target(prop_oneof![50 => near, 1 => session()]), count).prop_map(|targets| {
        let by_session: BTreeMap<SessionNumber, StoredTarget> =
            targets.into_iter().map(|target| (target.session, target)).collect();
        by_session.into_values().collect()
    })
}

fn message_record(targets: Vec<StoredTarget>) -> impl Strategy<Value = Record> {
    message().prop_map(move |message| Record::Message { message, targets: targets.clone() })
}

fn record() -> impl Strategy<Value = Record> {
    let filter = "([a-z]{0,3}/){0,3}[a-z+#]".prop_map(String::into_boxed_str);
    let options = (0_u8..48)
        .prop_filter_map("a byte of options", |bits| SubscriptionOptions::from_bits(bits).ok());
    let about_message = (0..5, session(), number(), packet_id(), target(session()), any::<u32>());
    let about_session = (0..8, session(), any::<u32>(), instant(), option::of(instant()));
    prop_oneof![
        targets(0..10).prop_flat_map(message_record),
        targets(0..400).prop_flat_map(message_record),
        about_message.prop_map(|(kind, session, message, packet_id, to, weight)| match kind {
            0 => Record::Settled { session, message },
            1 => Record::Reassigned { message, from: session, to, weight },
            2 => Record::Sent { session, message, packet_id },
            3 => Record::Released { session, message: None, packet_id },
            _ => Record::Released { session, message: Some(message), packet_id },
        }),
        (about_session, packet_id(), "[^\0]{0,30}").prop_map(
            |((kind, session, expiry_interval, expires, will_due), packet_id, client_id)| {
                match kind {
                    0 => Record::Completed { session, packet_id },
                    1 => Record::Received { session, packet_id },
                    2 => Record::ReceivedDone { session, packet_id },
                    3 => {
                        let client_id = client_id.into_boxed_str();
                        let username = will_due.map(|_| client_id.clone());
                        Record::Session { session, client_id, expiry_interval, username }
                    }
                    4 | 5 => Record::Away { session, expires, will_due },
                    6 => Record::Gone { session, messages: Vec::new() },
                    _ => Record::WillDone { session },
                }
            }
        ),
        (session(), filter, options, option::of(1_u32..), group(), any::<bool>()).prop_map(
            |(session, filter, options, identifier, group, begins)| match begins {
                true => {
                    let identifier = identifier.and_then(NonZeroU32::new);
                    Record::Subscribed { session, filter, options, identifier, group }
                }
                false => Record::Unsubscribed { session, filter },
            }
        ),
        (session(), message(), any::<u32>(), any::<u64>(), 0..3).prop_map(
            |(session, message, delay_interval, version, kind)| {
                let topic = Arc::clone(message.topic());
                match kind {
                    0 => Record::Retained { topic, message: None, version },
                    1 => Record::Retained { topic, message: Some(message), version },
                    _ => Record::Will { session, message, delay_interval },
                }
            }
        ),
    ]
}

/// The message as this session is owed it.
fn fetched(
    number: RecordNumber,
    bytes: &[u8],
    session: SessionNumber,
) -> Result<Option<FetchedMessage>, RecordError> {
    let mut fetch = FetchBuilder::new(session);
    fetch.add(number, bytes, None)?;
    Ok(fetch.finish().pop())
}

/// Everything that reads a record reads these bytes.
fn read_in_every_way(bytes: &[u8]) {
    let number = RecordNumber::new(ShardIndex(1), 1);
    let mut out = Vec::new();
    for session in [0, 1, 500, u64::MAX].map(SessionNumber) {
        let found = fetched(number, bytes, session);
        let kept = record_codec::retarget(bytes, &[session], &[], &mut out);
        assert_eq!(found.is_err(), kept.is_err(), "{session:?}: {found:?} but {kept:?}");
    }
    if let Ok(record) = record_codec::decode(bytes) {
        let again = encoded(&record);
        assert_eq!(record_codec::decode(&again).as_ref(), Ok(&record), "said again differently");
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn record_comes_back_as_it_was(record in record()) {
        prop_assert_eq!(record_codec::decode(&encoded(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        read_in_every_way(&bytes);
    }

    #[test]
    fn damaged_record_is_a_record_or_an_error(
        record in record(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = encoded(&record);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let length = cut.map_or(bytes.len(), |cut| cut.index(bytes.len()));
        read_in_every_way(&bytes[..length]);
    }

    #[test]
    fn record_that_is_cut_short_or_too_long_is_none(
        record in record().prop_filter("may end earlier", |record| {
            !matches!(record, Record::Message { .. } | Record::Released { .. })
        }),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encoded(&record);
        prop_assert!(record_codec::decode(&bytes[..cut.index(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert_eq!(record_codec::decode(&bytes), Err(RecordError::TrailingBytes));
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn each_session_finds_its_target_and_nobody_another(
        (targets, message) in (targets(0..5_000), message()),
        strangers in vec(0_u64..9_000, 20),
    ) {
        let number = RecordNumber::new(ShardIndex(3), 7);
        let record = Record::Message { message: Arc::clone(&message), targets: targets.clone() };
        let bytes = encoded(&record);
        let view = MessageRecord::parse(&bytes).expect("a message");
        prop_assert_eq!(view.target_count(), targets.len() as u64);
        for target in &targets {
            prop_assert_eq!(view.target_of(target.session), Ok(Some(target.clone())));
        }
        for stranger in strangers.into_iter().map(SessionNumber) {
            let target = targets.iter().find(|target| target.session == stranger);
            let found = fetched(number, &bytes, stranger).expect("good bytes");
            prop_assert_eq!(found.is_some(), target.is_some());
            if let (Some(found), Some(target)) = (found, target) {
                prop_assert_eq!(found.number, number);
                prop_assert_eq!(found.message, Arc::clone(&message));
                prop_assert_eq!(found.retain, target.retain);
                prop_assert_eq!(found.identifiers, Arc::clone(&target.identifiers));
            }
        }
    }

    #[test]
    fn fetch_brings_each_message_that_is_owed_as_it_was(
        owed in vec((message(), option::of(target(session())), 0_usize..3), 0..20),
        session in session(),
    ) {
        let mut fetch = FetchBuilder::new(session);
        let mut expected = Vec::new();
        let mut last: Option<Arc<Message>> = None;
        for (counter, (message, target, again)) in (1..).zip(owed) {
            // The topic, and all else, may be that of the message before.
            let message = last.filter(|_| again > 0).unwrap_or(message);
            let number = RecordNumber::new(ShardIndex(3), counter);
            let target = target.map(|target| StoredTarget { session, ..target });
            let (targets, terms) = match (&target, again) {
                (Some(target), 0 | 1) => (vec![target.clone()], None),
                (Some(target), _) => (Vec::new(), Some(target.clone())),
                (None, _) => (Vec::new(), None),
            };
            let record = Record::Message { message: Arc::clone(&message), targets };
            fetch.add(number, &encoded(&record), terms).expect("good bytes");
            if let Some(StoredTarget { retain, identifiers, .. }) = target {
                let message = Arc::clone(&message);
                expected.push(FetchedMessage { number, message, retain, identifiers });
            }
            last = Some(message);
        }
        prop_assert_eq!(format!("{:?}", fetch.finish()), format!("{expected:?}"));
    }

    #[test]
    fn kept_message_has_the_targets_that_it_is_given(
        (targets, message) in (targets(0..1_000), message()),
        choice in vec(any::<bool>(), 1_000),
        others in other_targets(),
    ) {
        let record = Record::Message { message: Arc::clone(&message), targets: targets.clone() };
        let mut kept: BTreeMap<SessionNumber, StoredTarget> = targets
            .iter()
            .zip(choice)
            .filter(|(_, choice)| *choice)
            .map(|(target, _)| (target.session, target.clone()))
            .collect();
        let sessions: Vec<SessionNumber> = kept.keys().copied().collect();
        for other in &others {
            kept.insert(other.session, other.clone());
        }
        let mut out = b"before".to_vec();
        let count = record_codec::retarget(&encoded(&record), &sessions, &others, &mut out);
        prop_assert_eq!(count, Ok(kept.len()));
        let targets = kept.into_values().collect();
        let expected = Record::Message { message, targets };
        prop_assert_eq!(record_codec::decode(&out[b"before".len()..]), Ok(expected));
    }
}

fn other_targets() -> impl Strategy<Value = Vec<StoredTarget>> {
    targets(0..3)
}

#[test]
fn small_records_are_small() {
    let session = SessionNumber(10_000);
    let message = RecordNumber::new(ShardIndex(1), 1_000_000);
    assert_eq!(encoded(&Record::Settled { session, message }).len(), 7);
    let packet_id = PacketId::FIRST;
    assert_eq!(encoded(&Record::Sent { session, message, packet_id }).len(), 8);
}
