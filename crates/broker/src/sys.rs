//! `$SYS`: what the broker says of itself, as retained messages that are published again when they
//! have changed. The topics are those that Mosquitto's users know.

use ferrymq_codec::TopicFilter;
use ferrymq_protocol::time::Instant;

use crate::directory::Directory;
use crate::durability::Durability;
use crate::load_averages::{COUNTERS, LoadAverages};
use crate::metrics::Metrics;
use crate::store_metrics::StoreCondition;

/// What was published last.
#[derive(Debug)]
pub(crate) struct SysTopics {
    started: Instant,
    published: Vec<String>,
    most_connected: u64,
    loads: LoadAverages,
    /// Whether the timer is set for the next time.
    pub(crate) is_armed: bool,
}

impl SysTopics {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            published: Vec::new(),
            most_connected: 0,
            loads: LoadAverages::default(),
            is_armed: false,
        }
    }

    /// The topics whose values have changed.
    pub(crate) fn changed(
        &mut self,
        directory: &Directory,
        durability: Durability,
        now: Instant,
    ) -> Vec<(&'static str, String)> {
        let metrics = directory.metrics();
        self.most_connected = self.most_connected.max(metrics.clients_connected());
        let uptime = now.saturating_duration_since(self.started).as_secs();
        let (subscriptions, shared) = directory.subscription_counts();
        let retained = directory.retained_count() as u64;
        let stored_messages = metrics.messages_queued() + retained;
        let stored_bytes = metrics.queued_bytes() + directory.retained_bytes() as u64;
        self.loads.update(events(metrics), now);
        let mut values = vec![
            ("$SYS/broker/version", concat!("FerryMQ ", env!("CARGO_PKG_VERSION")).to_owned()),
            ("$SYS/broker/uptime", format!("{uptime} seconds")),
            ("$SYS/broker/clients/maximum", self.most_connected.to_string()),
            ("$SYS/broker/subscriptions/count", subscriptions.to_string()),
            ("$SYS/broker/shared_subscriptions/count", shared.to_string()),
            ("$SYS/broker/retained messages/count", retained.to_string()),
            ("$SYS/broker/messages/stored", stored_messages.to_string()),
            ("$SYS/broker/store/messages/count", stored_messages.to_string()),
            ("$SYS/broker/store/messages/bytes", stored_bytes.to_string()),
        ];
        values.extend(counted(metrics).map(|(topic, value)| (topic, value.to_string())));
        values.extend(self.loads.topics());
        values.extend(stored(metrics, durability));
        let (current, maximum) = metrics.heap();
        // Last, because it is not said before somebody has measured it.
        if maximum > 0 {
            values.push(("$SYS/broker/heap/current", current.to_string()));
            values.push(("$SYS/broker/heap/maximum", maximum.to_string()));
        }
        self.published.resize(values.len(), String::new());
        values
            .into_iter()
            .zip(&mut self.published)
            .filter(|((_, value), published)| value != *published)
            .map(|((topic, value), published)| {
                published.clone_from(&value);
                (topic, value)
            })
            .collect()
    }
}

impl Directory {
    /// The whole numbers among what was published last below `$SYS`, by their topics in the order of
    /// the alphabet. The uptime is in seconds.
    pub fn sys_numbers(&self) -> Vec<(Box<str>, u64)> {
        let filter = TopicFilter::trusted("$SYS/#");
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            after = self.retained(filter, after.as_ref(), u64::MAX, PAGE, &mut found);
            if after.is_none() {
                break;
            }
        }
        let mut numbers: Vec<(Box<str>, u64)> = found
            .iter()
            .filter_map(|message| {
                let publication = message.publication();
                let text = str::from_utf8(publication.payload).ok()?;
                let number = text.strip_suffix(" seconds").unwrap_or(text).parse().ok()?;
                Some((Box::from(publication.topic.as_str()), number))
            })
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

/// What the log says of itself. Without one there is nothing to say but that nothing is durable.
fn stored(metrics: &Metrics, durability: Durability) -> Vec<(&'static str, String)> {
    let store = metrics.store();
    let condition = store.condition();
    let durability = match condition {
        StoreCondition::Memory => Durability::None,
        _ => durability,
    };
    let mut values = vec![("$SYS/ferrymq/store/durability", durability.as_str().to_owned())];
    if condition == StoreCondition::Memory {
        return values;
    }
    values.extend([
        ("$SYS/ferrymq/store/state", condition.as_str().to_owned()),
        ("$SYS/ferrymq/store/advice", condition.advice().to_owned()),
    ]);
    let figures = [
        ("$SYS/ferrymq/store/refused", metrics.no_space_refused()),
        ("$SYS/ferrymq/store/records/unsynced", store.unsynced_records.get()),
        ("$SYS/ferrymq/store/commit/p50", store.commit_median_us.get()),
        ("$SYS/ferrymq/store/commit/p99", store.commit_p99_us.get()),
        ("$SYS/ferrymq/store/batches", store.batches.get()),
        ("$SYS/ferrymq/store/batches/mean bytes", store.batch_mean_bytes.get()),
        ("$SYS/ferrymq/store/log bytes", store.log_bytes.get()),
        ("$SYS/ferrymq/store/live bytes", store.live_bytes.get()),
    ];
    values.extend(figures.map(|(topic, value)| (topic, value.to_string())));
    values
}

fn counted(metrics: &Metrics) -> impl Iterator<Item = (&'static str, u64)> {
    let sessions = metrics.sessions();
    let connected = metrics.clients_connected();
    [
        ("$SYS/broker/clients/total", sessions),
        ("$SYS/broker/clients/connected", connected),
        ("$SYS/broker/clients/active", connected),
        ("$SYS/broker/clients/disconnected", sessions.saturating_sub(connected)),
        ("$SYS/broker/clients/inactive", sessions.saturating_sub(connected)),
        ("$SYS/broker/clients/expired", metrics.sessions_expired()),
        ("$SYS/broker/messages/received", metrics.packets_received()),
        ("$SYS/broker/messages/sent", metrics.packets_sent()),
        ("$SYS/broker/bytes/received", metrics.bytes_received()),
        ("$SYS/broker/bytes/sent", metrics.bytes_sent()),
        ("$SYS/broker/publish/messages/dropped", dropped(metrics)),
        ("$SYS/broker/publish/messages/received", metrics.publishes_received()),
        ("$SYS/broker/publish/messages/sent", metrics.publishes_sent()),
        ("$SYS/broker/publish/bytes/received", metrics.publish_bytes_received()),
        ("$SYS/broker/publish/bytes/sent", metrics.publish_bytes_sent()),
        (
            "$SYS/broker/connections/socket/count",
            metrics.connections_opened().saturating_sub(metrics.connections_closed()),
        ),
        ("$SYS/ferrymq/closed/malformed", metrics.closed_malformed()),
        ("$SYS/ferrymq/closed/protocol error", metrics.closed_protocol_error()),
        ("$SYS/ferrymq/closed/keep alive", metrics.closed_keep_alive()),
        ("$SYS/ferrymq/closed/connect timeout", metrics.closed_connect_timeout()),
        ("$SYS/ferrymq/connections/refused", metrics.connections_refused()),
        ("$SYS/ferrymq/connections/turned away", metrics.connections_turned_away()),
        ("$SYS/ferrymq/access/logins/accepted", metrics.logins_accepted()),
        ("$SYS/ferrymq/access/logins/refused/credentials", metrics.logins_unauthorized()),
        ("$SYS/ferrymq/access/logins/refused/banned", metrics.logins_banned()),
        ("$SYS/ferrymq/access/logins/refused/queue full", metrics.logins_not_in_turn()),
        ("$SYS/ferrymq/access/logins/refused/source down", metrics.logins_unanswered()),
        ("$SYS/ferrymq/access/bans", metrics.bans()),
        ("$SYS/ferrymq/access/denied", metrics.access_denied()),
        ("$SYS/ferrymq/access/denied/publish", metrics.publishes_denied()),
        ("$SYS/ferrymq/access/denied/subscribe", metrics.subscriptions_denied()),
        ("$SYS/ferrymq/access/denied/unsubscribe", metrics.unsubscriptions_denied()),
        ("$SYS/ferrymq/access/denied/receive", metrics.deliveries_withheld()),
        ("$SYS/ferrymq/access/denied/will", metrics.wills_withheld()),
        ("$SYS/ferrymq/refused/too large", metrics.publishes_too_large()),
        ("$SYS/ferrymq/refused/memory", metrics.memory_refused()),
        ("$SYS/ferrymq/paced", metrics.paced()),
        ("$SYS/ferrymq/take overs", metrics.take_overs()),
    ]
    .into_iter()
}

/// What the load averages are made of.
fn events(metrics: &Metrics) -> [u64; COUNTERS] {
    [
        metrics.packets_received(),
        metrics.packets_sent(),
        metrics.publishes_received(),
        metrics.publishes_sent(),
        dropped(metrics),
        metrics.bytes_received(),
        metrics.bytes_sent(),
        metrics.connections_opened(),
        metrics.connects_answered(),
    ]
}

fn dropped(metrics: &Metrics) -> u64 {
    metrics.dropped_full() + metrics.dropped_expired() + metrics.dropped_too_large()
}

/// How many retained messages are looked at before others may look at them too.
const PAGE: usize = 256;
