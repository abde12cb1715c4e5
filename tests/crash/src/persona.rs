//! Who takes part: clients of every kind, and what each of them does.

use std::time::Duration;

use ferrymq_codec::{QoS, Version};

use crate::event::{ClientNumber, FilterNumber, TopicNumber};
use crate::random::Random;
use crate::scene::{Life, Scene};

/// What a client is like.
#[derive(Clone, Debug)]
pub(crate) struct Persona {
    pub(crate) version: Version,
    pub(crate) role: Role,
    /// What the client asks for in CONNECT; before MQTT 5.0 there is no such thing.
    pub(crate) receive_maximum: Option<u16>,
    /// Subscriptions that the client always has.
    pub(crate) base: Vec<(FilterNumber, QoS)>,
    /// Subscriptions that come and go.
    pub(crate) optional: Vec<(FilterNumber, QoS)>,
    /// Where the client writes to itself.
    pub(crate) own_topic: TopicNumber,
    /// The filter for it. It is subscribed to again and again: SUBACK says that all before it is
    /// kept.
    pub(crate) private: FilterNumber,
    /// Where the client publishes.
    pub(crate) topics: Vec<TopicNumber>,
    /// Where nobody else publishes retained messages.
    pub(crate) retained: Vec<TopicNumber>,
    /// How many messages may be under way.
    pub(crate) window: usize,
    pub(crate) will: Option<PersonaWill>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PersonaWill {
    pub(crate) topic: TopicNumber,
    pub(crate) qos: QoS,
    pub(crate) delay: Duration,
}

/// How a client comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Comes back soon.
    Regular,
    /// Comes back after many rounds.
    Sleeper,
    /// Sometimes ends its session.
    Discarder,
    /// Reads what is retained, and leaves.
    Reader,
}

/// Everybody, in the order of their numbers.
pub(crate) fn cast(random: &mut Random) -> (Scene, Vec<Persona>) {
    let mut casting = Casting { scene: Scene::default(), personas: Vec::new() };
    let soon = Duration::ZERO;
    for (version, window, maximum) in [
        (Version::V5, 64, Some(3)),
        (Version::V3_1_1, 20, None),
        (Version::V5, 5, Some(100)),
        (Version::V3_1_1, 1, None),
        (Version::V5, 30, Some(1)),
        (Version::V5, 10, None),
        (Version::V3_1_1, 40, None),
        (Version::V3_1_1, 3, None),
    ] {
        let client = casting.add(version, Life::Persistent, Role::Regular, window, maximum);
        casting.give_topics(client, random);
        casting.give_subscriptions(client, random);
    }
    for (index, delay) in [(0, soon), (1, soon), (4, Duration::from_secs(2))] {
        casting.give_will(index, delay, random);
    }
    for (index, filter) in [(0, "q/#"), (2, "$share/g/g/#"), (5, "$share/g/g/#"), (3, "w/#")] {
        casting.subscribe(index, filter, QoS::ExactlyOnce);
    }
    casting.subscribe(6, "w/#", QoS::AtLeastOnce);
    for version in [Version::V3_1_1, Version::V5] {
        let client = casting.add(version, Life::Persistent, Role::Sleeper, 1, None);
        casting.subscribe(client, "z/#", QoS::ExactlyOnce);
    }
    for maximum in [Some(2), None, Some(20)] {
        let client = casting.add(Version::V5, Life::Persistent, Role::Discarder, 10, maximum);
        casting.give_topics(client, random);
        casting.give_subscriptions(client, random);
        casting.subscribe(client, "$share/g/g/#", QoS::ExactlyOnce);
    }
    for after in [2, 4] {
        let life = Life::Expires(Duration::from_secs(after));
        let client = casting.add(Version::V5, life, Role::Regular, 10, None);
        casting.give_topics(client, random);
        casting.give_subscriptions(client, random);
    }
    for version in [Version::V3_1_1, Version::V5, Version::V5] {
        let client = casting.add(version, Life::Transient, Role::Regular, 30, None);
        casting.give_topics(client, random);
        casting.give_will(client, soon, random);
    }
    let reader = casting.add(Version::V5, Life::Transient, Role::Reader, 0, None);
    casting.subscribe(reader, "r/#", QoS::AtLeastOnce);
    (casting.scene, casting.personas)
}

struct Casting {
    scene: Scene,
    personas: Vec<Persona>,
}

impl Casting {
    fn add(
        &mut self,
        version: Version,
        life: Life,
        role: Role,
        window: usize,
        receive_maximum: Option<u16>,
    ) -> usize {
        let index = self.personas.len();
        let ClientNumber(number) = self.scene.add_client(&format!("client-{index}"), life);
        debug_assert_eq!(number, index);
        let own = format!("private/{index}");
        let private = self.scene.add_filter(&own);
        self.personas.push(Persona {
            version,
            role,
            receive_maximum,
            base: Vec::new(),
            optional: Vec::new(),
            own_topic: self.scene.add_topic(&own),
            private,
            topics: Vec::new(),
            retained: Vec::new(),
            window,
            will: None,
        });
        if role != Role::Reader {
            self.subscribe(index, &own, QoS::AtLeastOnce);
        }
        index
    }

    fn give_topics(&mut self, index: usize, random: &mut Random) {
        let mut topics: Vec<String> = (0..3).map(|topic| format!("q/{index}/{topic}")).collect();
        topics.push(format!("g/{index}"));
        if random.per_mille(300) {
            topics.push(format!("z/{index}"));
        }
        let retained: Vec<String> = (0..4).map(|topic| format!("r/{index}/{topic}")).collect();
        let scene = &mut self.scene;
        if let Some(persona) = self.personas.get_mut(index) {
            persona.topics = topics.iter().map(|name| scene.add_topic(name)).collect();
            persona.retained = retained.iter().map(|name| scene.add_topic(name)).collect();
        }
    }

    fn give_subscriptions(&mut self, index: usize, random: &mut Random) {
        let neighbour = random.below(8);
        let level = random.below(3);
        let filters = [
            (format!("q/+/{level}"), true),
            (format!("q/{neighbour}/#"), random.per_mille(500)),
            (format!("q/{index}/1"), false),
            (format!("q/+/{}", (level + 1) % 3), false),
        ];
        for (text, is_base) in filters {
            let filter = self.scene.add_filter(&text);
            let qos = if random.per_mille(600) { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
            if let Some(persona) = self.personas.get_mut(index) {
                let list = if is_base { &mut persona.base } else { &mut persona.optional };
                list.push((filter, qos));
            }
        }
    }

    fn give_will(&mut self, index: usize, delay: Duration, random: &mut Random) {
        let topic = self.scene.add_topic(&format!("w/{index}"));
        let qos = if random.per_mille(500) { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        if let Some(persona) = self.personas.get_mut(index) {
            persona.will = Some(PersonaWill { topic, qos, delay });
        }
    }

    fn subscribe(&mut self, index: usize, filter: &str, qos: QoS) {
        let filter = self.scene.add_filter(filter);
        if let Some(persona) = self.personas.get_mut(index) {
            persona.base.push((filter, qos));
        }
    }
}
