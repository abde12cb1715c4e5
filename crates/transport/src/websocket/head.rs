//! The head of a request or an answer of HTTP, which may come in pieces.

/// What has come of a head that is not whole.
#[derive(Debug, Default)]
pub(super) struct Head {
    octets: Vec<u8>,
}

/// What the octets that have come are.
pub(super) enum Collected<'a> {
    /// The head has not ended.
    Part,
    /// The head, and what came behind it.
    Whole { head: Vec<u8>, rest: &'a [u8] },
    /// No end within [`HEAD_MAXIMUM`].
    TooLarge,
}

impl Head {
    /// Takes what came, up to the empty line that ends a head.
    pub(super) fn collect<'a>(&mut self, input: &'a [u8]) -> Collected<'a> {
        let before = self.octets.len();
        let room = HEAD_MAXIMUM.saturating_sub(before);
        let (new, _) = input.split_at(room.min(input.len()));
        self.octets.extend_from_slice(new);
        // The empty line may have begun in an earlier piece.
        let searched = before.saturating_sub(EMPTY_LINE_MAXIMUM);
        match end_of_head(self.octets.get(searched..).unwrap_or_default()) {
            Some(end) => {
                let end = searched.saturating_add(end);
                let (_, rest) = input.split_at(end.saturating_sub(before).min(input.len()));
                let mut head = std::mem::take(&mut self.octets);
                head.truncate(end);
                Collected::Whole { head, rest }
            }
            None if self.octets.len() >= HEAD_MAXIMUM => {
                self.octets = Vec::new();
                Collected::TooLarge
            }
            None => Collected::Part,
        }
    }

    /// The first octet, which shows what kind of peer this is.
    pub(super) fn first(&self) -> Option<&u8> {
        self.octets.first()
    }
}

/// Where the first empty line ends. As HTTP advises, a line may also end without carriage return.
fn end_of_head(octets: &[u8]) -> Option<usize> {
    let line_feeds = octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n');
    let mut behind = line_feeds.filter_map(|(place, _)| Some((place, octets.get(place + 1..)?)));
    behind.find_map(|(place, line)| match line {
        [b'\n', ..] => Some(place + 2),
        [b'\r', b'\n', ..] => Some(place + 3),
        _ => None,
    })
}

/// `\n\r\n` without its last octet.
const EMPTY_LINE_MAXIMUM: usize = 2;

/// The most octets that the head of a request or an answer may have.
pub const HEAD_MAXIMUM: usize = 8 * 1024;

/// The most header fields that a head may have.
pub const HEADER_FIELDS_MAXIMUM: usize = 64;
