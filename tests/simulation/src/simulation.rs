//! A run: chaos, then healing and the check that nobody is owed anything, then the end of all
//! sessions and the check that nothing of them is left.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_codec::QoS;
use ferrymq_protocol::time::Instant;
use ferrymq_server::Letter;
use ferrymq_store::TwinDisk;

use crate::agenda::{Agenda, Business, Occasion, Step, after};
use crate::broker::Broker;
use crate::client::{Client, Kind};
use crate::kept::{self, Keeper};
use crate::late_access::{LostRight, Right};
use crate::model::{Loss, Model, Publication, Receptions, SHARED_FILTERS};
use crate::options::Options;
use crate::random::{PerMille, Random};
use crate::scene::{Phase, Scene};
use crate::trace::Trace;
use crate::wire::Wire;

/// What a run was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Depends on everything that has happened.
    pub hash: u64,
    /// How many things have happened.
    pub steps: u64,
    /// How many messages were published.
    pub publications: usize,
    /// How often the broker has died and was started again.
    pub crashes: usize,
    /// How many segments of the log were freed.
    pub freed: u64,
}

/// What was wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// When it was found.
    pub step: u64,
    /// What was found, or expected.
    pub finding: String,
    /// What the concerned client has seen last.
    pub events: Vec<String>,
}

/// Runs a seed.
///
/// # Errors
///
/// What was wrong, a panic of the broker included.
pub fn run(seed: u64, printed: bool) -> Result<Report, Failure> {
    run_with(seed, printed, Options::of)
}

/// Runs a seed with a log on a disk, and a broker that dies now and then.
///
/// # Errors
///
/// As [`run`].
pub fn run_on_disk(seed: u64, printed: bool) -> Result<Report, Failure> {
    run_with(seed, printed, Options::on_disk)
}

/// Runs a seed in which some clients come through WebSocket, and some from behind a proxy.
///
/// # Errors
///
/// As [`run`].
pub fn run_through_layers(seed: u64, printed: bool) -> Result<Report, Failure> {
    run_with(seed, printed, Options::through_layers)
}

/// Runs a seed on a perfect network, with one shard and two clients.
///
/// # Errors
///
/// As [`run`].
pub fn run_calm(seed: u64, printed: bool) -> Result<Report, Failure> {
    run_with(seed, printed, Options::calm)
}

fn run_with(
    seed: u64,
    printed: bool,
    options: fn(&mut Random) -> Options,
) -> Result<Report, Failure> {
    let mut random = Random::new(seed);
    let options = options(&mut random);
    let mut simulation = Simulation::new(options, random, printed);
    let ran = catch_unwind(AssertUnwindSafe(|| simulation.run()));
    let mut scene = match &ran {
        Ok(()) => simulation.broker.scene.borrow_mut(),
        // Whoever has panicked may have been using the scene.
        Err(_) => match simulation.broker.scene.try_borrow_mut() {
            Ok(scene) => scene,
            Err(_) => return Err(Failure::new(seed, 0, "the broker has panicked", Vec::new())),
        },
    };
    if ran.is_err() {
        scene.fail(None, "the broker has panicked".to_owned());
    }
    match scene.failure.take() {
        Some((client, finding)) => {
            let events = client.map(|client| scene.trace.last_of(client)).unwrap_or_default();
            Err(Failure::new(seed, scene.step, &finding, events))
        }
        None => Ok(Report {
            hash: scene.trace.hash(),
            steps: scene.step,
            publications: scene.model.publications.len(),
            crashes: scene.model.crashes,
            freed: simulation.freed,
        }),
    }
}

impl Failure {
    fn new(seed: u64, step: u64, finding: &str, events: Vec<String>) -> Self {
        Self { seed, step, finding: finding.to_owned(), events }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "seed {} failed at step {}: {}", self.seed, self.step, self.finding)?;
        for event in &self.events {
            writeln!(formatter, "  {event}")?;
        }
        Ok(())
    }
}

/// A broker and its clients.
struct Simulation {
    broker: Rc<Broker>,
    clients: Vec<Client>,
    /// What the broker's log is on, if it has one.
    disk: Option<TwinDisk>,
    /// Rights that were lost of which some shards may not have heard.
    untold: Vec<(Arc<()>, usize)>,
    /// How many segments of the log were freed when that was last looked at.
    freed: u64,
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.broker.drop_turns();
    }
}

impl Simulation {
    fn new(options: Options, mut random: Random, printed: bool) -> Self {
        let wire = Wire::new(options.shards, options.network.clone(), random.fork());
        let mut scene = Scene {
            now: Instant::from_nanos(1_000_000_000),
            step: 0,
            phase: Phase::Chaos,
            agenda: Agenda::default(),
            wire,
            model: Model::new(options.topics),
            trace: Trace::new(options.clients + 1, printed),
            random,
            options,
            failure: None,
            last_activity: Instant::ZERO,
        };
        scene.trace.print(&format!("{:#?}", scene.options));
        let clients = (0..scene.options.clients)
            .map(|index| Client::new(index, &mut scene))
            .collect::<Vec<_>>();
        for client in &clients {
            scene.trace.print(&format!("{} {:?} {:?}", client.id, client.version, client.kind));
            scene.plan(0, Occasion::Tick(client.index));
        }
        let disk = scene.options.store.on_disk.then(|| TwinDisk::new(scene.random.next()));
        if let Some(disk) = &disk {
            disk.set_moody(scene.options.store.moody);
        }
        let longest = scene.options.operations * scene.options.pace_us;
        for _ in 0..scene.options.rights_lost {
            let at = scene.random.between(0, longest / 2);
            scene.plan(at, Occasion::LoseRight);
        }
        for _ in 0..scene.options.store.crashes {
            let at = scene.random.between(0, longest / 2);
            scene.plan(at, Occasion::Crash);
        }
        let broker = Broker::new(Rc::new(RefCell::new(scene)), disk.as_ref());
        Self {
            broker: broker.expect("an empty disk is in order"),
            clients,
            disk,
            untold: Vec::new(),
            freed: 0,
        }
    }

    fn run(&mut self) {
        self.run_until("the chaos ends", |simulation| {
            simulation.clients.iter().all(|client| client.operations_left == 0)
        });
        if self.broker.is_dead() {
            self.restart();
        }
        self.heal();
        self.run_until("all is delivered and acknowledged", Self::is_at_rest);
        self.check_deliveries();
        self.observe();
        self.broker.scene.borrow_mut().phase = Phase::Leave;
        self.run_until("all clients have left", |simulation| {
            simulation.clients.iter().all(|client| client.has_left)
        });
        self.check_nothing_is_left();
        for mailbox in self.broker.post.iter() {
            mailbox.post(Letter::ShutDown);
            mailbox.wake();
        }
        self.run_until("the broker has ended", |simulation| simulation.broker.has_ended());
        self.count_freed();
        self.check_nothing_is_kept();
    }

    /// The segments of a log are numbered from 1, and the oldest are freed first.
    fn count_freed(&mut self) {
        if let Keeper::Log(log) = &self.broker.keeper {
            let first = log.store.log().segments().iter().map(|segment| segment.id.0).min();
            self.freed = u64::from(first.unwrap_or(1)) - 1;
        }
    }

    /// Whoever opened the log now would find nothing.
    fn check_nothing_is_kept(&self) {
        let (Keeper::Log(log), Some(disk)) = (&self.broker.keeper, &self.disk) else {
            return;
        };
        let mut scene = self.broker.scene.borrow_mut();
        if scene.failure.is_some() {
            return;
        }
        while log.store.commit().is_ok_and(|worked| worked) {}
        let closed = log.store.log().close().map_err(|error| error.to_string());
        disk.kill();
        let found = closed.and_then(|()| kept::look(disk, &scene.options.store));
        match found {
            Ok(recovered) => {
                let wills = recovered.unfinished.wills.len();
                let orphans = recovered.unfinished.orphans.len();
                let left = (recovered.sessions.len(), wills, orphans);
                if left != (0, 0, 0) {
                    let finding =
                        format!("sessions, wills and orphans are left in the log: {left:?}");
                    scene.fail(None, finding);
                }
            }
            Err(error) => scene.fail(None, format!("the log cannot be opened: {error}")),
        }
    }

    /// Runs until something is so, which must be before the time is over.
    fn run_until(&mut self, what: &str, is_done: impl Fn(&Self) -> bool) {
        let (begin, first_step) = {
            let scene = self.broker.scene.borrow();
            (scene.now, scene.step)
        };
        while self.broker.scene.borrow().failure.is_none() && !is_done(self) {
            self.step();
            let mut scene = self.broker.scene.borrow_mut();
            let waited = scene.now.saturating_duration_since(begin);
            if waited > PATIENCE || scene.step - first_step > MOST_STEPS {
                let restless = self.clients.iter().find(|client| !client.is_at_rest());
                let finding = match restless {
                    Some(client) => format!("waited in vain until {what}: {client:?}"),
                    None => format!("waited in vain until {what}"),
                };
                scene.fail(restless.map(|client| client.index), finding);
            }
        }
    }

    /// Lets the next thing happen: a turn, or an occasion.
    fn step(&mut self) {
        if self.broker.is_dead() {
            self.restart();
        }
        self.plan_late_answers();
        self.note_what_is_told();
        let runnable = self.broker.runnable();
        let next_time = {
            let scene = self.broker.scene.borrow();
            let times = [scene.agenda.next_time(), self.broker.next_deadline()];
            times.into_iter().flatten().min()
        };
        let mut scene = self.broker.scene.borrow_mut();
        let due = scene.agenda.next_time().is_some_and(|at| at <= scene.now);
        // Now and then a shard is slow, and the world goes on without it.
        let passed_over = scene.random.chance(if due { PerMille(500) } else { PerMille(50) });
        if !runnable.is_empty() && !passed_over {
            let shard = *scene.random.pick(&runnable);
            drop(scene);
            self.broker.run(shard);
            return;
        }
        if let Some(at) = next_time {
            scene.now = scene.now.max(at);
        }
        let occasion = match scene.agenda.next_time() {
            Some(at) if at <= scene.now => scene.agenda.pop(),
            _ => None,
        };
        scene.step += 1;
        drop(scene);
        if let Some((_, occasion)) = occasion {
            self.happen(occasion);
        }
    }

    fn happen(&mut self, occasion: Occasion) {
        let broker = Rc::clone(&self.broker);
        let scene = &mut *broker.scene.borrow_mut();
        match occasion {
            Occasion::Knock(id) => scene.wire.knock(id),
            Occasion::Arrival(id, direction) => {
                let now = scene.now;
                scene.wire.arrive(id, direction, now);
                if direction == crate::agenda::Direction::Down {
                    let client = scene.wire.connections[id as usize].client;
                    self.clients[client].read(id, scene);
                }
            }
            Occasion::Room(id, direction) => {
                let client = scene.wire.connections[id as usize].client;
                if scene.wire.give_room(id, direction) && direction == crate::agenda::Direction::Up
                {
                    self.clients[client].flush(scene);
                }
            }
            Occasion::Readable(id) => scene.wire.tell_readable(id),
            Occasion::Reset(id) => scene.wire.reset(id),
            Occasion::ClientReads(client, id) => self.clients[client].read(id, scene),
            Occasion::Tick(client) => self.clients[client].tick(scene),
            Occasion::InLife(life, business) if life == scene.model.crashes => {
                broker.attend_to(business);
            }
            Occasion::InLife(..) => {}
            Occasion::LoseRight | Occasion::Crash if scene.phase > Phase::Chaos => {}
            Occasion::LoseRight => {
                let client = scene.random.below(self.clients.len());
                let topic = scene.random.below(scene.options.topics);
                let right = *scene.random.pick(&[Right::Publish, Right::Receive]);
                let lost = LostRight {
                    client_id: self.clients[client].id.clone(),
                    right,
                    topic: scene.model.topics[topic].clone(),
                };
                scene.note(client, &format!("loses a right: {lost:?}"));
                self.untold.push((broker.take_right(lost.clone()), scene.model.losses.len()));
                let begun_at = scene.step;
                let loss = Loss { client, topic, lost, begun_at, holds_since: None };
                scene.model.losses.push(loss);
            }
            Occasion::Crash => {
                let doings = if scene.random.coin() { 0 } else { scene.random.below(40) };
                broker.die_in(doings);
            }
        }
    }

    /// A right is lost once all shards have heard of it, or are gone.
    fn note_what_is_told(&mut self) {
        let mut scene = self.broker.scene.borrow_mut();
        let now = (scene.step, scene.now);
        self.untold.retain(|(asked, loss)| {
            let is_told = Arc::strong_count(asked) == 1;
            if is_told {
                scene.model.losses[*loss].holds_since = Some(now);
            }
            !is_told
        });
    }

    /// What store and control plane were asked is answered at some time.
    fn plan_late_answers(&self) {
        let mut scene = self.broker.scene.borrow_mut();
        let durable_us = scene.options.store.durable_us;
        match &self.broker.keeper {
            Keeper::Memory(store) => {
                for (writer, counter) in store.take_appended() {
                    scene.plan_in_life(durable_us, Business::Durable(writer, counter));
                }
                for number in store.take_late_fetches() {
                    scene.plan_in_life(LATEST_ANSWER_US, Business::Fetch(number));
                }
                if store.perhaps_fill() {
                    scene.plan_in_life(LATEST_ANSWER_US, Business::LogHasRoom);
                }
            }
            Keeper::Log(log) => {
                for (step, latest_us) in
                    [(Step::Commit, durable_us), (Step::Sync, SYNC_US), (Step::Read, durable_us)]
                {
                    if log.plan(step) {
                        scene.plan_in_life(latest_us, Business::Log(step));
                    }
                }
            }
        }
        for number in self.broker.access.take_asked() {
            scene.plan_in_life(LATEST_ANSWER_US, Business::Answer(number));
        }
    }

    /// The broker has died, and starts again with what is on the disk.
    fn restart(&mut self) {
        self.count_freed();
        let shared = Rc::clone(&self.broker.scene);
        self.broker.drop_turns();
        {
            let scene = &mut *shared.borrow_mut();
            let power_fails = scene.options.store.power_fails && scene.random.coin();
            if let Some(disk) = &self.disk {
                if power_fails { disk.crash() } else { disk.kill() }
            }
            scene.options.shards = u16::try_from(scene.random.between(1, 4)).unwrap_or(1);
            let (now, shards) = (scene.now, scene.options.shards);
            let event = format!("crash, power fails: {power_fails}; then {shards} shards");
            scene.trace.print(&event);
            scene.wire.server_dies(shards, now, &mut scene.agenda);
            scene.model.crash();
            for client in &mut self.clients {
                client.session.forget_lazy_identifiers();
                if !client.is_persistent() {
                    client.break_groups(scene);
                }
            }
            let down_us = *scene.random.pick(&[0, 10_000, 3_000_000]);
            scene.now = after(now, scene.random.between(0, down_us));
            scene.last_activity = scene.now;
            scene.wire.server_returns(scene.now);
        }
        match Broker::new(Rc::clone(&shared), self.disk.as_ref()) {
            Ok(broker) => self.broker = broker,
            Err(error) => {
                let finding = format!("the broker does not start: {error}");
                shared.borrow_mut().fail(None, finding);
            }
        }
    }

    /// Nothing goes wrong from now on.
    fn heal(&self) {
        let mut scene = self.broker.scene.borrow_mut();
        scene.trace.print("healed");
        scene.phase = Phase::Drain;
        scene.wire.heal();
        scene.last_activity = scene.now;
        drop(scene);
        self.broker.live_on();
        if let Keeper::Memory(store) = &self.broker.keeper {
            store.heal();
        }
        self.broker.access.heal();
        self.broker.post.iter().for_each(ferrymq_server::Mailbox::wake);
    }

    fn is_at_rest(&self) -> bool {
        let scene = self.broker.scene.borrow();
        let quiet = scene.now.saturating_duration_since(scene.last_activity);
        quiet > REST
            && self.clients.iter().all(|client| {
                // What a client has given up the broker may still hold to be alive, and owe it
                // messages that then go to others.
                client.ghosts.is_empty()
                    && (client.is_at_rest()
                        || client.kind == Kind::Transient && client.link.is_none())
            })
    }

    fn check_deliveries(&self) {
        let mut scene = self.broker.scene.borrow_mut();
        for client in &self.clients {
            client.check_owed(&mut scene);
        }
        for filter in SHARED_FILTERS {
            check_group(filter, &self.clients, &mut scene);
        }
        let kept = self.broker.message_count();
        if kept > 0 {
            scene.fail(None, format!("the store keeps {kept} messages that nobody is owed"));
        }
    }

    /// A new client subscribes to everything and sees what is retained.
    fn observe(&mut self) {
        let index = self.clients.len();
        {
            let mut scene = self.broker.scene.borrow_mut();
            if scene.failure.is_some() {
                return;
            }
            let observer = Client::observer(index, &mut scene);
            scene.plan(0, Occasion::Tick(index));
            scene.last_activity = scene.now;
            self.clients.push(observer);
        }
        self.run_until("the observer has seen everything", |simulation| {
            simulation.is_at_rest() && simulation.clients[index].is_at_rest()
        });
        let mut scene = self.broker.scene.borrow_mut();
        let seen = &self.clients[index].retained_seen;
        for (number, topic) in scene.model.topics.clone().iter().enumerate() {
            let found = seen.get(topic).and_then(|payload| scene.model.recognize(payload));
            if !scene.model.may_be_retained(number, found) {
                let finding = format!("{found:?} must not be what is retained for {topic}");
                scene.fail(None, finding);
            }
        }
    }

    fn check_nothing_is_left(&mut self) {
        // What lingers has an end of its own.
        let deadline = {
            let scene = self.broker.scene.borrow();
            scene.now.saturating_add(Duration::from_secs(20))
        };
        self.run_until("connections have ended", |simulation| {
            simulation.broker.scene.borrow().now > deadline
        });
        let metrics = self.broker.directory.metrics();
        let left = [
            ("sessions", metrics.sessions()),
            ("connected clients", metrics.clients_connected()),
            ("queued messages", metrics.messages_queued()),
            ("connections", self.broker.connection_count() as u64),
            ("subscriptions", self.broker.directory.subscription_counts().0 as u64),
            ("stored messages", self.broker.message_count() as u64),
            ("unread mailboxes", {
                self.broker.post.iter().filter(|mailbox| !mailbox.is_empty()).count() as u64
            }),
        ];
        for (what, count) in left {
            if count != 0 {
                self.broker.scene.borrow_mut().fail(None, format!("{count} {what} are left"));
            }
        }
    }
}

/// Each message for a group was given to one member.
fn check_group(filter: &str, clients: &[Client], scene: &mut Scene) {
    let stable: Vec<(&Client, &crate::model::Subscription)> = clients
        .iter()
        .filter(|client| client.is_persistent())
        .flat_map(|client| client.session.subscriptions.iter().map(move |found| (client, found)))
        .filter(|(_, found)| found.filter == filter && found.ended_at.is_none())
        .collect();
    let broken = scene.model.broken_groups.contains(filter);
    // What is too large for the member that was picked is nobody's.
    let all_large = clients.iter().all(|client| client.maximum_packet_size.is_none());
    for number in 0..scene.model.publications.len() {
        let Publication { qos, sends, retain, .. } = scene.model.publications[number];
        if !crate::model::matches(filter, scene.model.topic_of(number)) || retain {
            continue;
        }
        let Receptions { all, exactly_once } =
            scene.model.shared_receptions.get(&number).copied().unwrap_or_default();
        let owed = stable
            .iter()
            .any(|(client, found)| scene.model.is_owed(number, found, client.index, None));
        // A QoS 2 message that was sent to a member is lost with its session [MQTT-4.8.2-5], and
        // with a crash whatever was with a member whose session ends with it.
        let crashes = scene.model.crashes;
        let may_be_lost = broken && (qos == QoS::ExactlyOnce || crashes > 0);
        if owed && all == 0 && all_large && !may_be_lost {
            scene.fail(None, format!("message #{number} to the group {filter} is lost"));
        }
        // What a member was sent with QoS 1 and has not acknowledged goes to another when its
        // session ends.
        if exactly_once > sends.max(1) || (all > sends.max(1) * (1 + crashes) && !broken) {
            let finding = format!("message #{number} has reached the group {filter} {all} times");
            scene.fail(None, finding);
        }
    }
}

/// The longest time until an answer of the store or the control plane, in microseconds.
const LATEST_ANSWER_US: usize = 200_000;
/// The longest time until what was only written is synced.
const SYNC_US: usize = 1_000_000;
/// How long nothing must happen until all is done.
const REST: Duration = Duration::from_secs(3);
/// The longest virtual time of a phase.
const PATIENCE: Duration = Duration::from_mins(10);
const MOST_STEPS: u64 = 2_000_000;
