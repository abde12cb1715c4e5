//! The socket side of a connection. Tens of thousands of them are idle, so it holds what an idle
//! one needs, and a box for the rest.

use ferrymq_broker::ConnectionId;

use crate::wrapping::Wrapping;

/// The connections of a shard, in the places that the shard has given them.
pub(crate) struct Connections<S> {
    places: Vec<Option<Connection<S>>>,
    count: usize,
}

/// A connection.
pub(crate) struct Connection<S> {
    pub(crate) socket: S,
    generation: u32,
    pub(crate) phase: Phase,
    pub(crate) input: Input,
    /// Whether output waits for room in the socket.
    pub(crate) blocked: bool,
    /// Whether the peer has closed its direction, so that no further event will tell.
    pub(crate) read_closed: bool,
    pub(crate) extra: Option<Box<Extra>>,
}

/// How a connection ends.
///
/// ```text
/// Open ─▶ Flushing ─▶ Lingering ─▶ (closed)      we end it
/// Open ─▶ Gone ─▶ (closed)                        the peer has ended it
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// The peer has closed or reset it.
    Gone,
    /// Our last words wait for room in the socket.
    Flushing,
    /// Our direction is closed. What the peer still sends is read and dropped until it closes too:
    /// closing at once would reset the connection, and a reset destroys our last words.
    Lingering,
}

/// Whether a connection is to be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// When an event says so.
    Idle,
    /// In this turn or the next: it is in the list of those.
    Ready,
    /// Not until the shard says so.
    Paused,
}

/// What an idle plain connection does not have.
#[derive(Default)]
pub(crate) struct Extra {
    /// What was read and not taken: an incomplete packet, or packets that wait.
    pub(crate) parked: Vec<u8>,
    /// How much was dropped while lingering.
    pub(crate) dropped: usize,
    /// What stands between the socket and MQTT.
    pub(crate) wrapping: Option<Box<Wrapping>>,
}

impl<S> Connections<S> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), count: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn insert(&mut self, id: ConnectionId, socket: S) -> &mut Connection<S> {
        let slot = id.slot as usize;
        if self.places.len() <= slot {
            self.places.resize_with(slot + 1, || None);
        }
        let place = &mut self.places[slot];
        assert!(place.is_none(), "a place is given again only after it was left");
        self.count += 1;
        place.insert(Connection {
            socket,
            generation: id.generation,
            phase: Phase::Open,
            input: Input::Idle,
            blocked: false,
            read_closed: false,
            extra: None,
        })
    }

    pub(crate) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<S>> {
        self.places
            .get_mut(id.slot as usize)?
            .as_mut()
            .filter(|connection| connection.generation == id.generation)
    }

    /// Who has this place now.
    pub(crate) fn id_at(&self, slot: u32) -> Option<ConnectionId> {
        let connection = self.places.get(slot as usize)?.as_ref()?;
        Some(ConnectionId { slot, generation: connection.generation })
    }

    pub(crate) fn remove(&mut self, id: ConnectionId) -> Option<Connection<S>> {
        let place = self.places.get_mut(id.slot as usize)?;
        let connection = place.take_if(|connection| connection.generation == id.generation)?;
        self.count -= 1;
        Some(connection)
    }
}

impl<S> Connection<S> {
    /// Keeps what was read and not taken.
    pub(crate) fn park(&mut self, bytes: Vec<u8>) {
        match &mut self.extra {
            Some(extra) => extra.parked = bytes,
            None if bytes.is_empty() => {}
            None => self.extra = Some(Box::new(Extra { parked: bytes, ..Extra::default() })),
        }
        self.tidy();
    }

    /// Takes back what was read and not taken.
    pub(crate) fn unpark(&mut self) -> Vec<u8> {
        let parked = self.extra.as_mut().map(|extra| std::mem::take(&mut extra.parked));
        self.tidy();
        parked.unwrap_or_default()
    }

    pub(crate) fn wrap(&mut self, wrapping: Option<Box<Wrapping>>) {
        if wrapping.is_some() {
            self.extra.get_or_insert_default().wrapping = wrapping;
        }
    }

    pub(crate) fn is_wrapped(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.wrapping.is_some())
    }

    pub(crate) fn wrapping(&mut self) -> Option<&mut Wrapping> {
        self.extra.as_deref_mut()?.wrapping.as_deref_mut()
    }

    pub(crate) fn take_wrapping(&mut self) -> Option<Box<Wrapping>> {
        let wrapping = self.extra.as_mut()?.wrapping.take();
        self.tidy();
        wrapping
    }

    /// An idle plain connection owns nothing.
    fn tidy(&mut self) {
        self.extra.take_if(|extra| {
            extra.parked.is_empty() && extra.dropped == 0 && extra.wrapping.is_none()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32, generation: u32) -> ConnectionId {
        ConnectionId { slot, generation }
    }

    #[test]
    fn idle_connection_takes_little_room() {
        // A socket is a descriptor of four bytes.
        assert_eq!(size_of::<Option<Connection<i32>>>(), 24);
    }

    #[test]
    fn place_that_was_given_again_does_not_answer_to_the_old_name() {
        let mut connections = Connections::new();
        connections.insert(id(3, 1), 'a');
        assert_eq!(connections.id_at(3), Some(id(3, 1)));
        assert_eq!(connections.remove(id(3, 1)).map(|connection| connection.socket), Some('a'));
        connections.insert(id(3, 2), 'b');
        assert!(connections.get_mut(id(3, 1)).is_none());
        assert!(connections.remove(id(3, 1)).is_none());
        assert!(!connections.is_empty());
        assert!(connections.remove(id(3, 2)).is_some());
        assert!(connections.is_empty());
    }
}
