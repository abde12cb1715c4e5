//! Sessions without a connection: what must be stored is for them.

use anyhow::Result;

use crate::wire::{self, Link};

/// Makes sessions that outlive their connections: each subscribes, and goes when
/// the broker has said that it will remember.
pub(crate) fn put_to_sleep(port: u16, count: u32, filter: impl Fn(u32) -> String) -> Result<()> {
    let mut numbers = (0..count).peekable();
    while numbers.peek().is_some() {
        let mut links = Vec::new();
        for number in numbers.by_ref().take(AT_A_TIME) {
            let mut link = Link::raw(port)?;
            let mut bytes = wire::connect(&client_id(number), false);
            bytes.extend(wire::subscribe(&filter(number), 1));
            link.write(&bytes)?;
            links.push(link);
        }
        for link in &mut links {
            link.connected()?;
            link.subscribed(1)?;
            link.write(&wire::DISCONNECT)?;
        }
        for link in &mut links {
            link.closed()?;
        }
    }
    Ok(())
}

/// The client identifier of a session.
pub(crate) fn client_id(number: u32) -> String {
    format!("sleeper-{number:07}")
}

/// The topic of which a session alone is a subscriber.
pub(crate) fn topic(number: u32) -> String {
    format!("bench/sleeper/{number:07}")
}

/// They share the broker's waiting for its disk.
const AT_A_TIME: usize = 256;
