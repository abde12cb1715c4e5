//! Many connections with one subscription each, on which nothing is said: what one
//! of them costs the broker in resident memory.

use anyhow::Result;

use crate::sample::Sample;
use crate::subject::{Running, Subject};
use crate::way::Way;
use crate::wire::Link;

/// Measures a fresh broker without and with its connections.
pub(crate) fn measure(
    subject: &Subject,
    connections: u32,
    core: Option<u32>,
) -> Result<Vec<Sample>> {
    let running = subject.start(core)?;
    let way = Way::plain(running.port());
    measure_running(subject, &running, &way, "", connections)
}

/// Measures one that runs and to which nobody is connected. The case's name begins with
/// `prefix`.
pub(crate) fn measure_running(
    subject: &Subject,
    running: &Running,
    way: &Way,
    prefix: &str,
    connections: u32,
) -> Result<Vec<Sample>> {
    // The first connection brings what a broker allocates only once.
    let first = Link::subscriber(way, 0, "idle/first", 0)?;
    let before = running.resident_bytes()?;
    let links: Vec<Link> = (1..=connections)
        .map(|number| Link::subscriber(way, number, &format!("idle/{number}"), 0))
        .collect::<Result<_>>()?;
    let after = running.resident_bytes()?;
    drop((first, links));
    let case = format!("{prefix}idle, {connections} connections");
    let sample =
        |quantity, value| Sample { case: case.clone(), quantity, subject: subject.name(), value };
    let grown = after.saturating_sub(before) as f64;
    Ok(vec![
        sample("memory per connection, bytes", grown / f64::from(connections)),
        sample("memory of a fresh broker, MiB", before as f64 / f64::from(1 << 20)),
    ])
}
