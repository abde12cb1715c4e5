//! The side log finds what is made up here: lost, twice, out of order, back from the dead. And it
//! is content with what may be.

use std::time::Duration;

use ferrymq_codec::QoS;
use ferrymq_crash::{
    Act, ClientNumber, Delivery, Event, Fault, FilterNumber, Ledger, Life, Message, MessageNumber,
    Scene, TopicNumber,
};

/// A made-up history: a publisher, a subscriber with a session, and others as a test needs them.
struct Story {
    ledger: Ledger,
    now: Duration,
    faults: Vec<Fault>,
}

const PUBLISHER: ClientNumber = ClientNumber(0);
const SUBSCRIBER: ClientNumber = ClientNumber(1);
const OTHER: ClientNumber = ClientNumber(2);
const FLEETING: ClientNumber = ClientNumber(3);
const READER: ClientNumber = ClientNumber(4);
const NEWS: TopicNumber = TopicNumber(0);
const WORK: TopicNumber = TopicNumber(1);
const ALL_NEWS: FilterNumber = FilterNumber(0);
const SHARED_WORK: FilterNumber = FilterNumber(1);
const PRIVATE: FilterNumber = FilterNumber(2);
const ONCE: QoS = QoS::ExactlyOnce;
const LEAST: QoS = QoS::AtLeastOnce;

impl Story {
    fn new() -> Self {
        let mut scene = Scene::default();
        scene.add_client("publisher", Life::Persistent);
        scene.add_client("subscriber", Life::Persistent);
        scene.add_client("other", Life::Persistent);
        scene.add_client("fleeting", Life::Expires(Duration::from_secs(10)));
        scene.add_client("reader", Life::Transient);
        scene.add_topic("news");
        scene.add_topic("work");
        scene.add_filter("news");
        scene.add_filter("$share/group/work");
        scene.add_filter("private");
        let ledger = Ledger::new(scene);
        let mut story = Self { ledger, now: Duration::ZERO, faults: Vec::new() };
        story.note(Event::Started);
        for client in [PUBLISHER, SUBSCRIBER, OTHER, FLEETING] {
            story.connect(client, false);
        }
        story
    }

    /// A subscriber to news.
    fn with_subscriber() -> Self {
        let mut story = Self::new();
        story.subscribe(SUBSCRIBER, ALL_NEWS);
        story
    }

    fn note(&mut self, event: Event) {
        self.now += Duration::from_millis(1);
        self.faults.extend(self.ledger.note(self.now, event).err());
    }

    fn does(&mut self, client: ClientNumber, act: Act) {
        self.note(Event::Client(client, act));
    }

    fn connect(&mut self, client: ClientNumber, session_present: bool) {
        self.does(client, Act::Connecting { clean_start: false, will: None });
        self.does(client, Act::Connected { session_present });
    }

    fn subscribe(&mut self, client: ClientNumber, filter: FilterNumber) {
        self.does(client, Act::Subscribing(filter, ONCE));
        self.does(client, Act::Subscribed(filter));
    }

    /// The broker is killed and everybody comes back.
    fn crash(&mut self) {
        let clients = [PUBLISHER, SUBSCRIBER, OTHER, FLEETING];
        for client in clients {
            self.does(client, Act::Lost);
        }
        self.note(Event::Killed);
        self.note(Event::Started);
        for client in clients {
            self.connect(client, true);
        }
    }

    /// The clients see that nothing comes for so long.
    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.ledger.look(self.now);
        self.ledger.look(self.now);
    }

    fn announce(&mut self, topic: TopicNumber, qos: QoS) -> Message {
        self.now += Duration::from_millis(1);
        Message {
            publisher: PUBLISHER,
            topic,
            qos,
            retain: false,
            is_empty: false,
            expiry: None,
            will_delay: None,
        }
    }

    fn send(&mut self, message: Message) -> MessageNumber {
        let number = self.ledger.announce(message);
        self.does(PUBLISHER, Act::Publishing(number));
        number
    }

    fn publish(&mut self, topic: TopicNumber, qos: QoS) -> MessageNumber {
        let message = self.announce(topic, qos);
        self.publish_as(message)
    }

    fn publish_as(&mut self, message: Message) -> MessageNumber {
        let number = self.send(message);
        self.does(PUBLISHER, Act::Published { message: number, matched: true });
        number
    }

    fn retain(&mut self, is_empty: bool) -> Message {
        Message { retain: true, is_empty, ..self.announce(NEWS, LEAST) }
    }

    fn deliver(&mut self, client: ClientNumber, message: MessageNumber, qos: QoS) {
        let delivery = Delivery { message, qos, retain: false, dup: false, expiry: None };
        self.does(client, Act::Received(delivery));
    }

    fn deliver_retained(&mut self, client: ClientNumber, message: MessageNumber) {
        let delivery = Delivery { message, qos: LEAST, retain: true, dup: false, expiry: None };
        self.does(client, Act::Received(delivery));
    }

    /// A reader subscribes, and gets these retained messages and no others.
    fn read_retained(&mut self, messages: &[MessageNumber]) {
        self.connect(READER, false);
        self.subscribe(READER, ALL_NEWS);
        for message in messages {
            self.deliver_retained(READER, *message);
        }
        self.does(READER, Act::RetainedRead(ALL_NEWS));
        self.does(READER, Act::Lost);
    }

    /// Checks what was found, here and in what never came: a part of each text.
    #[track_caller]
    fn finds(mut self, expected: &[&str]) {
        let everybody = [PUBLISHER, SUBSCRIBER, OTHER, FLEETING];
        if self.ledger.owed(&everybody) > 0 {
            self.faults.extend(self.ledger.missing(&everybody));
        }
        let found: Vec<&str> = self.faults.iter().map(|fault| &*fault.text).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}\ndoes not say: {expected}");
        }
    }
}

#[test]
fn what_is_delivered_once_and_in_order_is_right() {
    let mut story = Story::with_subscriber();
    for qos in [LEAST, ONCE, LEAST, ONCE] {
        let message = story.publish(NEWS, qos);
        story.deliver(SUBSCRIBER, message, qos);
    }
    story.crash();
    story.finds(&[]);
}

#[test]
fn acknowledged_message_that_never_comes_is_lost() {
    let mut story = Story::with_subscriber();
    story.publish(NEWS, LEAST);
    story.crash();
    story.finds(&["message 1 was promised to client 1 and never came"]);
}

#[test]
fn message_without_acknowledgement_may_come_or_not() {
    for comes in [false, true] {
        let mut story = Story::with_subscriber();
        let message = story.announce(NEWS, LEAST);
        let message = story.send(message);
        story.crash();
        if comes {
            story.deliver(SUBSCRIBER, message, LEAST);
        }
        story.finds(&[]);
    }
}

#[test]
fn message_published_before_suback_or_after_unsubscribe_is_not_owed() {
    let mut story = Story::new();
    story.does(SUBSCRIBER, Act::Subscribing(ALL_NEWS, ONCE));
    story.publish(NEWS, LEAST);
    story.does(SUBSCRIBER, Act::Subscribed(ALL_NEWS));
    let message = story.announce(NEWS, LEAST);
    let message = story.send(message);
    story.does(SUBSCRIBER, Act::Unsubscribing(ALL_NEWS));
    story.does(PUBLISHER, Act::Published { message, matched: false });
    story.finds(&[]);
}

#[test]
fn exactly_once_is_not_twice() {
    let mut story = Story::with_subscriber();
    let message = story.publish(NEWS, ONCE);
    story.deliver(SUBSCRIBER, message, ONCE);
    story.crash();
    story.deliver(SUBSCRIBER, message, ONCE);
    story.finds(&["message 1 was delivered twice with QoS 2"]);
}

#[test]
fn message_sent_twice_with_qos_1_may_come_twice_and_not_thrice() {
    let mut story = Story::with_subscriber();
    let message = story.announce(NEWS, LEAST);
    let message = story.send(message);
    story.crash();
    story.does(PUBLISHER, Act::Publishing(message));
    story.does(PUBLISHER, Act::Published { message, matched: true });
    for _ in 0..3 {
        story.deliver(SUBSCRIBER, message, LEAST);
        story.does(SUBSCRIBER, Act::Settling(message));
        story.subscribe(SUBSCRIBER, PRIVATE);
    }
    story.finds(&["came again after its acknowledgement was kept"]);
}

#[test]
fn acknowledgement_of_qos_1_may_be_forgotten_until_a_later_answer_has_come() {
    let mut story = Story::with_subscriber();
    let message = story.publish(NEWS, LEAST);
    story.deliver(SUBSCRIBER, message, LEAST);
    story.does(SUBSCRIBER, Act::Settling(message));
    story.crash();
    story.deliver(SUBSCRIBER, message, LEAST);
    story.does(SUBSCRIBER, Act::Subscribing(PRIVATE, LEAST));
    story.does(SUBSCRIBER, Act::Settling(message));
    story.does(SUBSCRIBER, Act::Subscribed(PRIVATE));
    story.crash();
    // The acknowledgement came after the SUBSCRIBE that was answered.
    story.deliver(SUBSCRIBER, message, LEAST);
    story.finds(&[]);
}

#[test]
fn acknowledgement_that_is_kept_holds() {
    let mut story = Story::with_subscriber();
    let message = story.publish(NEWS, LEAST);
    story.deliver(SUBSCRIBER, message, LEAST);
    story.does(SUBSCRIBER, Act::Settling(message));
    story.subscribe(SUBSCRIBER, PRIVATE);
    story.crash();
    story.deliver(SUBSCRIBER, message, LEAST);
    story.finds(&["message 1 came again after its acknowledgement was kept"]);
}

#[test]
fn newer_message_must_not_overtake() {
    let mut story = Story::with_subscriber();
    let first = story.publish(NEWS, LEAST);
    let second = story.publish(NEWS, LEAST);
    story.crash();
    story.deliver(SUBSCRIBER, second, LEAST);
    story.deliver(SUBSCRIBER, first, LEAST);
    story.finds(&["message 1 came after a newer message of its publisher"]);
}

#[test]
fn unsubscribed_filter_gives_nothing_any_more() {
    let mut story = Story::with_subscriber();
    story.does(SUBSCRIBER, Act::Unsubscribing(ALL_NEWS));
    let in_between = story.publish(NEWS, LEAST);
    story.deliver(SUBSCRIBER, in_between, LEAST);
    story.does(SUBSCRIBER, Act::Unsubscribed(ALL_NEWS));
    story.crash();
    let after = story.publish(NEWS, LEAST);
    story.deliver(SUBSCRIBER, after, LEAST);
    story.finds(&["message 2 belongs to no subscription"]);
}

#[test]
fn subscription_that_the_broker_denies_is_lost() {
    let mut story = Story::with_subscriber();
    let message = story.announce(NEWS, LEAST);
    let message = story.send(message);
    story.does(PUBLISHER, Act::Published { message, matched: false });
    story.deliver(SUBSCRIBER, message, LEAST);
    story.finds(&["nobody has subscribed to it"]);
}

#[test]
fn session_must_be_present_after_a_crash() {
    let mut story = Story::new();
    story.does(SUBSCRIBER, Act::Lost);
    story.note(Event::Killed);
    story.connect(SUBSCRIBER, false);
    story.finds(&["client 1: the session is lost"]);
}

#[test]
fn session_that_has_ended_stays_away() {
    let mut story = Story::new();
    story.does(SUBSCRIBER, Act::Disconnecting { ends_session: true });
    story.does(SUBSCRIBER, Act::Disconnected);
    story.wait(5);
    story.note(Event::Killed);
    story.connect(SUBSCRIBER, true);
    story.finds(&["client 1: a session is present that has ended"]);
}

#[test]
fn end_of_a_session_that_was_not_asked_about_may_be_forgotten() {
    let mut story = Story::new();
    story.does(SUBSCRIBER, Act::Disconnecting { ends_session: true });
    story.does(SUBSCRIBER, Act::Disconnected);
    story.note(Event::Killed);
    story.connect(SUBSCRIBER, true);
    story.finds(&[]);
}

#[test]
fn session_expires_in_its_time_while_the_broker_is_down() {
    for (wait, session_present, expected) in [
        (5, true, &[][..]),
        (5, false, &["client 3: the session is lost"]),
        (10, true, &[]),
        (10, false, &[]),
        (20, false, &[]),
        (20, true, &["client 3: a session is present that has ended"]),
    ] {
        let mut story = Story::new();
        story.does(FLEETING, Act::Lost);
        story.note(Event::Killed);
        story.wait(wait);
        story.connect(FLEETING, session_present);
        story.finds(expected);
    }
}

#[test]
fn discarded_session_leaves_nothing_behind() {
    let mut story = Story::with_subscriber();
    let message = story.publish(NEWS, LEAST);
    story.does(SUBSCRIBER, Act::Lost);
    story.does(SUBSCRIBER, Act::Connecting { clean_start: true, will: None });
    story.does(SUBSCRIBER, Act::Connected { session_present: false });
    story.deliver(SUBSCRIBER, message, LEAST);
    story.finds(&["message 1 belongs to no subscription"]);
}

#[test]
fn retained_message_is_the_last_acknowledged_or_a_later_one() {
    for (version, expected) in
        [(0, &["message 1 is retained, but was replaced or cleared"][..]), (1, &[]), (2, &[])]
    {
        let mut story = Story::new();
        let mut versions = Vec::new();
        for acknowledged in [true, true, false] {
            let message = story.retain(false);
            let number = if acknowledged { story.publish_as(message) } else { story.send(message) };
            versions.push(number);
        }
        story.crash();
        story.read_retained(&[versions[version]]);
        story.finds(expected);
    }
}

#[test]
fn retained_message_must_not_be_missing() {
    let mut story = Story::new();
    let message = story.retain(false);
    story.publish_as(message);
    story.crash();
    story.read_retained(&[]);
    story.finds(&["the retained message of news is lost"]);
}

#[test]
fn cleared_message_stays_away() {
    let mut story = Story::new();
    let message = story.retain(false);
    let message = story.publish_as(message);
    let clear = story.retain(true);
    story.publish_as(clear);
    story.crash();
    story.read_retained(&[]);
    story.read_retained(&[message]);
    story.finds(&["message 1 is retained, but was replaced or cleared"]);
}

#[test]
fn clearing_without_an_acknowledgement_may_have_happened_or_not() {
    let mut story = Story::new();
    let message = story.retain(false);
    let message = story.publish_as(message);
    let clear = story.retain(true);
    story.send(clear);
    story.crash();
    story.read_retained(&[message]);
    story.read_retained(&[]);
    story.finds(&[]);
}

#[test]
fn message_that_has_expired_comes_no_more() {
    let mut story = Story::with_subscriber();
    let message = Message { expiry: Some(1), ..story.announce(NEWS, LEAST) };
    let message = story.publish_as(message);
    story.crash();
    story.wait(10);
    story.deliver(SUBSCRIBER, message, LEAST);
    story.finds(&["message 1 has expired, and comes now"]);
}

/// A connection of `OTHER` with a will.
fn story_of_a_will(confirmed: bool) -> (Story, MessageNumber) {
    let mut story = Story::with_subscriber();
    let delay = Some(Duration::ZERO);
    let will = Message { will_delay: delay, publisher: OTHER, ..story.announce(NEWS, LEAST) };
    let will = story.ledger.announce(will);
    story.does(OTHER, Act::Lost);
    story.does(OTHER, Act::Connecting { clean_start: false, will: Some(will) });
    story.does(OTHER, Act::Connected { session_present: true });
    if confirmed {
        story.subscribe(OTHER, PRIVATE);
    }
    (story, will)
}

#[test]
fn will_that_was_kept_is_published_after_a_crash() {
    let (mut story, _) = story_of_a_will(true);
    story.crash();
    story.finds(&["message 1 was promised to client 1 and never came"]);
}

#[test]
fn will_that_was_perhaps_not_kept_may_be_published_or_not() {
    for comes in [false, true] {
        let (mut story, will) = story_of_a_will(false);
        story.crash();
        if comes {
            story.deliver(SUBSCRIBER, will, LEAST);
        }
        story.finds(&[]);
    }
}

#[test]
fn will_that_was_taken_back_is_not_published() {
    let (mut story, will) = story_of_a_will(true);
    story.does(OTHER, Act::Disconnecting { ends_session: false });
    story.does(OTHER, Act::Disconnected);
    story.wait(5);
    story.note(Event::Killed);
    story.deliver(SUBSCRIBER, will, LEAST);
    story.finds(&["message 1 is a will that was taken back, and was published"]);
}

fn story_of_a_group() -> Story {
    let mut story = Story::new();
    story.subscribe(SUBSCRIBER, SHARED_WORK);
    story.subscribe(OTHER, SHARED_WORK);
    story
}

#[test]
fn one_member_of_a_group_gets_a_message() {
    let mut story = story_of_a_group();
    let message = story.publish(WORK, ONCE);
    story.crash();
    story.deliver(OTHER, message, ONCE);
    story.finds(&[]);
}

#[test]
fn message_that_no_member_of_a_group_gets_is_lost() {
    let mut story = story_of_a_group();
    story.publish(WORK, LEAST);
    story.crash();
    story.finds(&["message 1 was promised to $share/group/work and never came"]);
}

#[test]
fn exactly_once_is_once_in_a_group() {
    let mut story = story_of_a_group();
    let message = story.publish(WORK, ONCE);
    story.deliver(OTHER, message, ONCE);
    story.crash();
    story.deliver(SUBSCRIBER, message, ONCE);
    story.finds(&["message 1 was delivered twice with QoS 2"]);
}

#[test]
fn qos_2_message_may_go_with_the_session_of_a_member_and_qos_1_may_not() {
    let mut story = story_of_a_group();
    story.publish(WORK, ONCE);
    story.publish(WORK, LEAST);
    story.does(OTHER, Act::Disconnecting { ends_session: true });
    story.does(OTHER, Act::Disconnected);
    story.finds(&["message 2 was promised to $share/group/work and never came"]);
}

#[test]
fn nothing_comes_back_from_closed_books() {
    let mut story = Story::with_subscriber();
    let message = story.publish(NEWS, LEAST);
    story.deliver(SUBSCRIBER, message, LEAST);
    story.ledger.close(&[PUBLISHER, SUBSCRIBER, OTHER, FLEETING]);
    story.crash();
    story.deliver(SUBSCRIBER, message, LEAST);
    story.finds(&["message 1 was settled long ago"]);
}

#[test]
fn history_tells_of_those_whom_a_fault_concerns() {
    let mut story = Story::with_subscriber();
    let lost = story.publish(NEWS, LEAST);
    let other = story.publish(WORK, LEAST);
    let owed = story.ledger.owed(&[SUBSCRIBER]);
    assert_eq!(owed, 1);
    let fault = story.ledger.missing(&[SUBSCRIBER]).remove(0);
    let told = story.ledger.history_of(&fault);
    assert!(told.contains("Publishing(MessageNumber(1))") && lost == MessageNumber(1), "{told}");
    assert!(told.contains("client 1: Subscribed"), "{told}");
    assert!(!told.contains("Publishing(MessageNumber(2))") && other == MessageNumber(2), "{told}");
}
