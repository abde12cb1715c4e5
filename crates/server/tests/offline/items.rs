//! Any items, in the form and order in which an export has them.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU32};

use ferrymq_codec::{QoS, RetainHandling};
use ferrymq_protocol::time::Instant;
use ferrymq_server::offline::{
    Item, MessageItem, Moment, Octets, PropertiesItem, Receiver, RetainedItem, SessionItem,
    SubscriptionItem, WillItem,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The clients that may have sessions.
const CLIENTS: [&str; 4] = ["a", "b", "phone \u{e9}", "z"];
const FILTERS: [&str; 6] = ["#", "$share/g/a/#", "$share/h/+", "a/+", "a/b", "\u{e9}/#"];
const TOPICS: [&str; 4] = ["/", "a", "a/b", "\u{e9}"];

/// Everything in a directory.
pub(crate) fn items() -> impl Strategy<Value = Vec<Item>> {
    btree_map(select(&CLIENTS), session(), 0..4).prop_flat_map(|sessions| {
        let clients: Vec<&str> = sessions.keys().copied().collect();
        let shared: BTreeSet<String> = sessions
            .values()
            .flat_map(|session| session.subscriptions.iter())
            .filter(|subscription| subscription.filter.starts_with("$share/"))
            .map(|subscription| subscription.filter.clone())
            .collect();
        let shared: Vec<String> = shared.into_iter().collect();
        (
            Just(sessions),
            vec(will(), 0..2),
            vec(message(clients.clone(), shared), 0..12),
            btree_map(select(&TOPICS), retained(clients), 0..4),
        )
            .prop_map(|(sessions, wills, messages, retained)| {
                let mut items = Vec::new();
                for (client_id, session) in &sessions {
                    items.extend(session.items(client_id));
                }
                items.extend(wills.into_iter().map(Item::Will));
                let mut messages: Vec<MessageItem> = messages.into_iter().flatten().collect();
                send(&mut messages);
                items.extend(messages.into_iter().map(Item::Message));
                items.extend(retained.into_iter().map(|(topic, retained)| {
                    Item::Retained(RetainedItem { topic: topic.to_owned(), ..retained })
                }));
                items
            })
    })
}

#[derive(Clone, Debug)]
struct Session {
    item: SessionItem,
    subscriptions: Vec<SubscriptionItem>,
    will: Option<WillItem>,
}

impl Session {
    fn items(&self, client_id: &str) -> Vec<Item> {
        let client_id = client_id.to_owned();
        let mut items =
            vec![Item::Session(SessionItem { client_id: client_id.clone(), ..self.item.clone() })];
        items.extend(self.subscriptions.iter().map(|subscription| {
            let client_id = client_id.clone();
            Item::Subscription(SubscriptionItem { client_id, ..subscription.clone() })
        }));
        items.extend(self.will.iter().map(|will| {
            Item::Will(WillItem { client_id: Some(client_id.clone()), ..will.clone() })
        }));
        items
    }
}

fn session() -> impl Strategy<Value = Session> {
    // What is sent uses other packet identifiers: those from 100 on.
    let packet_ids = || btree_set(1..20_u16, 0..4);
    let username = option::of("[a-z\u{e9}]{0,3}");
    let item = (username, any::<u32>(), option::of(moment()), packet_ids(), packet_ids());
    let subscriptions = btree_map(select(&FILTERS), subscription(), 0..4);
    let will = option::of((will(), option::of(moment())));
    (item, subscriptions, will).prop_map(
        |((username, interval, expires, received, released), all, will)| {
            let numbers = |ids: BTreeSet<u16>| ids.into_iter().filter_map(NonZeroU16::new);
            Session {
                item: SessionItem {
                    client_id: String::new(),
                    username,
                    session_expiry_interval: interval,
                    expires,
                    received: numbers(received).collect(),
                    released: numbers(released).rev().collect(),
                },
                subscriptions: all
                    .into_iter()
                    .map(|(filter, subscription)| SubscriptionItem {
                        filter: filter.to_owned(),
                        no_local: subscription.no_local && !filter.starts_with("$share/"),
                        ..subscription
                    })
                    .collect(),
                will: will.map(|(will, due)| WillItem { due, ..will }),
            }
        },
    )
}

fn subscription() -> impl Strategy<Value = SubscriptionItem> {
    let handling =
        select(&[RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend]);
    let qos = select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    (qos, any::<bool>(), any::<bool>(), handling, option::of(identifier())).prop_map(
        |(qos, no_local, retain_as_published, retain_handling, subscription_identifier)| {
            SubscriptionItem {
                client_id: String::new(),
                filter: String::new(),
                qos,
                no_local,
                retain_as_published,
                retain_handling,
                subscription_identifier,
            }
        },
    )
}

fn will() -> impl Strategy<Value = WillItem> {
    let qos = select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let head = (select(&TOPICS), qos, any::<bool>(), any::<u32>());
    (head, option::of(any::<u32>()), properties(), payload()).prop_map(
        |((topic, qos, retain, delay), message_expiry_interval, properties, payload)| WillItem {
            client_id: None,
            topic: topic.to_owned(),
            qos,
            retain,
            will_delay_interval: delay,
            due: None,
            message_expiry_interval,
            properties,
            payload,
        },
    )
}

/// A message for some of the clients, or for one group; nothing if there is nobody.
fn message(
    clients: Vec<&'static str>,
    shared: Vec<String>,
) -> impl Strategy<Value = Option<MessageItem>> {
    let qos = select(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let head = (select(&TOPICS), qos, any::<bool>(), option::of(moment()));
    let receivers = (
        vec(option::of((receiver(), option::of(any::<Index>()))), clients.len()),
        option::weighted(0.2, (receiver(), any::<Index>())),
    );
    let publisher = option::of(any::<Index>());
    (head, publisher, properties(), payload(), receivers).prop_map(
        move |((topic, qos, retain, expires), publisher, properties, payload, receivers)| {
            let filter = |index: &Index| (!shared.is_empty()).then(|| index.get(&shared).clone());
            let (of_clients, of_group) = receivers;
            let mut all = Vec::new();
            for (client_id, receiver) in clients.iter().zip(of_clients) {
                all.extend(receiver.map(|(receiver, index)| Receiver {
                    client_id: Some((*client_id).to_owned()),
                    shared: index.and_then(|index| filter(&index)),
                    ..receiver
                }));
            }
            let group = of_group.and_then(|(receiver, index)| {
                let shared = Some(filter(&index)?);
                Some(Receiver { shared, packet_id: None, ..receiver })
            });
            all.extend(group);
            (!all.is_empty()).then(|| MessageItem {
                topic: topic.to_owned(),
                qos,
                retain,
                expires,
                publisher: publisher
                    .filter(|_| !clients.is_empty())
                    .map(|index| (*index.get(&clients)).to_owned()),
                properties,
                payload,
                receivers: all,
            })
        },
    )
}

fn receiver() -> impl Strategy<Value = Receiver> {
    let qos = select(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
    (qos, any::<bool>(), vec(identifier(), 0..3), any::<bool>()).prop_map(
        |(qos, retain, subscription_identifiers, is_sent)| Receiver {
            client_id: None,
            qos,
            retain,
            subscription_identifiers,
            shared: None,
            packet_id: NonZeroU16::new(u16::from(is_sent)),
            sent: None,
        },
    )
}

/// Gives packet identifiers to what was sent, and another order than that of the messages.
fn send(messages: &mut [MessageItem]) {
    for client_id in CLIENTS {
        let mut sent: Vec<&mut Receiver> = messages
            .iter_mut()
            .flat_map(|message| &mut message.receivers)
            .filter(|receiver| receiver.client_id.as_deref() == Some(client_id))
            .filter(|receiver| receiver.packet_id.is_some())
            .collect();
        let count = sent.len();
        for (place, receiver) in sent.iter_mut().enumerate() {
            let place = (place + count / 2) % count;
            receiver.packet_id = u16::try_from(100 + place).ok().and_then(NonZeroU16::new);
            receiver.sent = u32::try_from(place).ok();
        }
    }
}

fn retained(clients: Vec<&'static str>) -> impl Strategy<Value = RetainedItem> {
    let qos = select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let publisher = option::of(any::<Index>());
    (qos, option::of(moment()), publisher, properties(), payload()).prop_map(
        move |(qos, expires, publisher, properties, payload)| RetainedItem {
            topic: String::new(),
            qos,
            expires,
            publisher: publisher
                .filter(|_| !clients.is_empty())
                .map(|index| (*index.get(&clients)).to_owned()),
            properties,
            payload,
        },
    )
}

fn properties() -> impl Strategy<Value = PropertiesItem> {
    let text = || "[ -~\u{e9}]{0,6}";
    (
        option::of(any::<bool>()),
        option::of(text()),
        option::of(select(&TOPICS)),
        option::of(payload()),
        vec((text(), text()), 0..3),
    )
        .prop_map(|(payload_format_indicator, content_type, topic, data, user_properties)| {
            PropertiesItem {
                payload_format_indicator,
                content_type,
                response_topic: topic.map(str::to_owned),
                correlation_data: data,
                user_properties,
            }
        })
}

fn payload() -> impl Strategy<Value = Octets> {
    prop_oneof![
        "[ -~\u{e9}\n]{0,20}".prop_map(|text| Octets(text.into_bytes())),
        vec(any::<u8>(), 0..200).prop_map(Octets),
    ]
}

fn moment() -> impl Strategy<Value = Moment> {
    (0..u64::MAX).prop_map(|nanos| Moment(Instant::from_nanos(nanos)))
}

fn identifier() -> impl Strategy<Value = NonZeroU32> {
    (1..=268_435_455_u32).prop_map(|value| NonZeroU32::new(value).expect("at least one"))
}
