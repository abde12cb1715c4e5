//! What the broker says of its own commits.

use anyhow::{Context, Result};

use crate::wire::{Link, PINGREQ, PUBLISH};

/// The figures of the broker's store that have a row of their own, as they are said
/// for the first time from now on.
pub(crate) fn read(port: u16) -> Result<Vec<(&'static str, f64)>> {
    let mut link = Link::mqtt(port, "reader of $SYS")?;
    link.subscribe("$SYS/#", 0)?;
    let mut figures = FIGURES.map(|(_, quantity)| (quantity, None));
    let mut uptimes = 0;
    loop {
        let (kind, body) = link.packet()?;
        if kind != PUBLISH {
            let known = figures.map(|(quantity, value)| Some((quantity, value?)));
            let known = known.into_iter().collect::<Option<_>>();
            return known.context("the broker says nothing of its store");
        }
        let (topic, value) = text_of(body).context("this is no text of $SYS")?;
        for ((figure, _), (_, known)) in FIGURES.iter().zip(&mut figures) {
            if topic == *figure {
                *known = Some(value.parse()?);
            }
        }
        // The first is retained. With the second comes all that has changed since.
        uptimes += usize::from(topic == UPTIME);
        if uptimes == 2 {
            link.write(&PINGREQ)?;
        }
    }
}

fn text_of(publish: &[u8]) -> Option<(&str, &str)> {
    let (length, rest) = publish.split_first_chunk()?;
    let (topic, value) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((str::from_utf8(topic).ok()?, str::from_utf8(value).ok()?))
}

/// It changes every time.
const UPTIME: &str = "$SYS/broker/uptime";

/// Topics, and what they are called in a report.
const FIGURES: [(&str, &str); 3] = [
    ("$SYS/ferrymq/store/commit/p50", "commit p50, µs"),
    ("$SYS/ferrymq/store/commit/p99", "commit p99, µs"),
    ("$SYS/ferrymq/store/batches/mean bytes", "bytes in a commit"),
];
