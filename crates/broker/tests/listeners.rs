//! What holds for the clients of one listener and not for those of another.

mod world;

use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{AllowAll, Limits, ListenerProfile, MountPoint};
use ferrymq_codec::{Delivery, QoS, ReasonCode, Version};
use ferrymq_protocol::limits::Versions;
use world::{Client, Got, World, qos1, qos2};

/// Whoever comes from now on comes to a listener like this.
fn listen(world: &mut World, change: impl FnOnce(&mut ListenerProfile)) {
    let mut profile = ListenerProfile::default();
    change(&mut profile);
    world.profile = Arc::new(profile);
}

fn mount(world: &mut World, mount_point: &str) {
    let mount_point = MountPoint::parse(mount_point).expect("a mount point");
    listen(world, |profile| profile.mount_point = mount_point);
}

/// The topics of the messages that a client got.
fn topics(world: &mut World, client: Client) -> Vec<String> {
    let got = world.take(client);
    topics_of(got)
}

fn topics_of(got: Vec<Got>) -> Vec<String> {
    got.into_iter()
        .filter_map(|got| match got {
            Got::Publish(message) => Some(message.topic),
            _ => None,
        })
        .collect()
}

#[test]
fn clients_behind_a_mount_point_see_their_part_of_the_topics_as_all_of_them() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        let outside = world.connect("outside", |_| {});
        world.subscribe(outside, "#", QoS::AtLeastOnce);
        mount(&mut world, "room/");
        let guest = world.connect("guest", |with| with.will = Some(("last", "words")));
        let other = world.connect("other", |_| {});
        world.subscribe(other, "+", QoS::AtLeastOnce);
        world.publish(guest, "door", "open", Delivery::AtMostOnce);
        assert_eq!(topics(&mut world, other), ["door"]);
        assert_eq!(topics(&mut world, outside), ["room/door"]);
        world.publish(outside, "door", "unseen", Delivery::AtMostOnce);
        world.publish(outside, "room/lamp", "on", Delivery::AtMostOnce);
        assert_eq!(topics(&mut world, other), ["lamp"]);
        topics(&mut world, outside);
        world.cut(guest);
        assert_eq!(topics(&mut world, other), ["last"]);
        assert_eq!(topics(&mut world, outside), ["room/last"]);
        world.unsubscribe(other, "+");
        assert_eq!(world.take(other), [Got::UnsubAck(vec![ReasonCode::Success])]);
        world.publish(outside, "room/lamp", "off", Delivery::AtMostOnce);
        assert_eq!(topics(&mut world, other), [""; 0]);
    }
}

#[test]
fn retained_messages_and_shared_subscriptions_are_behind_the_mount_point_too() {
    let mut world = World::new(1);
    let outside = world.connect("outside", |_| {});
    world.publish_with(outside, "room/lamp", "on", qos1(1), true, &[]);
    world.publish_with(outside, "lamp", "on", qos1(2), true, &[]);
    mount(&mut world, "room/");
    let guest = world.connect("guest", |_| {});
    let got = world.subscribe(guest, "#", QoS::AtLeastOnce);
    assert_eq!(topics_of(got), ["lamp"]);
    world.publish_with(guest, "lamp", "", qos1(1), true, &[]);
    topics(&mut world, guest);
    world.unsubscribe(guest, "#");
    world.subscribe(guest, "$share/group/door", QoS::AtMostOnce);
    world.subscribe(outside, "$share/group/room/door", QoS::AtMostOnce);
    world.take(guest);
    world.take(outside);
    for _ in 0..2 {
        world.publish(guest, "door", "x", Delivery::AtMostOnce);
    }
    // They are members of one group: what is the same behind the mount point is the same outside.
    assert_eq!(topics(&mut world, guest), ["door"]);
    assert_eq!(topics(&mut world, outside), ["room/door"]);
    let later = world.connect("later", |_| {});
    let got = world.subscribe(later, "#", QoS::AtMostOnce);
    assert_eq!(topics_of(got), [""; 0], "what was retained was cleared");
}

#[test]
fn session_that_comes_back_from_another_mount_point_is_not_sent_what_lies_elsewhere() {
    let mut world = World::new(1);
    mount(&mut world, "a/");
    let client = world.connect("client", |with| {
        with.expiry(60);
    });
    world.subscribe(client, "x", QoS::AtLeastOnce);
    world.cut(client);
    let sender = world.connect("sender", |_| {});
    world.publish(sender, "x", "1", qos1(1));
    mount(&mut world, "b/");
    let (client, got) = world.connect_raw("client", |with| {
        with.expiry(60);
    });
    assert_eq!(got.len(), 1, "{got:?}");
    world.subscribe(client, "y", QoS::AtLeastOnce);
    let sender = world.connect("sender", |_| {});
    world.publish(sender, "y", "2", qos1(1));
    assert_eq!(world.payloads(client), ["2"]);
}

#[test]
fn filter_that_is_none_behind_the_mount_point_is_refused_alone() {
    let mut world = World::new(1);
    mount(&mut world, "room");
    let client = world.connect("client", |_| {});
    let got = world.subscribe(client, "#", QoS::AtMostOnce);
    assert_eq!(got, [Got::SubAck(vec![ReasonCode::TopicFilterInvalid])]);
    let got = world.subscribe(client, "/door", QoS::AtMostOnce);
    assert_eq!(got, [Got::SubAck(vec![ReasonCode::Success])]);
}

#[test]
fn version_that_the_listener_does_not_speak_is_refused_in_its_own_words() {
    let versions = [Version::V3_1, Version::V3_1_1, Version::V5];
    for spoken in versions {
        for version in versions {
            let mut world = World::new(1);
            listen(&mut world, |profile| profile.versions = Versions::NONE.with(spoken));
            let (client, got) = world.connect_raw("client", |with| with.version = version);
            let reason = match version == spoken {
                true => ReasonCode::Success,
                false => ReasonCode::UnsupportedProtocolVersion,
            };
            assert_eq!(got, [Got::ConnAck { session_present: false, reason }]);
            assert_eq!(world.is_closed(client), version != spoken);
        }
    }
}

#[test]
fn quality_of_service_above_the_maximum_is_refused_and_less_is_granted() {
    let mut world = World::new(1);
    listen(&mut world, |profile| profile.maximum_qos = QoS::AtLeastOnce);
    let client = world.connect("client", |_| {});
    let got = world.subscribe(client, "a", QoS::ExactlyOnce);
    assert_eq!(got, [Got::SubAck(vec![ReasonCode::GrantedQoS1])]);
    world.publish(client, "b", "1", qos1(1));
    assert_eq!(world.take(client), [Got::PubAck(1, ReasonCode::NoMatchingSubscribers)]);
    world.publish(client, "b", "1", qos2(2));
    assert_eq!(world.take(client), [Got::Disconnect(ReasonCode::QoSNotSupported)]);
    assert!(world.is_closed(client));
    let old = world.connect("old", |with| with.version = Version::V3_1_1);
    world.publish(old, "b", "1", qos2(2));
    assert!(world.is_closed(old));
    listen(&mut world, |profile| profile.maximum_qos = QoS::AtMostOnce);
    let (_, got) = world.connect_raw("mortal", |with| with.will = Some(("a", "qos 1")));
    let reason = ReasonCode::QoSNotSupported;
    assert_eq!(got, [Got::ConnAck { session_present: false, reason }]);
}

#[test]
fn nothing_is_retained_where_retaining_is_not_available() {
    let mut limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    limits.connection.retain_available = false;
    let mut world = World::with(1, limits, || Box::new(AllowAll));
    let client = world.connect("client", |_| {});
    world.publish_with(client, "a", "1", qos1(1), true, &[]);
    assert_eq!(world.take(client), [Got::Disconnect(ReasonCode::RetainNotSupported)]);
}

#[test]
fn user_name_is_the_client_identifier_where_the_listener_says_so() {
    let mut world = World::new(3);
    listen(&mut world, |profile| profile.use_username_as_client_id = true);
    let first = world.connect("one", |with| with.username = Some("user"));
    let second = world.connect("two", |with| with.username = Some("user"));
    assert!(world.is_closed(first), "they are one client");
    assert!(!world.is_closed(second));
    let (_, got) = world.connect_raw("nobody", |_| {});
    let reason = ReasonCode::NotAuthorized;
    assert_eq!(got, [Got::ConnAck { session_present: false, reason }]);
}

#[test]
fn client_without_identifier_is_given_none_where_the_listener_says_so() {
    let mut world = World::new(1);
    world.connect("", |_| {});
    listen(&mut world, |profile| profile.allow_zero_length_client_id = false);
    let (_, got) = world.connect_raw("", |_| {});
    let reason = ReasonCode::ClientIdentifierNotValid;
    assert_eq!(got, [Got::ConnAck { session_present: false, reason }]);
}

#[test]
fn keep_alive_above_the_limit_is_refused_where_no_other_can_be_told() {
    let mut limits = Limits { sys_interval: Duration::ZERO, ..Limits::default() };
    limits.connection.keep_alive_maximum = 60;
    let mut world = World::with(1, limits, || Box::new(AllowAll));
    let rows = [
        (Version::V5, 61, true),
        (Version::V3_1_1, 60, true),
        (Version::V3_1_1, 61, false),
        (Version::V3_1, 0, false),
    ];
    for (version, keep_alive, welcome) in rows {
        let (client, _) = world.connect_raw("client", |with| {
            with.version = version;
            with.keep_alive = keep_alive;
        });
        assert_eq!(!world.is_closed(client), welcome, "{version} {keep_alive}");
    }
}
