//! What waits to be written to a connection: bytes of small packets in one buffer, and large
//! payloads shared by reference between all who receive them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::message::Message;

/// A connection's output. It owns no memory while nothing waits.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// How much of `bytes` is written, up to the next shared payload.
    written: usize,
    /// Payloads that stand between the bytes; boxed, because most connections never have one.
    shared: Option<Box<SharedPayloads>>,
}

#[derive(Debug, Default)]
struct SharedPayloads {
    payloads: VecDeque<Shared>,
    /// How much of the first one is written.
    written: usize,
    /// The length of all of them, written or not.
    bytes: usize,
}

/// A payload that stands before `bytes[at]`.
#[derive(Debug)]
struct Shared {
    at: usize,
    message: Arc<Message>,
}

impl Output {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        let shared = self.shared.as_ref().map_or(0, |shared| shared.bytes - shared.written);
        self.bytes.len() - self.written + shared
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What waits, if no payload is shared.
    pub fn only_piece(&self) -> Option<&[u8]> {
        if self.shared.is_some() { None } else { self.bytes.get(self.written..) }
    }

    /// What waits, in pieces, in order; at most `N` of them. Unused places are empty.
    pub fn pieces<const N: usize>(&self) -> ([&[u8]; N], usize) {
        let mut pieces = [&[][..]; N];
        let mut count = 0;
        let mut from = self.written;
        let mut skip = self.shared.as_ref().map_or(0, |shared| shared.written);
        for shared in self.shared.iter().flat_map(|shared| shared.payloads.iter()) {
            for piece in [&self.bytes[from..shared.at], &shared.message.payload()[skip..]] {
                if !piece.is_empty() && count < N {
                    pieces[count] = piece;
                    count += 1;
                }
            }
            if count == N {
                return (pieces, count);
            }
            from = shared.at;
            skip = 0;
        }
        if from < self.bytes.len() && count < N {
            pieces[count] = &self.bytes[from..];
            count += 1;
        }
        (pieces, count)
    }

    /// The first `count` bytes of what waits were written.
    pub fn advance(&mut self, mut count: usize) {
        if let Some(shared) = &mut self.shared {
            while let Some(first) = shared.payloads.front() {
                let before = (first.at - self.written).min(count);
                self.written += before;
                count -= before;
                if self.written < first.at {
                    break;
                }
                let length = first.message.payload().len();
                let payload = (length - shared.written).min(count);
                shared.written += payload;
                count -= payload;
                if shared.written < length {
                    break;
                }
                shared.bytes -= length;
                shared.written = 0;
                shared.payloads.pop_front();
            }
        }
        self.written += count;
        debug_assert!(self.written <= self.bytes.len(), "more was written than waited");
        self.compact();
    }

    /// The buffer, to append to.
    pub(crate) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends the payload of `message` without copying it.
    pub(crate) fn share(&mut self, message: Arc<Message>) {
        let shared = self.shared.get_or_insert_default();
        shared.bytes += message.payload().len();
        shared.payloads.push_back(Shared { at: self.bytes.len(), message });
    }

    /// Whether the output has no buffer, so that it is to be given one before it is written to.
    pub(crate) const fn wants_buffer(&self) -> bool {
        self.bytes.capacity() == 0
    }

    pub(crate) fn give_buffer(&mut self, buffer: Vec<u8>) {
        debug_assert!(self.bytes.is_empty());
        self.bytes = buffer;
    }

    /// Takes the empty buffer away from an output for which nothing waits.
    pub(crate) fn take_buffer(&mut self) -> Option<Vec<u8>> {
        if !self.is_empty() || self.bytes.capacity() == 0 {
            return None;
        }
        self.written = 0;
        self.shared = None;
        let mut buffer = std::mem::take(&mut self.bytes);
        buffer.clear();
        Some(buffer)
    }

    /// Moves what waits to the front once more than half of a large buffer is behind us, so that
    /// moving costs no more than writing did.
    fn compact(&mut self) {
        if self.written < COMPACT_FROM || self.written < self.bytes.len() / 2 {
            return;
        }
        self.bytes.drain(..self.written);
        for shared in self.shared.iter_mut().flat_map(|shared| shared.payloads.iter_mut()) {
            shared.at -= self.written;
        }
        self.written = 0;
    }
}

const COMPACT_FROM: usize = 64 * 1024;
