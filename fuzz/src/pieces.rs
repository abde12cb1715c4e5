//! How bytes arrive: not as they were sent.

/// The bytes in pieces of two lengths by turns, a short one and a longer one.
pub(crate) fn pieces(bytes: &[u8], lengths: u8) -> impl Iterator<Item = &[u8]> {
    let short = usize::from(lengths & 0x0F) + 1;
    let long = usize::from(lengths >> 4) * 4 + 1;
    let mut rest = bytes;
    let mut next = [short, long].into_iter().cycle();
    std::iter::from_fn(move || {
        let length = next.next()?.min(rest.len());
        let (piece, others) = rest.split_at(length);
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}
