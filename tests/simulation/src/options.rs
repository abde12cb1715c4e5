//! What happens in a run: each seed switches faults on and off and chooses sizes and limits by
//! itself, so that rare combinations meet (swarm testing).

use std::time::Duration;

use ferrymq_broker::{Durability, Limits, PaceLimits};
use ferrymq_codec::QoS;
use ferrymq_protocol::limits::ServerLimits;

use crate::random::{PerMille, Random};

/// The choices of a seed.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) shards: u16,
    pub(crate) clients: usize,
    pub(crate) topics: usize,
    /// What all publish and subscribe with, if not each as it likes.
    pub(crate) only_qos: Option<QoS>,
    /// How many things each client does before all is healed.
    pub(crate) operations: usize,
    /// The longest time between two of them, in microseconds.
    pub(crate) pace_us: usize,
    pub(crate) network: NetworkFaults,
    /// How often a client does not come in plain MQTT.
    pub(crate) layered: PerMille,
    pub(crate) store: StoreFaults,
    pub(crate) access: AccessFaults,
    /// How often a client loses a right.
    pub(crate) rights_lost: usize,
    pub(crate) clients_do: Behaviour,
    /// How often another shard's turn runs in the middle of a turn.
    pub(crate) interleaved: PerMille,
    pub(crate) limits: Limits,
}

/// What the network does.
#[derive(Clone, Debug)]
pub(crate) struct NetworkFaults {
    /// The longest time that bytes are on their way, in microseconds.
    pub(crate) delay_us: usize,
    /// Bytes that a direction of a connection holds.
    pub(crate) capacity: usize,
    pub(crate) short: PerMille,
    pub(crate) would_block: PerMille,
    pub(crate) spurious: PerMille,
    pub(crate) accept_fails: PerMille,
}

/// What the store does.
#[derive(Clone, Debug)]
pub(crate) struct StoreFaults {
    /// The longest time until records are durable, in microseconds; 0: at once.
    pub(crate) durable_us: usize,
    pub(crate) late_fetches: PerMille,
    pub(crate) failed_fetches: PerMille,
    /// How often the log's buffer runs full.
    pub(crate) full: PerMille,
    /// The store is the log that ships, on a virtual disk; what is above is for the one in memory,
    /// but for the longest time.
    pub(crate) on_disk: bool,
    pub(crate) segment_bytes: u64,
    /// How often the broker dies.
    pub(crate) crashes: usize,
    /// Whether the power may fail with it, which takes what was not synced.
    pub(crate) power_fails: bool,
    /// Whether the disk does less at once than it is asked for.
    pub(crate) moody: bool,
}

/// How questions of access are answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessFaults {
    pub(crate) late: PerMille,
    pub(crate) lost: PerMille,
}

/// What clients do besides publishing and subscribing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) cut: PerMille,
    pub(crate) vanish: PerMille,
    pub(crate) half_close: PerMille,
    pub(crate) take_over: PerMille,
    pub(crate) disconnect: PerMille,
    pub(crate) discard: PerMille,
    pub(crate) slow: PerMille,
    pub(crate) late_acks: PerMille,
    pub(crate) pipelined: PerMille,
    pub(crate) wills: PerMille,
    pub(crate) shared: PerMille,
    pub(crate) retained: PerMille,
    pub(crate) large: PerMille,
}

impl Options {
    /// The choices of this seed.
    pub(crate) fn of(random: &mut Random) -> Self {
        let shards = u16::try_from(random.between(1, 4)).unwrap_or(1);
        let clients = random.between(2, 8);
        let capacity = *random.pick(&[40, 300, 2_000, 64_000]);
        Self {
            shards,
            clients,
            topics: *random.pick(&[1, 1, 2, 3, 5]),
            only_qos: (random.below(4) == 0).then(|| *random.pick(&QOS)),
            operations: random.between(20, 80),
            pace_us: *random.pick(&[2_000, 20_000, 200_000]),
            network: NetworkFaults {
                delay_us: *random.pick(&[0, 100, 3_000, 50_000]),
                capacity,
                short: maybe(random, 300),
                would_block: maybe(random, 200),
                spurious: maybe(random, 100),
                accept_fails: maybe(random, 200),
            },
            layered: PerMille(0),
            store: StoreFaults {
                durable_us: *random.pick(&[0, 0, 500, 20_000, 200_000]),
                late_fetches: maybe(random, 900),
                failed_fetches: maybe(random, 300),
                full: maybe(random, 20),
                on_disk: false,
                segment_bytes: 0,
                crashes: 0,
                power_fails: false,
                moody: false,
            },
            access: AccessFaults { late: maybe(random, 400), lost: maybe(random, 50) },
            rights_lost: *random.pick(&[0, 0, 1, 3]),
            clients_do: behaviour(capacity, random),
            interleaved: maybe(random, 500),
            limits: limits(random),
        }
    }

    /// The same with a log on a disk, and a broker that dies now and then.
    pub(crate) fn on_disk(random: &mut Random) -> Self {
        let mut options = Self::of(random);
        let power_fails = random.coin();
        options.store.on_disk = true;
        options.store.segment_bytes = *random.pick(&[4_096, 8_192, 65_536]);
        options.store.crashes = random.below(5);
        options.store.power_fails = power_fails;
        options.store.moody = random.coin();
        options.limits.durability = match power_fails || random.coin() {
            true => Durability::Power,
            false => Durability::Process,
        };
        options.limits.round_sessions_per_turn = random.between(1, 3);
        options.limits.round_entries_per_turn = random.between(1, 20);
        options
    }

    /// The same, with or without a disk, through WebSocket and from behind proxies.
    pub(crate) fn through_layers(random: &mut Random) -> Self {
        let mut options = if random.coin() { Self::of(random) } else { Self::on_disk(random) };
        options.layered = *random.pick(&[PerMille(500), PerMille(1000)]);
        // A handshake through a smaller hole takes longer than clients wait.
        options.network.capacity = options.network.capacity.max(300);
        options
    }

    /// A broker of one shard on a perfect network, and clients that behave.
    pub(crate) fn calm(random: &mut Random) -> Self {
        let never = PerMille(0);
        Self {
            shards: 1,
            clients: 2,
            topics: 2,
            only_qos: None,
            operations: 50,
            pace_us: 2_000,
            network: NetworkFaults {
                delay_us: 100,
                capacity: 64_000,
                short: never,
                would_block: never,
                spurious: never,
                accept_fails: never,
            },
            layered: never,
            store: StoreFaults {
                durable_us: 0,
                late_fetches: never,
                failed_fetches: never,
                full: never,
                on_disk: false,
                segment_bytes: 0,
                crashes: 0,
                power_fails: false,
                moody: false,
            },
            access: AccessFaults { late: never, lost: never },
            rights_lost: 0,
            clients_do: Behaviour {
                cut: never,
                vanish: never,
                half_close: never,
                take_over: never,
                disconnect: never,
                discard: never,
                slow: never,
                late_acks: never,
                pipelined: never,
                wills: never,
                shared: never,
                retained: PerMille(200),
                large: never,
            },
            interleaved: never,
            limits: limits(random),
        }
    }
}

fn behaviour(capacity: usize, random: &mut Random) -> Behaviour {
    let large = maybe(random, 100);
    Behaviour {
        cut: maybe(random, 60),
        vanish: maybe(random, 30),
        half_close: maybe(random, 30),
        take_over: maybe(random, 100),
        disconnect: maybe(random, 60),
        discard: maybe(random, 100),
        slow: maybe(random, 100),
        late_acks: maybe(random, 300),
        pipelined: maybe(random, 500),
        wills: maybe(random, 500),
        shared: maybe(random, 500),
        retained: maybe(random, 500),
        // A large packet through a small hole takes longer than the keep alive.
        large: if capacity < 2_000 { PerMille(0) } else { large },
    }
}

/// Small limits are where the edges are, large ones leave room for what has no limit.
fn limits(random: &mut Random) -> Limits {
    let defaults = Limits::default();
    Limits {
        connection: ServerLimits {
            receive_maximum: *random.pick(&[1, 2, 5, 1024]),
            send_maximum: *random.pick(&[1, 2, 5, 1024]),
            topic_alias_maximum: *random.pick(&[0, 1, 10]),
            ..ServerLimits::default()
        },
        connect_timeout: Duration::from_secs(5),
        answer_timeout: Duration::from_millis(*random.pick(&[300, 3_000])),
        fetch_retry: Duration::from_millis(*random.pick(&[20, 1_000])),
        output_room: *random.pick(&[1, 100, 2_000, defaults.output_room]),
        mail_bytes: *random.pick(&[200, 1_000, defaults.mail_bytes]),
        routes: *random.pick(&[1, 3, defaults.routes]),
        deliveries_per_turn: *random.pick(&[0, 1, defaults.deliveries_per_turn]),
        retained_per_turn: *random.pick(&[1, 2, defaults.retained_per_turn]),
        sys_interval: *random.pick(&[Duration::ZERO, Duration::from_secs(1)]),
        client_pace: PaceLimits {
            messages: *random.pick(&[0, 0, 100, 1_000]),
            bytes: *random.pick(&[0, 0, 50_000]),
        },
        ..defaults
    }
}

const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// A fault is off in half of the runs, and has any strength in the others.
fn maybe(random: &mut Random, most: usize) -> PerMille {
    let often = random.between(1, most);
    PerMille(if random.coin() { u32::try_from(often).unwrap_or(0) } else { 0 })
}
