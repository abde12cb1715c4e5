//! The moment at which a message has come, as strftime(3) would print it in the C locale.

use jiff::fmt::strtime::BrokenDownTime;
use jiff::{Timestamp, Zoned};

/// A moment, in the time zone of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Moment(Zoned);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(Zoned::now())
    }

    #[cfg(test)]
    pub(super) const fn at(zoned: Zoned) -> Self {
        Self(zoned)
    }

    /// What strftime makes of `%` and this letter; `N` is the nanoseconds of the second.
    pub(super) fn strftime(&self, letter: char) -> String {
        let format = match letter {
            // These depend on a locale, and this is the C locale's.
            'c' => "%a %b %e %H:%M:%S %Y".to_owned(),
            'r' => "%I:%M:%S %p".to_owned(),
            'x' => "%m/%d/%y".to_owned(),
            'X' => "%H:%M:%S".to_owned(),
            'N' => return format!("{:09}", self.0.subsec_nanosecond()),
            '%' => return "%".to_owned(),
            letter if LETTERS.contains(letter) => format!("%{letter}"),
            // A letter that means nothing stays as it is.
            other => return format!("%{other}"),
        };
        BrokenDownTime::from(&self.0).to_string(&format).unwrap_or(format)
    }

    /// `2016-08-10T09:47:38+0100`
    pub(super) fn iso_8601(&self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
    }

    /// `2016-08-10T09:47:38.000000+0100`
    pub(super) fn iso_8601_with_microseconds(&self) -> String {
        let microseconds = self.0.subsec_nanosecond() / 1000;
        let zone = self.0.strftime("%z");
        format!("{}.{microseconds:06}{zone}", self.0.strftime("%Y-%m-%dT%H:%M:%S"))
    }

    /// Seconds since 1970, with nanoseconds.
    pub(super) fn unix(&self) -> String {
        let timestamp: Timestamp = self.0.timestamp();
        format!("{}.{:09}", timestamp.as_second(), timestamp.subsec_nanosecond().unsigned_abs())
    }
}

/// The letters that mean something to strftime and depend on no locale.
const LETTERS: &str = "aAbBCdDeFgGhHIjklmMnpPRsStTuUVwWyYzZ";
