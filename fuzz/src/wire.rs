//! A layer between bytes that come in pieces and what it makes of them.

use ferrymq_transport::Layer;

/// What has become of the bytes that came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) above: Vec<u8>,
    pub(crate) below: Vec<u8>,
    pub(crate) error: Option<String>,
    pub(crate) is_open: bool,
    pub(crate) has_ended: bool,
}

/// Lets the layer hear these pieces, until one is wrong.
pub(crate) fn hear<'a>(
    layer: &mut impl Layer,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for piece in pieces {
        if let Err(error) = layer.receive(piece, &mut outcome.above, &mut outcome.below) {
            outcome.error = Some(error.to_string());
            break;
        }
    }
    outcome.is_open = layer.is_open();
    outcome.has_ended = layer.has_ended();
    outcome
}
