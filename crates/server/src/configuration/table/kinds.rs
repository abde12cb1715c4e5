//! What many options take.

use crate::configuration::value::{BYTES, Kind, Whole};

pub(super) const SWITCH: Kind = Kind::Switch;
pub(super) const PATH: Kind = Kind::Path;
/// As long as a text of MQTT can be.
pub(super) const TEXT: Kind = Kind::Text(65_535);
pub(super) const PORT: Kind = Kind::Whole(Whole::of("port", 65_535).from(1));

pub(super) const fn bytes(least: i64, most: i64) -> Kind {
    Kind::Whole(Whole::of(BYTES, most).from(least))
}

pub(super) const fn seconds(most: i64) -> Kind {
    Kind::Whole(Whole::of("seconds", most))
}

pub(super) const fn count(unit: &'static str, most: i64) -> Kind {
    Kind::Whole(Whole::of(unit, most))
}

/// What Mosquitto keeps in an `int`.
pub(super) const INT: i64 = i32::MAX as i64;
/// The largest payload of MQTT.
pub(super) const LARGEST_PAYLOAD: i64 = 268_435_455;
