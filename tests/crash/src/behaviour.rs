//! What clients do next: anything while there is load, and what they must when it is over.

use std::time::Duration;

use ferrymq_codec::{QoS, Version};

use crate::client::{Client, Phase, World};
use crate::connection::Connection;
use crate::event::{Act, TopicNumber};
use crate::history::Fault;
use crate::ledger::Message;
use crate::persona::Role;
use crate::random::Random;

/// How often the clients do what, in a thousand of their turns. A round has moods of its own, so
/// that some rounds are calm and others are not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mood {
    publish: u64,
    answer: u64,
    change_subscriptions: u64,
    leave: u64,
    /// Whether sleepers wake.
    pub(crate) wakes_sleepers: bool,
}

impl Mood {
    pub(crate) const fn any(random: &mut Random) -> Self {
        Self {
            publish: random.between(20, 600),
            answer: random.between(100, 1000),
            change_subscriptions: random.magnitude(5),
            leave: random.below(12),
            wakes_sleepers: random.per_mille(30),
        }
    }
}

impl Client {
    /// Does something, or nothing.
    pub(crate) fn act(
        &mut self,
        world: &mut World<'_>,
        mood: &Mood,
        random: &mut Random,
    ) -> Result<(), Fault> {
        match self.phase {
            Phase::Away(until) => {
                let sleeps = self.persona.role == Role::Sleeper && !mood.wakes_sleepers;
                if until > world.now || sleeps || world.way.is_none() {
                    return Ok(());
                }
                let clean_start = self.persona.role == Role::Discarder && random.per_mille(50);
                self.connect(world, clean_start)
            }
            Phase::Connecting | Phase::Leaving => Ok(()),
            Phase::Connected if self.persona.role == Role::Reader => self.read_retained(world),
            Phase::Connected => self.act_connected(world, mood, random),
        }
    }

    fn act_connected(
        &mut self,
        world: &mut World<'_>,
        mood: &Mood,
        random: &mut Random,
    ) -> Result<(), Fault> {
        if random.per_mille(mood.answer) {
            let count = usize::try_from(random.magnitude(5)).unwrap_or(1);
            self.answer(world, count)?;
        }
        let is_congested = self.connection.as_ref().is_none_or(Connection::is_congested);
        if random.per_mille(mood.publish) && !is_congested {
            for _ in 0..random.magnitude(4) {
                if self.outbound.len() < self.persona.window {
                    self.publish_something(world, random)?;
                }
            }
        }
        if random.per_mille(mood.change_subscriptions) {
            self.change_subscriptions(world, random)?;
        }
        if random.per_mille(mood.leave) {
            self.leave(world, random)?;
        }
        Ok(())
    }

    fn publish_something(
        &mut self,
        world: &mut World<'_>,
        random: &mut Random,
    ) -> Result<(), Fault> {
        let is_v5 = self.persona.version == Version::V5;
        let retained = random.per_mille(100);
        let topics = if retained { &self.persona.retained } else { &self.persona.topics };
        let Some(topic) = random.pick(topics) else {
            return Ok(());
        };
        let is_empty = retained && random.per_mille(250);
        let expiry = match random.below(40) {
            0 if is_v5 => Some(1),
            1 if is_v5 => Some(3),
            2 | 3 if is_v5 => Some(20_000),
            _ => None,
        };
        let message = self.message(topic, retained, is_empty, expiry, random);
        let length = match random.below(1000) {
            0 => random.below(400_000),
            1..30 => random.below(8000),
            _ => random.below(250),
        };
        let length = if retained { length.min(1000) } else { length };
        self.publish(world, message, usize::try_from(length).unwrap_or(0))
    }

    fn message(
        &self,
        topic: TopicNumber,
        retain: bool,
        is_empty: bool,
        expiry: Option<u32>,
        random: &mut Random,
    ) -> Message {
        // What is sent again with QoS 1 would undo a newer message with QoS 2, which is not taken
        // over again: a topic has one QoS.
        let exactly_once = if retain { topic.0.is_multiple_of(2) } else { random.per_mille(500) };
        Message {
            publisher: self.number,
            topic,
            qos: if exactly_once { QoS::ExactlyOnce } else { QoS::AtLeastOnce },
            retain,
            is_empty,
            expiry,
            will_delay: None,
        }
    }

    fn change_subscriptions(
        &mut self,
        world: &mut World<'_>,
        random: &mut Random,
    ) -> Result<(), Fault> {
        match random.pick(&self.persona.optional) {
            Some((filter, _)) if random.per_mille(400) => self.unsubscribe(world, filter),
            Some((filter, qos)) if random.per_mille(700) => self.subscribe(world, filter, qos),
            _ => self.subscribe(world, self.persona.private, QoS::AtLeastOnce),
        }
    }

    fn leave(&mut self, world: &mut World<'_>, random: &mut Random) -> Result<(), Fault> {
        let long = random.per_mille(150);
        let pause = if long { random.below(6000) } else { random.below(200) };
        let until = world.now + Duration::from_millis(pause);
        if self.persona.role == Role::Discarder && random.per_mille(100) {
            return self.disconnect(world, true);
        }
        match random.below(4) {
            0 | 1 => self.disconnect(world, false),
            2 => self.closed(world, Act::Lost, until),
            // The next connection takes the session over from one that is still open.
            _ => {
                let old = self.connection.take();
                self.closed(world, Act::Lost, world.now)?;
                self.connect(world, false)?;
                drop(old);
                Ok(())
            }
        }
    }

    /// Finishes what is open and asks for nothing new.
    pub(crate) fn settle(&mut self, world: &mut World<'_>) -> Result<(), Fault> {
        match self.phase {
            Phase::Away(_) if self.persona.role != Role::Reader => self.connect(world, false),
            Phase::Connected if self.persona.role == Role::Reader => self.read_retained(world),
            Phase::Connected => self.answer(world, usize::MAX),
            Phase::Away(_) | Phase::Connecting | Phase::Leaving => Ok(()),
        }
    }

    /// Publishes to itself what comes when everything before it has come.
    pub(crate) fn write_to_itself(&mut self, world: &mut World<'_>) -> Result<(), Fault> {
        let message = Message {
            publisher: self.number,
            topic: self.persona.own_topic,
            qos: QoS::AtLeastOnce,
            retain: false,
            is_empty: false,
            expiry: None,
            will_delay: None,
        };
        self.publish(world, message, 0)
    }

    /// Asks for an answer that waits until everything before it is kept.
    pub(crate) fn confirm(&mut self, world: &mut World<'_>) -> Result<(), Fault> {
        self.subscribe(world, self.persona.private, QoS::AtLeastOnce)
    }

    /// Reads what is retained and leaves. Retained messages come in the turns after SUBACK; what is
    /// asked for later is answered later.
    fn read_retained(&mut self, world: &mut World<'_>) -> Result<(), Fault> {
        self.answer(world, usize::MAX)?;
        let Some((filter, _)) = self.persona.base.first().copied() else {
            return Ok(());
        };
        if !self.requests.is_empty() || self.pings > 0 {
            return Ok(());
        }
        if !self.subscribed.contains(&self.persona.private) {
            return self.confirm(world);
        }
        if self.pinged < READER_PINGS {
            self.pinged += 1;
            self.ping();
            return Ok(());
        }
        world.note(self.number, Act::RetainedRead(filter))?;
        self.times_read += 1;
        self.pinged = 0;
        self.disconnect(world, false)
    }
}

/// How many times a reader waits for PINGRESP after its SUBACK.
const READER_PINGS: usize = 3;
