//! rumqttc, in this process: a thread polls its event loop, which both versions
//! have in the same shape, and tells what happens.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rumqttc::{AsyncClient, EventLoop, MqttOptions, Outgoing, v5};
use tokio::sync::oneshot;

use crate::client::{Client, Event, Message, Options, PATIENCE, QoS, Version};

/// A connection of rumqttc.
pub(crate) struct Rumqtt {
    handle: Handle,
    session_present: Option<bool>,
    happenings: Receiver<Happening>,
    /// Messages that have not been written yet.
    unsent: usize,
    /// Packet identifiers of written messages that are not complete.
    unacknowledged: HashSet<u16>,
    /// Messages of QoS 2 until their PUBREL: rumqttc leaves it to its user to
    /// deliver exactly once.
    unreleased: HashMap<u16, Message>,
    events: VecDeque<Event>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Rumqtt {
    pub(crate) fn open(options: Options) -> Self {
        let (sender, happenings) = channel();
        let (stop, stopped) = oneshot::channel();
        let (handle, machine) = connect(&options);
        let subscriptions = options.subscriptions.len();
        for (filter, qos) in options.subscriptions {
            handle.subscribe(&filter, qos);
        }
        let reconnect = options.reconnect;
        let thread = thread::spawn(move || run(machine, reconnect, &sender, stopped));
        let mut client = Self {
            handle,
            session_present: None,
            happenings,
            unsent: 0,
            unacknowledged: HashSet::new(),
            unreleased: HashMap::new(),
            events: VecDeque::new(),
            stop: Some(stop),
            thread: Some(thread),
        };
        client.await_opened(subscriptions);
        client
    }

    fn await_opened(&mut self, mut subscriptions: usize) {
        let deadline = Instant::now() + PATIENCE * 2;
        while self.session_present.is_none() || subscriptions > 0 {
            match self.hear(deadline).expect("the broker answers in time") {
                Happening::Subscribed => subscriptions -= 1,
                Happening::Lost(reason) => panic!("not connected: {reason}"),
                other => self.keep(other),
            }
        }
    }

    fn hear(&mut self, deadline: Instant) -> Option<Happening> {
        self.happenings.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }

    fn keep(&mut self, happening: Happening) {
        match happening {
            Happening::Connected { session_present } => {
                self.session_present.get_or_insert(session_present);
            }
            Happening::Message { packet_id, message } if message.qos == QoS::ExactlyOnce => {
                self.unreleased.insert(packet_id, message);
            }
            Happening::Message { message, .. } => self.events.push_back(Event::Message(message)),
            Happening::Released(packet_id) => {
                self.events.extend(self.unreleased.remove(&packet_id).map(Event::Message));
            }
            Happening::Sent(0) => self.unsent -= 1,
            // What is sent again bears its first identifier.
            Happening::Sent(packet_id) => {
                if self.unacknowledged.insert(packet_id) {
                    self.unsent -= 1;
                }
            }
            Happening::Complete(packet_id) => {
                assert!(self.unacknowledged.remove(&packet_id), "{packet_id} was not open");
            }
            Happening::Lost(_) => self.events.push_back(Event::Lost),
            Happening::Refused(what) => panic!("the broker refused {what}"),
            Happening::Subscribed => panic!("nothing was subscribed"),
        }
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the event loop ends without a panic");
        }
    }
}

impl Client for Rumqtt {
    fn session_present(&self) -> Option<bool> {
        self.session_present
    }

    fn publish(&mut self, message: &Message) {
        let deadline = Instant::now() + PATIENCE * 2;
        while self.unsent + self.unacknowledged.len() >= WINDOW {
            let happening = self.hear(deadline).expect("messages complete in time");
            self.keep(happening);
        }
        self.unsent += 1;
        self.handle.publish(message);
    }

    fn complete(&mut self, within: Duration) {
        let deadline = Instant::now() + within;
        while self.unsent > 0 || !self.unacknowledged.is_empty() {
            let happening = self.hear(deadline).expect("messages complete in time");
            self.keep(happening);
        }
    }

    fn event(&mut self, deadline: Instant) -> Option<Event> {
        while self.events.is_empty() {
            let happening = self.hear(deadline)?;
            self.keep(happening);
        }
        self.events.pop_front()
    }

    fn close(mut self: Box<Self>) {
        self.handle.disconnect();
        // The thread ends by itself when DISCONNECT is written.
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the event loop ends without a panic");
        }
    }

    fn abort(mut self: Box<Self>) {
        self.end();
    }
}

impl Drop for Rumqtt {
    fn drop(&mut self) {
        self.end();
    }
}

/// What both event loops tell, in one language.
enum Happening {
    Connected { session_present: bool },
    Subscribed,
    Refused(String),
    Message { packet_id: u16, message: Message },
    Released(u16),
    Sent(u16),
    Complete(u16),
    Lost(String),
}

enum Handle {
    V3(AsyncClient),
    V5(v5::AsyncClient),
}

impl Handle {
    fn subscribe(&self, filter: &str, qos: QoS) {
        let accepted = match self {
            Self::V3(client) => client.try_subscribe(filter, v3_qos(qos)).is_ok(),
            Self::V5(client) => client.try_subscribe(filter, v5_qos(qos)).is_ok(),
        };
        assert!(accepted, "rumqttc takes the subscription");
    }

    fn publish(&self, Message { topic, payload, qos, retain }: &Message) {
        let (topic, payload, retain) = (topic.clone(), payload.clone(), *retain);
        let accepted = match self {
            Self::V3(client) => client.try_publish(topic, v3_qos(*qos), retain, payload).is_ok(),
            Self::V5(client) => client.try_publish(topic, v5_qos(*qos), retain, payload).is_ok(),
        };
        assert!(accepted, "rumqttc takes the message");
    }

    fn disconnect(&self) {
        let accepted = match self {
            Self::V3(client) => client.try_disconnect().is_ok(),
            Self::V5(client) => client.try_disconnect().is_ok(),
        };
        assert!(accepted, "rumqttc takes the DISCONNECT");
    }
}

enum Machine {
    V3(Box<EventLoop>),
    V5(Box<v5::EventLoop>),
}

impl Machine {
    /// What the event loop did next; an inner nothing is of no interest here.
    async fn poll(&mut self) -> Result<Option<Happening>, String> {
        match self {
            Self::V3(machine) => match machine.poll().await {
                Ok(rumqttc::Event::Incoming(packet)) => Ok(v3_happening(packet)),
                Ok(rumqttc::Event::Outgoing(outgoing)) => sent(&outgoing),
                Err(error) => Err(error.to_string()),
            },
            Self::V5(machine) => match machine.poll().await {
                Ok(v5::Event::Incoming(packet)) => Ok(v5_happening(packet)),
                Ok(v5::Event::Outgoing(outgoing)) => sent(&outgoing),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

fn run(
    mut machine: Machine,
    reconnect: bool,
    happenings: &Sender<Happening>,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime needs no more than this thread");
    runtime.block_on(async {
        loop {
            let polled = tokio::select! {
                biased;
                _ = &mut stopped => return,
                polled = machine.poll() => polled,
            };
            // An owner that no longer listens is about to stop this loop.
            match polled {
                Ok(Some(happening)) => drop(happenings.send(happening)),
                Ok(None) => {}
                // The next poll connects again.
                Err(_) if reconnect => {}
                Err(reason) => {
                    drop(happenings.send(Happening::Lost(reason)));
                    return;
                }
            }
        }
    });
}

fn connect(options: &Options) -> (Handle, Machine) {
    match options.version {
        Version::V3 => {
            let mut settings = MqttOptions::new(&options.client_id, "127.0.0.1", options.port);
            settings
                .set_clean_session(options.clean_start)
                .set_keep_alive(options.keep_alive)
                .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
            if let Some(will) = &options.will {
                let Message { topic, payload, qos, retain } = will.message.clone();
                settings.set_last_will(rumqttc::LastWill::new(topic, payload, v3_qos(qos), retain));
            }
            let (client, mut machine) = AsyncClient::new(settings, REQUESTS);
            machine.network_options.set_connection_timeout(PATIENCE.as_secs());
            (Handle::V3(client), Machine::V3(Box::new(machine)))
        }
        Version::V5 => {
            let mut settings = v5::MqttOptions::new(&options.client_id, "127.0.0.1", options.port);
            settings
                .set_clean_start(options.clean_start)
                .set_session_expiry_interval(Some(options.session_expiry_interval))
                .set_keep_alive(options.keep_alive)
                .set_connection_timeout(PATIENCE.as_secs())
                .set_max_packet_size(u32::try_from(LARGEST_PACKET).ok());
            if let Some(will) = &options.will {
                let Message { topic, payload, qos, retain } = will.message.clone();
                settings.set_last_will(v5::mqttbytes::v5::LastWill::new(
                    topic,
                    payload,
                    v5_qos(qos),
                    retain,
                    None,
                ));
            }
            let (client, machine) = v5::AsyncClient::new(settings, REQUESTS);
            (Handle::V5(client), Machine::V5(Box::new(machine)))
        }
    }
}

/// Reports what was written; DISCONNECT ends the loop as a lost connection does.
fn sent(outgoing: &Outgoing) -> Result<Option<Happening>, String> {
    match outgoing {
        Outgoing::Publish(packet_id) => Ok(Some(Happening::Sent(*packet_id))),
        Outgoing::Disconnect => Err("disconnected".to_owned()),
        _ => Ok(None),
    }
}

fn v3_happening(packet: rumqttc::Packet) -> Option<Happening> {
    use rumqttc::{Packet, SubscribeReasonCode};
    match packet {
        Packet::ConnAck(connack) => {
            Some(Happening::Connected { session_present: connack.session_present })
        }
        Packet::SubAck(suback) => Some(match suback.return_codes[..] {
            [SubscribeReasonCode::Success(_)] => Happening::Subscribed,
            _ => Happening::Refused(format!("{suback:?}")),
        }),
        Packet::Publish(publish) => Some(Happening::Message {
            packet_id: publish.pkid,
            message: Message {
                topic: publish.topic,
                payload: publish.payload.to_vec(),
                qos: QoS::from_number(publish.qos as u64)?,
                retain: publish.retain,
            },
        }),
        Packet::PubRel(pubrel) => Some(Happening::Released(pubrel.pkid)),
        Packet::PubAck(puback) => Some(Happening::Complete(puback.pkid)),
        Packet::PubComp(pubcomp) => Some(Happening::Complete(pubcomp.pkid)),
        _ => None,
    }
}

fn v5_happening(packet: v5::mqttbytes::v5::Packet) -> Option<Happening> {
    use v5::mqttbytes::v5::{Packet, PubAckReason, PubRecReason, SubscribeReasonCode};
    match packet {
        Packet::ConnAck(connack) => {
            Some(Happening::Connected { session_present: connack.session_present })
        }
        Packet::SubAck(suback) => Some(match suback.return_codes[..] {
            [SubscribeReasonCode::Success(_)] => Happening::Subscribed,
            _ => Happening::Refused(format!("{suback:?}")),
        }),
        Packet::Publish(publish) => Some(Happening::Message {
            packet_id: publish.pkid,
            message: Message {
                topic: String::from_utf8(publish.topic.to_vec()).ok()?,
                payload: publish.payload.to_vec(),
                qos: QoS::from_number(publish.qos as u64)?,
                retain: publish.retain,
            },
        }),
        Packet::PubRel(pubrel) => Some(Happening::Released(pubrel.pkid)),
        Packet::PubAck(puback) => Some(match puback.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => {
                Happening::Complete(puback.pkid)
            }
            reason => Happening::Refused(format!("a message: {reason:?}")),
        }),
        Packet::PubRec(pubrec) => match pubrec.reason {
            PubRecReason::Success | PubRecReason::NoMatchingSubscribers => None,
            reason => Some(Happening::Refused(format!("a message: {reason:?}"))),
        },
        Packet::PubComp(pubcomp) => Some(Happening::Complete(pubcomp.pkid)),
        _ => None,
    }
}

fn v3_qos(qos: QoS) -> rumqttc::QoS {
    match qos {
        QoS::AtMostOnce => rumqttc::QoS::AtMostOnce,
        QoS::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
        QoS::ExactlyOnce => rumqttc::QoS::ExactlyOnce,
    }
}

fn v5_qos(qos: QoS) -> v5::mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => v5::mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => v5::mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => v5::mqttbytes::QoS::ExactlyOnce,
    }
}

/// rumqttc takes 10 KiB by default.
const LARGEST_PACKET: usize = 100_000_000;

/// Messages that may be incomplete at a time. When rumqttc comes to the end of the
/// window it shares with the broker, it gives packet identifiers out again that
/// wait for PUBCOMP; it never gets there with half of the smallest window.
const WINDOW: usize = 10;

/// How many requests rumqttc queues before it refuses.
const REQUESTS: usize = 1024;
