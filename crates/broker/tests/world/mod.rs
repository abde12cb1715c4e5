//! A broker of several shards in memory: no sockets, a clock that the test turns, and a store that
//! answers when the test lets it.

#![allow(dead_code, reason = "each of the tests uses another part of it")]

pub(crate) mod access;
pub(crate) mod journal;
mod log;
mod store;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::{
    Access, AllowAll, Ask, ConnectionId, Directory, Fetch, Fetched, Limits, ListenerProfile, Mail,
    Reading, Recovered, Shard, ShardIndex, ShardOptions,
};
use ferrymq_codec::{
    Acknowledgement, Auth, Connect, Delivery, Disconnect, Frame, Framing, Packet, PacketId,
    Properties, Property, PropertyBuffer, Publish, QoS, ReasonCode, Subscribe, SubscriptionFilters,
    SubscriptionOptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Version, Will,
};
use ferrymq_protocol::time::Instant;
use journal::Journal;
use store::Store;

/// A broker and its clients.
pub(crate) struct World {
    shards: Vec<Shard>,
    pub(crate) now: Instant,
    clients: Vec<Peer>,
    store: Store,
    /// Whether records become durable in the turn in which they are made.
    pub(crate) durable: bool,
    log: log::Log,
    /// Whether fetches are answered in the turn in which they are made.
    pub(crate) fetches: bool,
    waiting_fetches: Vec<Fetch>,
    /// Mail on its way, if it is held.
    mail: VecDeque<(ShardIndex, Mail)>,
    mail_is_held: bool,
    pub(crate) directory: Arc<Directory>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) controls: Vec<ferrymq_broker::ControlRequest>,
    /// What the shards have told the log.
    pub(crate) journal: Journal,
    limits: Arc<Limits>,
    /// What holds for the connections that come from now on.
    pub(crate) profile: Arc<ListenerProfile>,
    access: fn() -> Box<dyn Access>,
}

/// A test's end of a connection.
struct Peer {
    shard: usize,
    id: ConnectionId,
    version: Version,
    /// What the broker has not taken yet.
    unread: Vec<u8>,
    received: Vec<u8>,
    reads: bool,
    closed: bool,
    /// How often it was told to come again in the next turn.
    put_off: usize,
}

/// Which connection of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client(usize);

/// What a client got, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    ConnAck { session_present: bool, reason: ReasonCode },
    Publish(Box<Received>),
    PubAck(u16, ReasonCode),
    PubRec(u16, ReasonCode),
    PubRel(u16, ReasonCode),
    PubComp(u16, ReasonCode),
    SubAck(Vec<ReasonCode>),
    UnsubAck(Vec<ReasonCode>),
    PingResp,
    Disconnect(ReasonCode),
    Auth(ReasonCode),
}

/// A PUBLISH that a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: QoS,
    pub(crate) packet_id: Option<u16>,
    pub(crate) dup: bool,
    pub(crate) retain: bool,
    pub(crate) identifiers: Vec<u32>,
    pub(crate) expiry: Option<u32>,
}

impl World {
    pub(crate) fn new(shards: u16) -> Self {
        Self::with(shards, Limits { sys_interval: Duration::ZERO, ..Limits::default() }, || {
            Box::new(AllowAll)
        })
    }

    pub(crate) fn with(shards: u16, limits: Limits, access: fn() -> Box<dyn Access>) -> Self {
        let mut world = Self {
            shards: Vec::new(),
            now: Instant::from_nanos(1_000_000_000),
            clients: Vec::new(),
            store: Store::default(),
            log: log::Log::default(),
            durable: true,
            fetches: true,
            waiting_fetches: Vec::new(),
            mail: VecDeque::new(),
            mail_is_held: false,
            directory: Arc::new(Directory::new(shards, 7)),
            asks: Vec::new(),
            controls: Vec::new(),
            journal: Journal::default(),
            limits: Arc::new(limits),
            profile: Arc::default(),
            access,
        };
        world.begin(&[]);
        world
    }

    /// The process ends without a word, and begins anew with so many shards and with what its log
    /// has kept: everything that was durable, and some of the rest, as `choice` says.
    pub(crate) fn crash(&mut self, shards: u16, choice: usize) {
        self.mail.clear();
        self.waiting_fetches.clear();
        self.asks.clear();
        self.controls.clear();
        for client in &mut self.clients {
            client.closed = true;
        }
        let Recovered { sessions, unfinished, directory, counters, last_time } =
            self.store.recover(choice);
        // Secrets are made anew at each start.
        let seed = self.now.as_nanos();
        self.directory = Arc::new(Directory::restored(shards, seed, directory, &self.limits));
        self.begin(&counters);
        for session in sessions {
            let home = self.directory.home(&session.client_id);
            self.shards[home.as_usize()].restore(session, last_time);
        }
        self.shards[0].finish(unfinished, self.now);
        self.settle();
    }

    fn begin(&mut self, counters: &[(ShardIndex, u64)]) {
        let first_record = |index| {
            let highest = counters.iter().find(|(writer, _)| *writer == index);
            highest.map_or(1, |(_, counter)| counter + 1)
        };
        self.shards = (0..self.directory.shards())
            .map(ShardIndex)
            .map(|index| {
                Shard::new(ShardOptions {
                    index,
                    limits: Arc::clone(&self.limits),
                    directory: Arc::clone(&self.directory),
                    access: (self.access)(),
                    now: self.now,
                    seed: u64::from(index.0),
                    first_record: first_record(index),
                })
            })
            .collect();
        self.log = log::Log::new(self.shards.len());
    }

    /// Tells this observer from now on what happens on a shard.
    pub(crate) fn set_observer(
        &mut self,
        shard: usize,
        observer: Box<dyn ferrymq_broker::Observer>,
    ) {
        self.shards[shard].set_observer(observer, self.now);
    }

    /// A new connection that has sent nothing yet.
    pub(crate) fn open(&mut self, shard: usize, version: Version) -> Client {
        let id = self.shards[shard].open(ferrymq_broker::Peer::Local, &self.profile, self.now);
        self.clients.push(Peer {
            shard,
            id,
            version,
            unread: Vec::new(),
            received: Vec::new(),
            reads: true,
            closed: false,
            put_off: 0,
        });
        Client(self.clients.len() - 1)
    }

    /// A connected client; CONNACK is taken off.
    pub(crate) fn connect(
        &mut self,
        client_id: &str,
        with: impl FnOnce(&mut Connecting),
    ) -> Client {
        let (client, got) = self.connect_raw(client_id, with);
        assert!(
            matches!(got[0], Got::ConnAck { reason: ReasonCode::Success, .. }),
            "{client_id} is not welcome: {got:?}"
        );
        assert_eq!(got.len(), 1, "CONNACK is followed by {got:?}");
        client
    }

    /// A client that has sent CONNECT, and what it got.
    pub(crate) fn connect_raw(
        &mut self,
        client_id: &str,
        with: impl FnOnce(&mut Connecting),
    ) -> (Client, Vec<Got>) {
        let mut connecting = Connecting::default();
        with(&mut connecting);
        let client = self.open(0, connecting.version);
        self.send_connect(client, client_id, &connecting);
        (client, self.take(client))
    }

    pub(crate) fn send_connect(&mut self, client: Client, client_id: &str, with: &Connecting) {
        let mut will_properties = PropertyBuffer::new();
        if with.will_delay > 0 {
            will_properties.push(Property::WillDelayInterval(with.will_delay)).expect("fits");
        }
        let will = with.will.map(|(topic, payload)| Will {
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: TopicName::parse(topic).expect("a topic"),
            payload: payload.as_bytes(),
            properties: will_properties.as_properties(),
        });
        let packet = Packet::Connect(Connect {
            version: with.version,
            clean_start: with.clean_start,
            keep_alive: with.keep_alive,
            client_id,
            will,
            username: with.username,
            password: None,
            properties: with.properties.as_properties(),
        });
        self.send(client, &packet);
    }

    pub(crate) fn send(&mut self, client: Client, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.clients[client.0].version, &mut bytes).expect("a packet that fits");
        self.send_bytes(client, &bytes);
    }

    pub(crate) fn send_bytes(&mut self, client: Client, bytes: &[u8]) {
        self.clients[client.0].unread.extend_from_slice(bytes);
        self.read(client);
        self.settle();
    }

    /// The connection breaks without a word.
    pub(crate) fn cut(&mut self, client: Client) {
        let peer = &mut self.clients[client.0];
        if std::mem::replace(&mut peer.closed, true) {
            return;
        }
        let id = peer.id;
        self.shards[peer.shard].peer_closed(id, None, self.now);
        self.settle();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.settle();
    }

    /// Answers the fetches that wait, or lets them fail.
    pub(crate) fn answer_fetches(&mut self, well: bool) {
        for fetch in std::mem::take(&mut self.waiting_fetches) {
            let messages = well.then(|| self.store.fetch(&fetch));
            let fetched = Fetched { session: fetch.session, request: fetch.request, messages };
            self.shards[fetch.session.shard.as_usize()].fetched(fetched, self.now);
        }
        self.settle();
    }

    pub(crate) fn waiting_fetches(&self) -> usize {
        self.waiting_fetches.len()
    }

    /// How often a client had to wait for the next turn with what it had sent.
    pub(crate) fn put_off(&self, client: Client) -> usize {
        self.clients[client.0].put_off
    }

    /// Mail between shards takes its time, or arrives at once.
    pub(crate) fn hold_mail(&mut self, held: bool) {
        self.mail_is_held = held;
        self.settle();
    }

    /// So many bytes wait in each mailbox.
    pub(crate) fn set_mail_waiting(&mut self, bytes: usize) {
        for to in 0..u16::try_from(self.shards.len()).expect("few shards") {
            for shard in &mut self.shards {
                shard.set_mail_waiting(ShardIndex(to), bytes);
            }
        }
        self.settle();
    }

    /// The client stops or goes on reading what the broker writes to it.
    pub(crate) fn set_reading(&mut self, client: Client, reading: bool) {
        self.clients[client.0].reads = reading;
        if reading {
            let (shard, id) = (self.clients[client.0].shard, self.clients[client.0].id);
            self.write(shard, id);
        }
        self.settle();
    }

    /// Bytes that the broker has not taken from a client.
    pub(crate) fn unread(&self, client: Client) -> usize {
        self.clients[client.0].unread.len()
    }

    /// Connections that the broker has.
    pub(crate) fn connections(&self) -> usize {
        self.shards.iter().map(Shard::connection_count).sum()
    }

    /// Whether a shard will do something of itself later than that.
    pub(crate) fn has_deadlines_beyond(&self, time: Duration) -> bool {
        let limit = self.now.saturating_add(time);
        self.shards.iter().filter_map(Shard::deadline).any(|deadline| deadline > limit)
    }

    /// Messages that the store keeps.
    pub(crate) fn stored(&self) -> usize {
        self.store.len()
    }

    pub(crate) fn is_closed(&self, client: Client) -> bool {
        self.clients[client.0].closed
    }

    pub(crate) fn shut_down(&mut self) {
        for shard in &mut self.shards {
            shard.shut_down(self.now);
        }
        self.settle();
    }

    /// What the client got since the last time.
    pub(crate) fn take(&mut self, client: Client) -> Vec<Got> {
        let peer = &mut self.clients[client.0];
        let bytes = std::mem::take(&mut peer.received);
        let mut rest = bytes.as_slice();
        let mut got = Vec::new();
        while !rest.is_empty() {
            let Framing::Complete(frame) = Frame::parse(rest, usize::MAX).expect("good output")
            else {
                panic!("the broker has written half a packet");
            };
            let length = frame.length();
            got.push(short(&frame.decode(peer.version).expect("good output")));
            rest = &rest[length..];
        }
        got
    }

    /// The payloads of the messages that the client got and goes on to get while it acknowledges
    /// them as it should.
    pub(crate) fn payloads(&mut self, client: Client) -> Vec<String> {
        let got = self.take(client);
        self.acknowledge(client, got)
    }

    /// The same, beginning with what was taken already.
    pub(crate) fn acknowledge(&mut self, client: Client, mut got: Vec<Got>) -> Vec<String> {
        let mut payloads = Vec::new();
        while !got.is_empty() {
            for got in got {
                match got {
                    Got::Publish(received) => {
                        payloads.push(received.payload.clone());
                        match (received.qos, received.packet_id) {
                            (QoS::AtLeastOnce, Some(id)) => self.ack(client, Packet::PubAck, id),
                            (QoS::ExactlyOnce, Some(id)) => self.ack(client, Packet::PubRec, id),
                            _ => {}
                        }
                    }
                    Got::PubRel(id, _) => self.ack(client, Packet::PubComp, id),
                    _ => {}
                }
            }
            got = self.take(client);
        }
        payloads
    }

    pub(crate) fn ack(
        &mut self,
        client: Client,
        make: fn(Acknowledgement<'static>) -> Packet<'static>,
        packet_id: u16,
    ) {
        self.ack_with(client, make, packet_id, ReasonCode::Success);
    }

    pub(crate) fn ack_with(
        &mut self,
        client: Client,
        make: fn(Acknowledgement<'static>) -> Packet<'static>,
        packet_id: u16,
        reason: ReasonCode,
    ) {
        let packet_id = PacketId::new(packet_id).expect("not zero");
        let properties = Properties::EMPTY;
        self.send(client, &make(Acknowledgement { packet_id, reason, properties }));
    }

    pub(crate) fn subscribe(&mut self, client: Client, filter: &str, qos: QoS) -> Vec<Got> {
        self.subscribe_with(client, filter, |options| options.maximum_qos = qos, None)
    }

    pub(crate) fn subscribe_with(
        &mut self,
        client: Client,
        filter: &str,
        with: impl FnOnce(&mut SubscriptionOptions),
        identifier: Option<u32>,
    ) -> Vec<Got> {
        let mut options = SubscriptionOptions::default();
        with(&mut options);
        let mut properties = PropertyBuffer::new();
        if let Some(identifier) = identifier.and_then(NonZeroU32::new) {
            properties.push(Property::SubscriptionIdentifier(identifier)).expect("fits");
        }
        let mut filters = Vec::new();
        let filter = TopicFilter::parse(filter).expect("a filter");
        SubscriptionFilters::encode_into([(filter, options)], &mut filters).expect("fits");
        let packet = Packet::Subscribe(Subscribe {
            packet_id: PacketId::FIRST,
            properties: properties.as_properties(),
            filters: SubscriptionFilters::trusted(&filters),
        });
        self.send(client, &packet);
        self.take(client)
    }

    /// One SUBSCRIBE with many filters, all at QoS 0.
    pub(crate) fn subscribe_many(&mut self, client: Client, filters: &[String]) -> Vec<Got> {
        let filters = filters.iter().map(|filter| {
            (TopicFilter::parse(filter).expect("a filter"), SubscriptionOptions::default())
        });
        let mut bytes = Vec::new();
        SubscriptionFilters::encode_into(filters, &mut bytes).expect("fits");
        let packet = Packet::Subscribe(Subscribe {
            packet_id: PacketId::FIRST,
            properties: Properties::EMPTY,
            filters: SubscriptionFilters::trusted(&bytes),
        });
        self.send(client, &packet);
        self.take(client)
    }

    pub(crate) fn publish(
        &mut self,
        client: Client,
        topic: &str,
        payload: &str,
        delivery: Delivery,
    ) {
        self.publish_with(client, topic, payload, delivery, false, &[]);
    }

    pub(crate) fn publish_with(
        &mut self,
        client: Client,
        topic: &str,
        payload: &str,
        delivery: Delivery,
        retain: bool,
        with: &[Property<'_>],
    ) {
        let mut properties = PropertyBuffer::new();
        for property in with {
            properties.push(*property).expect("fits");
        }
        let packet = Packet::Publish(Publish {
            dup: false,
            delivery,
            retain,
            topic: Some(TopicName::parse(topic).expect("a topic")),
            properties: properties.as_properties(),
            payload: payload.as_bytes(),
        });
        self.send(client, &packet);
    }

    /// A PUBLISH that may have been sent before.
    pub(crate) fn publish_again(
        &mut self,
        client: Client,
        topic: &str,
        payload: &str,
        delivery: Delivery,
        retain: bool,
    ) {
        let packet = Packet::Publish(Publish {
            dup: true,
            delivery,
            retain,
            topic: Some(TopicName::parse(topic).expect("a topic")),
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        });
        self.send(client, &packet);
    }

    pub(crate) fn unsubscribe(&mut self, client: Client, filter: &str) {
        let mut filters = Vec::new();
        let filter = TopicFilter::parse(filter).expect("a filter");
        TopicFilters::encode_into([filter], &mut filters).expect("fits");
        let packet = Packet::Unsubscribe(Unsubscribe {
            packet_id: PacketId::FIRST,
            properties: Properties::EMPTY,
            filters: TopicFilters::trusted(&filters),
        });
        self.send(client, &packet);
    }

    pub(crate) fn auth(&mut self, client: Client, reason: ReasonCode, method: &str, data: &[u8]) {
        let mut properties = PropertyBuffer::new();
        properties.push(Property::AuthenticationMethod(method)).expect("fits");
        properties.push(Property::AuthenticationData(data)).expect("fits");
        let properties = properties.as_properties();
        self.send(client, &Packet::Auth(Auth { reason, properties }));
    }

    pub(crate) fn disconnect_with(&mut self, client: Client, with: &[Property<'_>]) {
        let mut properties = PropertyBuffer::new();
        for property in with {
            properties.push(*property).expect("fits");
        }
        let (reason, properties) = (ReasonCode::Success, properties.as_properties());
        self.send(client, &Packet::Disconnect(Disconnect { reason, properties }));
    }

    pub(crate) fn disconnect(&mut self, client: Client, reason: ReasonCode) {
        let properties = Properties::EMPTY;
        self.send(client, &Packet::Disconnect(Disconnect { reason, properties }));
    }

    /// Lets every shard take turns until nothing happens any more.
    fn settle(&mut self) {
        for _ in 0..1000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    fn turn(&mut self) -> bool {
        let mut busy = false;
        for index in 0..self.shards.len() {
            let now = self.now;
            self.shards[index].advance(now);
            busy |= self.append_records(index) && !self.journal.unhurried;
            self.waiting_fetches.extend(self.shards[index].take_fetches());
            self.asks.extend(self.shards[index].take_asks());
            self.controls.extend(self.shards[index].take_controls());
            for other in 0..self.shards.len() {
                let to = ShardIndex(u16::try_from(other).expect("few shards"));
                let mail = self.shards[index].take_mail_for(to);
                self.mail.extend(mail.into_iter().map(|mail| (to, mail)));
            }
            while !self.mail_is_held
                && let Some((to, mail)) = self.mail.pop_front()
            {
                busy = true;
                self.shards[to.as_usize()].take_mail(mail, now);
                for shard in &mut self.shards {
                    shard.set_mail_waiting(to, 0);
                }
            }
            busy |= self.flush(index);
        }
        if self.fetches && !self.waiting_fetches.is_empty() {
            for fetch in std::mem::take(&mut self.waiting_fetches) {
                let messages = Some(self.store.fetch(&fetch));
                let fetched = Fetched { session: fetch.session, request: fetch.request, messages };
                self.shards[fetch.session.shard.as_usize()].fetched(fetched, self.now);
            }
            busy = true;
        }
        busy
    }

    /// Hands the records of a shard to the store; whether there were any.
    fn append_records(&mut self, index: usize) -> bool {
        let batch = self.shards[index].take_records(self.now);
        let appended = batch.is_some();
        if let Some(batch) = batch {
            self.journal.append(&batch);
            self.log.append(&batch);
            self.store.append(batch);
            if self.durable {
                self.store.make_durable();
                self.shards[index].durable(self.log.sync(index), self.now);
            }
        }
        let shard = ShardIndex(u16::try_from(index).expect("few shards"));
        self.journal.hear(shard, &mut self.shards[index]);
        appended
    }

    fn flush(&mut self, index: usize) -> bool {
        let mut ids = Vec::new();
        self.shards[index].take_dirty(&mut ids);
        let mut busy = !ids.is_empty();
        for id in ids {
            self.write(index, id);
        }
        let mut closing = Vec::new();
        self.shards[index].take_closing(&mut closing);
        for id in closing {
            self.write(index, id);
            self.shards[index].remove(id);
            if let Some(client) = self.client(index, id) {
                self.clients[client.0].closed = true;
            }
            busy = true;
        }
        let mut readable = Vec::new();
        self.shards[index].take_readable(&mut readable);
        busy |= !readable.is_empty();
        for id in readable {
            if let Some(client) = self.client(index, id) {
                self.read(client);
            }
        }
        busy
    }

    fn write(&mut self, index: usize, id: ConnectionId) {
        let client = self.client(index, id);
        if client.is_some_and(|client| !self.clients[client.0].reads) {
            return;
        }
        let Some(output) = self.shards[index].output(id) else {
            return;
        };
        let (pieces, count) = output.pieces::<64>();
        let bytes = pieces[..count].concat();
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        if let Some(client) = client {
            self.clients[client.0].received.extend(bytes);
        }
        self.shards[index].written(id, length, self.now);
    }

    fn client(&self, shard: usize, id: ConnectionId) -> Option<Client> {
        self.clients
            .iter()
            .position(|peer| !peer.closed && peer.shard == shard && peer.id == id)
            .map(Client)
    }

    fn read(&mut self, client: Client) {
        loop {
            let peer = &mut self.clients[client.0];
            if peer.closed {
                return;
            }
            let (taken, reading) = self.shards[peer.shard].receive(peer.id, &peer.unread, self.now);
            peer.unread.drain(..taken);
            match reading {
                Reading::Later => self.clients[client.0].put_off += 1,
                Reading::Move(home) => {
                    let newcomer = self.shards[peer.shard].depart(peer.id).expect("it is there");
                    peer.shard = home.as_usize();
                    peer.id = self.shards[peer.shard].arrive(newcomer);
                }
                Reading::More { .. } | Reading::Paused | Reading::Ended => return,
            }
        }
    }
}

/// How a client connects.
pub(crate) struct Connecting {
    pub(crate) version: Version,
    pub(crate) clean_start: bool,
    pub(crate) keep_alive: u16,
    pub(crate) will: Option<(&'static str, &'static str)>,
    pub(crate) will_delay: u32,
    pub(crate) username: Option<&'static str>,
    pub(crate) properties: PropertyBuffer,
}

impl Connecting {
    pub(crate) fn expiry(&mut self, seconds: u32) -> &mut Self {
        self.clean_start = false;
        self.property(Property::SessionExpiryInterval(seconds))
    }

    pub(crate) fn property(&mut self, property: Property<'_>) -> &mut Self {
        self.properties.push(property).expect("fits");
        self
    }
}

impl Default for Connecting {
    fn default() -> Self {
        Self {
            version: Version::V5,
            clean_start: true,
            keep_alive: 0,
            will: None,
            will_delay: 0,
            username: None,
            properties: PropertyBuffer::new(),
        }
    }
}

fn short(packet: &Packet<'_>) -> Got {
    match packet {
        Packet::ConnAck(connack) => {
            Got::ConnAck { session_present: connack.session_present, reason: connack.reason }
        }
        Packet::Publish(publish) => Got::Publish(Box::new(Received {
            topic: publish.topic.map_or_else(String::new, |topic| topic.as_str().to_owned()),
            payload: String::from_utf8_lossy(publish.payload).into_owned(),
            qos: publish.delivery.qos(),
            packet_id: publish.delivery.packet_id().map(PacketId::get),
            dup: publish.dup,
            retain: publish.retain,
            identifiers: publish
                .properties
                .subscription_identifiers()
                .map(NonZeroU32::get)
                .collect(),
            expiry: publish.properties.message_expiry_interval(),
        })),
        Packet::PubAck(ack) => Got::PubAck(ack.packet_id.get(), ack.reason),
        Packet::PubRec(ack) => Got::PubRec(ack.packet_id.get(), ack.reason),
        Packet::PubRel(ack) => Got::PubRel(ack.packet_id.get(), ack.reason),
        Packet::PubComp(ack) => Got::PubComp(ack.packet_id.get(), ack.reason),
        Packet::SubAck(ack) => Got::SubAck(ack.reasons.iter().collect()),
        Packet::UnsubAck(ack) => Got::UnsubAck(ack.reasons.iter().collect()),
        Packet::PingResp => Got::PingResp,
        Packet::Disconnect(disconnect) => Got::Disconnect(disconnect.reason),
        Packet::Auth(auth) => Got::Auth(auth.reason),
        other => panic!("a server does not send {other:?}"),
    }
}

pub(crate) fn qos1(packet_id: u16) -> Delivery {
    Delivery::AtLeastOnce(PacketId::new(packet_id).expect("not zero"))
}

pub(crate) fn qos2(packet_id: u16) -> Delivery {
    Delivery::ExactlyOnce(PacketId::new(packet_id).expect("not zero"))
}
