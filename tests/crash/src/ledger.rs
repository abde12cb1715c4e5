//! The side log: every event that a client has seen, and what follows from it.
//!
//! The broker may be killed between any two events. What was acknowledged must be so for ever; what
//! was asked for and not answered may have happened or not; what was answered lazily (QoS 1
//! acknowledgements of subscribers, DISCONNECT) holds from the next answer on that waits for
//! everything before it. Whatever is outside of these sets is a [`Fault`]. There is no I/O here,
//! and time is an argument.

mod books;
mod connecting;
mod delivering;
mod publication;
mod publishing;
mod receiver;
mod retained;
mod session;
mod subscription;
mod will;

use std::collections::HashMap;
use std::time::Duration;

use ferrymq_codec::QoS;

use crate::event::{Act, ClientNumber, Event, FilterNumber, MessageNumber, TopicNumber};
use crate::history::{Fault, History};
use crate::scene::Scene;
use publication::Publication;
use receiver::Receiver;
use retained::RetainedTopic;
use session::Session;
use subscription::Subscription;
use will::Will;

pub use publication::Message;

/// The side log of a run.
#[derive(Debug)]
pub struct Ledger {
    scene: Scene,
    now: Duration,
    /// When the clients looked for what has come: this time, and the time before.
    looks: (Duration, Duration),
    /// Counts events, and so orders them.
    moment: u64,
    /// Messages announced so far.
    announced: u64,
    publications: HashMap<MessageNumber, Publication>,
    sessions: Vec<Session>,
    groups: HashMap<FilterNumber, Group>,
    retained: HashMap<TopicNumber, RetainedTopic>,
    wills: Vec<Will>,
    history: History,
    acknowledged: u64,
    received: u64,
}

/// A shared group.
#[derive(Debug, Default)]
struct Group {
    receiver: Receiver,
    /// When a session of a member may have ended last.
    left: u64,
}

impl Ledger {
    /// An empty side log.
    pub fn new(scene: Scene) -> Self {
        let sessions = scene.clients().map(|client| Session::new(scene.life(client))).collect();
        let groups = scene.shared_filters().map(|filter| (filter, Group::default())).collect();
        Self {
            scene,
            now: Duration::ZERO,
            looks: (Duration::ZERO, Duration::ZERO),
            moment: 0,
            announced: 0,
            publications: HashMap::new(),
            sessions,
            groups,
            retained: HashMap::new(),
            wills: Vec::new(),
            history: History::default(),
            acknowledged: 0,
            received: 0,
        }
    }

    /// Gives a number to a message that a client is going to publish, or to have as its will.
    pub fn announce(&mut self, message: Message) -> MessageNumber {
        self.announced += 1;
        let number = MessageNumber(self.announced);
        self.publications.insert(number, Publication::new(message));
        number
    }

    /// What was announced under this number, while it has a meaning.
    pub fn message(&self, number: MessageNumber) -> Option<&Message> {
        self.publications.get(&number).map(|publication| &publication.message)
    }

    /// Who and what there is.
    pub const fn scene(&self) -> &Scene {
        &self.scene
    }

    /// How many publications were acknowledged.
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// How many messages were received.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// The history of those whom a fault concerns, one line for each event.
    pub fn history_of(&self, fault: &Fault) -> String {
        let retained_at = |message: MessageNumber| {
            self.message(message).filter(|message| message.retain).map(|message| message.topic)
        };
        let topic = fault.message.and_then(retained_at);
        self.history.about(fault, |message| {
            fault.message == Some(message) || topic.is_some() && retained_at(message) == topic
        })
    }

    /// The clients look for what has come since they did so last.
    pub const fn look(&mut self, now: Duration) {
        self.looks = (now, self.looks.0);
    }

    /// Notes an event, `now` after the begin of the run.
    ///
    /// # Errors
    ///
    /// What the event shows to be wrong.
    pub fn note(&mut self, now: Duration, event: Event) -> Result<(), Fault> {
        self.now = now;
        self.moment += 1;
        self.history.push(now, event);
        match event {
            Event::Started | Event::Terminated => Ok(()),
            Event::Killed => {
                self.killed();
                Ok(())
            }
            Event::Client(client, act) => self.act(client, act),
        }
    }

    fn act(&mut self, client: ClientNumber, act: Act) -> Result<(), Fault> {
        match act {
            Act::Connecting { clean_start, will } => self.connecting(client, clean_start, will),
            Act::Connected { session_present } => return self.connected(client, session_present),
            Act::Disconnecting { ends_session } => self.disconnecting(client, ends_session),
            Act::Disconnected => self.disconnected(client),
            Act::Lost => self.lost(client),
            Act::Publishing(message) => self.publishing(client, message),
            Act::Published { message, matched } => return self.published(client, message, matched),
            Act::Refused(message, _) => self.refused(message),
            Act::Abandoned(message) => self.abandoned(message),
            Act::Subscribing(filter, qos) => self.subscribing(client, filter, qos),
            Act::Subscribed(filter) => self.subscribed(client, filter),
            Act::Unsubscribing(filter) => self.unsubscribing(client, filter),
            Act::Unsubscribed(filter) => self.unsubscribed(client, filter),
            Act::Received(delivery) => return self.receive(client, &delivery),
            Act::Settling(message) => self.session(client).settling(message),
            Act::RetainedRead(filter) => return self.retained_read(client, filter),
        }
        Ok(())
    }

    #[expect(clippy::indexing_slicing, reason = "a client of another scene is a mistake of ours")]
    fn session(&mut self, client: ClientNumber) -> &mut Session {
        &mut self.sessions[client.0]
    }

    fn subscribing(&mut self, client: ClientNumber, filter: FilterNumber, qos: QoS) {
        let moment = self.moment;
        let topics = self.retained.iter().filter(|(topic, _)| self.scene.matches(filter, **topic));
        let floor: Vec<_> =
            topics.filter_map(|(topic, kept)| Some((*topic, kept.acknowledged()?))).collect();
        let session = self.session(client);
        session.mark(filter);
        let subscription =
            session.subscriptions.entry(filter).or_insert_with(|| Subscription::new(qos));
        if subscription.begin(moment) {
            for (topic, place) in floor {
                subscription.retained_floor.entry(topic).or_insert(place);
            }
        }
    }

    fn subscribed(&mut self, client: ClientNumber, filter: FilterNumber) {
        let moment = self.moment;
        let session = self.session(client);
        if let Some(subscription) = session.subscriptions.get_mut(&filter) {
            subscription.certain_since.get_or_insert(moment);
        }
        let mark = session.take_mark(filter);
        // Nothing is kept of other sessions, so the answer waits for nothing.
        if session.is_durable() {
            self.confirm(client, mark);
        }
    }

    fn unsubscribing(&mut self, client: ClientNumber, filter: FilterNumber) {
        let session = self.session(client);
        session.mark(filter);
        if let Some(subscription) = session.subscriptions.get_mut(&filter) {
            subscription.certain_since = None;
        }
    }

    fn unsubscribed(&mut self, client: ClientNumber, filter: FilterNumber) {
        let moment = self.moment;
        let session = self.session(client);
        if let Some(subscription) = session.subscriptions.get_mut(&filter) {
            subscription.end(moment);
        }
        let mark = session.take_mark(filter);
        // Nothing is kept of other sessions, so the answer waits for nothing.
        if session.is_durable() {
            self.confirm(client, mark);
        }
    }

    /// The broker keeps what this client had said on its connection, with its first `mark`
    /// acknowledgements.
    fn confirm(&mut self, client: ClientNumber, mark: usize) {
        for will in self.wills.iter_mut().filter(|will| will.client == client) {
            will.confirmed |= will.state == will::WillState::Armed;
        }
        for message in self.session(client).confirm(mark) {
            if let Some(receiver) = self.receiver_of(client, message) {
                receiver.confirm(message);
            }
        }
    }

    /// Who is credited with a message that this client gets: its session, or its group.
    fn receiver_of(
        &mut self,
        client: ClientNumber,
        message: MessageNumber,
    ) -> Option<&mut Receiver> {
        let topic = self.publications.get(&message)?.message.topic;
        let scene = &self.scene;
        let group = self.groups.iter_mut().find(|(filter, _)| scene.matches(**filter, topic));
        match group {
            Some((_, group)) => Some(&mut group.receiver),
            None => self.sessions.get_mut(client.0).map(|session| &mut session.receiver),
        }
    }
}
