//! `ferrymq store inspect`: what is in a data directory, for people or as JSON.

use clap::Args;
use ferrymq_server::offline::Summary;

use super::data::{DataArguments, Progress, Warnings, say, size};

/// Say what is in it.
#[derive(Args, Debug)]
pub(crate) struct InspectArguments {
    #[command(flatten)]
    data: DataArguments,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// How many of the largest queues to name
    #[arg(long, value_name = "N", default_value_t = 10)]
    queues: usize,
}

pub(super) fn run(arguments: &InspectArguments) -> anyhow::Result<u8> {
    let mut progress = Progress::default();
    let mut tell = |done, all| progress.tell(done, all);
    let mut warnings = Warnings::default();
    let mut directory = arguments.data.directory(&mut tell)?;
    let summary = directory.inspect(arguments.queues, &mut |damage| warnings.tell(&damage))?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&summary)?);
    } else {
        say(&text(&summary));
    }
    Ok(u8::from(warnings.is_damaged))
}

fn text(summary: &Summary) -> String {
    let end = match (&summary.last_time, summary.closed_cleanly) {
        (None, _) => "never".to_owned(),
        (Some(time), true) => format!("{time}, then closed"),
        (Some(time), false) => format!("{time}, not closed: the broker was killed"),
    };
    let log = format!(
        "{} in {} segments of format {}, {} records",
        size(summary.bytes),
        summary.segments.len(),
        summary.format,
        summary.records,
    );
    let sessions = format!(
        "{}, of which {} were connected at the end",
        summary.sessions, summary.connected_sessions,
    );
    let messages = format!(
        "{}; {} wait in queues, {} are in flight",
        summary.messages, summary.queued, summary.in_flight,
    );
    let mut lines: Vec<String> = [
        ("log", log),
        ("live", format!("about {}", size(summary.live_bytes))),
        ("last written", end),
        ("sessions", sessions),
        ("subscriptions", summary.subscriptions.to_string()),
        ("messages", messages),
        ("retained", summary.retained.to_string()),
        ("wills", summary.wills.to_string()),
    ]
    .iter()
    .map(|(name, value)| format!("{name:<14} {value}"))
    .collect();
    if !summary.largest_queues.is_empty() {
        lines.push("largest queues".to_owned());
    }
    lines.extend(summary.largest_queues.iter().map(|queue| {
        // Whoever chooses a client identifier does not choose what the terminal does.
        let client_id = queue.client_id.escape_debug();
        format!("  {:>9} messages, {:>10}  {client_id}", queue.messages, size(queue.bytes))
    }));
    lines.join("\n")
}
