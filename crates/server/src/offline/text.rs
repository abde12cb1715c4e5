//! How bytes, numbers and times are written in the lines of an export.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ferrymq_protocol::time::Instant;
use jiff::Timestamp;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes, of which most are text: `"hello"`, or `{"base64":"AP8="}` where they are none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl Octets {
    /// The bytes as text that can be read in a line: UTF-8 without control characters, except for
    /// tabulators and the ends of lines.
    fn as_text(&self) -> Option<&str> {
        let is_plain = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r');
        std::str::from_utf8(&self.0).ok().filter(|_| self.0.iter().all(is_plain))
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.as_text() {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(BASE64, &STANDARD.encode(&self.0))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OctetsVisitor)
    }
}

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Octets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or {\"base64\": \"…\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Octets, E> {
        Ok(Octets(text.as_bytes().to_vec()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Octets, E> {
        Ok(Octets(text.into_bytes()))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Octets, M::Error> {
        let Some((name, value)) = map.next_entry::<String, String>()? else {
            return Err(M::Error::missing_field(BASE64));
        };
        if name != BASE64 {
            return Err(M::Error::unknown_field(&name, &[BASE64]));
        }
        if let Some(other) = map.next_key::<String>()? {
            return Err(M::Error::unknown_field(&other, &[BASE64]));
        }
        let bytes = STANDARD.decode(value).map_err(M::Error::custom)?;
        Ok(Octets(bytes))
    }
}

/// A point in time, written as RFC 3339 says, in UTC.
///
/// It is an instant of the broker's clock, which counts nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Instant);

impl Moment {
    /// The moment, unless it never comes.
    pub fn before_ever(instant: Instant) -> Option<Self> {
        (instant != Instant::FAR_FUTURE).then_some(Self(instant))
    }

    /// The moment this long after 1970.
    pub fn from_unix(since: Duration) -> Option<Self> {
        let nanos = u64::try_from(since.as_nanos()).ok()?;
        Self::before_ever(Instant::from_nanos(nanos))
    }

    /// The moment this many seconds after 1970; nothing for one before.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::from_unix(Duration::from_secs(u64::try_from(seconds).ok()?))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every instant lies before the year 2555, which a timestamp can say.
        match Timestamp::from_nanosecond(i128::from(self.0.as_nanos())) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let timestamp: Timestamp = text.parse().map_err(D::Error::custom)?;
        u64::try_from(timestamp.as_nanosecond())
            .ok()
            .and_then(|nanos| Self::before_ever(Instant::from_nanos(nanos)))
            .ok_or_else(|| D::Error::custom(format!("{text} is not between 1970 and 2554")))
    }
}

/// A quality of service as its number.
pub(super) mod qos {
    use ferrymq_codec::QoS;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    pub(crate) fn serialize<S: Serializer>(qos: &QoS, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(qos.bits())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<QoS, D::Error> {
        let number = u8::deserialize(deserializer)?;
        QoS::from_bits(number).ok_or_else(|| {
            D::Error::custom(format!("there is no quality of service {number}; it is 0, 1 or 2"))
        })
    }
}

/// Retain Handling as its number.
pub(super) mod retain_handling {
    use ferrymq_codec::RetainHandling;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
    pub(crate) fn serialize<S: Serializer>(
        handling: &RetainHandling,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*handling as u8)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<RetainHandling, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(RetainHandling::Send),
            1 => Ok(RetainHandling::SendIfNew),
            2 => Ok(RetainHandling::DoNotSend),
            number => Err(D::Error::custom(format!(
                "there is no retain handling {number}; it is 0, 1 or 2"
            ))),
        }
    }
}

const BASE64: &str = "base64";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_text_where_they_can_be_read() {
        let rows: [(&[u8], &str); 5] = [
            (b"", "\"\""),
            (b"21.5 \"degrees\"\n", "\"21.5 \\\"degrees\\\"\\n\""),
            ("\u{e9}t\u{e9}".as_bytes(), "\"\u{e9}t\u{e9}\""),
            (b"\x00\xFF", "{\"base64\":\"AP8=\"}"),
            (b"\x1B[0m", "{\"base64\":\"G1swbQ==\"}"),
        ];
        for (bytes, text) in rows {
            let octets = Octets(bytes.to_vec());
            assert_eq!(serde_json::to_string(&octets).unwrap(), text);
            assert_eq!(serde_json::from_str::<Octets>(text).unwrap(), octets);
        }
    }

    #[test]
    fn octets_that_are_wrong_are_refused() {
        let rows = ["7", "{}", "{\"hex\":\"00\"}", "{\"base64\":\"?\"}", "[]"];
        for text in rows {
            assert!(serde_json::from_str::<Octets>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Octets>("{\"base64\":\"\",\"base64\":\"\"}").is_err());
    }

    #[test]
    fn moments_are_exact_and_in_range() {
        for (nanos, text) in [
            (0, "\"1970-01-01T00:00:00Z\""),
            (1_234_567_890_000_000_001, "\"2009-02-13T23:31:30.000000001Z\""),
            (u64::MAX - 1, "\"2554-07-21T23:34:33.709551614Z\""),
        ] {
            let moment = Moment(Instant::from_nanos(nanos));
            assert_eq!(serde_json::to_string(&moment).unwrap(), text);
            assert_eq!(serde_json::from_str::<Moment>(text).unwrap(), moment);
        }
        let with_offset: Moment = serde_json::from_str("\"1970-01-01T01:00:00+01:00\"").unwrap();
        assert_eq!(with_offset, Moment(Instant::ZERO));
        for text in ["\"1969-12-31T23:59:59Z\"", "\"2600-01-01T00:00:00Z\"", "\"soon\"", "7"] {
            assert!(serde_json::from_str::<Moment>(text).is_err(), "{text}");
        }
    }
}
