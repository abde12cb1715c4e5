//! What a log says when it is read from its first record to its last, as simple as can be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ferrymq_broker::{
    FetchedMessage, Message, OwedMessage, Record, RecordNumber, Recovered, SessionImage,
    SessionNumber, StoredTarget,
};

use super::log::Entry;

/// Everything that must survive, in words that do not depend on the numbers of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    sessions: BTreeMap<String, SessionState>,
    /// Of sessions that do not outlive their connections.
    wills: BTreeMap<SessionNumber, String>,
    retained: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SessionState {
    number: u64,
    expiry_interval: u32,
    away: Option<String>,
    will: Option<String>,
    subscriptions: BTreeMap<String, String>,
    queue: Vec<String>,
    sent: Vec<(u16, String)>,
    released: Vec<u16>,
    received: BTreeSet<u16>,
}

#[derive(Default)]
struct Image {
    client_id: Option<String>,
    state: SessionState,
    owed: BTreeMap<RecordNumber, StoredTarget>,
    settled: BTreeSet<RecordNumber>,
    sent: Vec<(u16, RecordNumber)>,
}

#[derive(Default)]
struct Replay<'l> {
    images: BTreeMap<SessionNumber, Image>,
    messages: HashMap<RecordNumber, (u64, &'l Message)>,
    retained: BTreeMap<&'l str, (u64, Option<&'l Message>)>,
}

impl State {
    pub(crate) fn of(log: &[Entry]) -> Self {
        let mut replay = Replay::default();
        for entry in log {
            replay.apply(entry);
        }
        replay.finish()
    }

    /// What a broker is restored from, with the messages that `fetch` finds.
    pub(crate) fn of_recovered(
        recovered: &Recovered,
        mut fetch: impl FnMut(SessionNumber, RecordNumber) -> FetchedMessage,
    ) -> Self {
        let mut state = Self::default();
        for session in &recovered.sessions {
            let known = SessionState::of_image(session, &mut fetch);
            state.sessions.insert(session.client_id.to_string(), known);
        }
        for (session, will) in &recovered.unfinished.wills {
            let will = format!("{} after {}", text(&will.message), will.delay_interval);
            state.wills.insert(*session, will);
        }
        for (message, _) in &recovered.directory.retained {
            let topic = message.publication().topic.as_str().to_owned();
            state.retained.insert(topic, text(message));
        }
        state
    }

    /// The same without the order in which messages wait: one that was given to another member of
    /// its group has one place as long as the log has the record of that, and another one later.
    pub(crate) fn without_order(mut self) -> Self {
        for session in self.sessions.values_mut() {
            session.queue.sort_unstable();
        }
        self
    }
}

impl SessionState {
    fn of_image(
        image: &SessionImage,
        fetch: &mut impl FnMut(SessionNumber, RecordNumber) -> FetchedMessage,
    ) -> Self {
        let mut waiting = |owed: &OwedMessage| {
            let FetchedMessage { message, retain, identifiers, .. } =
                fetch(image.number, owed.number);
            let about = text(&message);
            format!("{about} as {:?} {retain} {identifiers:?} {:?}", owed.qos(), owed.group)
        };
        let queue = image.queue.iter().map(&mut waiting).collect();
        let mut sent = |owed: &OwedMessage| text(&fetch(image.number, owed.number).message);
        Self {
            number: image.number.0,
            expiry_interval: image.expiry_interval,
            away: image
                .away
                .map(|away| format!("until {:?}, will {:?}", away.expires, away.will_due)),
            will: image
                .will
                .as_ref()
                .map(|will| format!("{} after {}", text(&will.message), will.delay_interval)),
            subscriptions: image
                .subscriptions
                .iter()
                .map(|subscription| {
                    let (options, identifier, group) =
                        (subscription.options, subscription.identifier, subscription.group);
                    let how = format!("{options:?} {identifier:?} {group:?}");
                    (subscription.filter.to_string(), how)
                })
                .collect(),
            queue,
            sent: image.published.iter().map(|(id, owed)| (id.get(), sent(owed))).collect(),
            released: image.released.iter().map(|id| id.get()).collect(),
            received: image.received.iter().map(|id| id.get()).collect(),
        }
    }
}

impl<'l> Replay<'l> {
    fn apply(&mut self, entry: &'l Entry) {
        match &entry.record {
            Record::Message { message, targets } => {
                self.messages.insert(entry.number, (entry.order, message));
                for target in targets {
                    self.image(target.session).owe(entry.number, target);
                }
            }
            Record::Settled { session, message } => self.image(*session).settle(*message),
            Record::Reassigned { message, from, to, .. } => {
                self.image(*from).settle(*message);
                self.image(to.session).owe(*message, to);
            }
            Record::Gone { session, .. } => {
                self.images.remove(session);
            }
            Record::Retained { topic, message, version } => {
                let known = self.retained.entry(topic).or_default();
                if *version >= known.0 {
                    *known = (*version, message.as_deref());
                }
            }
            Record::Sent { session, .. }
            | Record::Released { session, .. }
            | Record::Completed { session, .. }
            | Record::Received { session, .. }
            | Record::ReceivedDone { session, .. } => {
                self.image(*session).apply_exchange(&entry.record);
            }
            Record::Session { session, .. }
            | Record::Away { session, .. }
            | Record::Subscribed { session, .. }
            | Record::Unsubscribed { session, .. }
            | Record::Will { session, .. }
            | Record::WillDone { session } => self.image(*session).apply_state(&entry.record),
        }
    }

    fn image(&mut self, session: SessionNumber) -> &mut Image {
        self.images.entry(session).or_default()
    }

    fn finish(self) -> State {
        let mut state = State::default();
        for (number, mut image) in self.images {
            let Some(client_id) = image.client_id.take() else {
                if let Some(will) = image.state.will {
                    state.wills.insert(number, will);
                }
                continue;
            };
            let known = state.sessions.insert(client_id, image.finish(number, &self.messages));
            assert!(known.is_none(), "two sessions of one client");
        }
        for (topic, (_, message)) in self.retained {
            if let Some(message) = message {
                state.retained.insert(topic.to_owned(), text(message));
            }
        }
        state
    }
}

impl Image {
    fn owe(&mut self, number: RecordNumber, target: &StoredTarget) {
        if !self.settled.contains(&number) {
            self.owed.insert(number, target.clone());
        }
    }

    fn settle(&mut self, number: RecordNumber) {
        self.owed.remove(&number);
        self.settled.insert(number);
    }

    fn apply_exchange(&mut self, record: &Record) {
        match record {
            Record::Sent { message, packet_id, .. } => {
                let sent = (packet_id.get(), *message);
                self.sent.retain(|known| *known != sent);
                self.sent.push(sent);
            }
            Record::Released { message, packet_id, .. } => {
                if let Some(message) = message {
                    self.settle(*message);
                }
                self.state.released.retain(|known| *known != packet_id.get());
                self.state.released.push(packet_id.get());
            }
            Record::Completed { packet_id, .. } => {
                self.state.released.retain(|known| *known != packet_id.get());
            }
            Record::Received { packet_id, .. } => {
                self.state.received.insert(packet_id.get());
            }
            Record::ReceivedDone { packet_id, .. } => {
                self.state.received.remove(&packet_id.get());
            }
            _ => {}
        }
    }

    fn apply_state(&mut self, record: &Record) {
        let state = &mut self.state;
        match record {
            Record::Session { client_id, expiry_interval, .. } => {
                self.client_id = Some(String::from(&**client_id));
                state.expiry_interval = *expiry_interval;
                state.away = None;
            }
            Record::Away { expires, will_due, .. } => {
                state.away = Some(format!("until {expires:?}, will {will_due:?}"));
            }
            Record::Subscribed { filter, options, identifier, group, .. } => {
                let how = format!("{options:?} {identifier:?} {group:?}");
                state.subscriptions.insert(filter.to_string(), how);
            }
            Record::Unsubscribed { filter, .. } => {
                state.subscriptions.remove(&**filter);
            }
            Record::Will { message, delay_interval, .. } => {
                state.will = Some(format!("{} after {delay_interval}", text(message)));
            }
            Record::WillDone { .. } => state.will = None,
            _ => {}
        }
    }

    fn finish(
        self,
        number: SessionNumber,
        messages: &HashMap<RecordNumber, (u64, &Message)>,
    ) -> SessionState {
        let Self { state, owed, sent, .. } = self;
        let message = |wanted: &RecordNumber| {
            messages.get(wanted).unwrap_or_else(|| panic!("{number:?} is owed {wanted:?}, no more"))
        };
        let with_client: Vec<(u16, RecordNumber)> =
            sent.into_iter().filter(|(_, message)| owed.contains_key(message)).collect();
        let mut queue: Vec<(u64, RecordNumber, &StoredTarget)> = owed
            .iter()
            .filter(|(owed, _)| with_client.iter().all(|(_, sent)| sent != *owed))
            .map(|(number, target)| (message(number).0, *number, target))
            .collect();
        queue.sort_unstable_by_key(|(order, number, _)| (*order, *number));
        SessionState {
            number: number.0,
            queue: queue
                .into_iter()
                .map(|(_, number, target)| {
                    let StoredTarget { qos, retain, identifiers, group, .. } = target;
                    let about = text(message(&number).1);
                    format!("{about} as {qos:?} {retain} {identifiers:?} {group:?}")
                })
                .collect(),
            sent: with_client.iter().map(|(id, sent)| (*id, text(message(sent).1))).collect(),
            ..state
        }
    }
}

fn text(message: &Message) -> String {
    let publication = message.publication();
    let payload = String::from_utf8_lossy(publication.payload);
    format!("{} {} {:?}", publication.topic.as_str(), payload.trim_end(), publication.qos)
}
