//! Members of JSON objects, found as Mosquitto finds them: whatever the case of their names.

use serde_json::{Map, Value};

/// An object of JSON from a file or a request.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(&'a Map<String, Value>);

/// A member that is not there, or is something else than what it must be.
pub(crate) struct Unfit;

impl<'a> Object<'a> {
    pub(crate) fn new(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// The text of a member that must be there.
    pub(crate) fn text(self, name: &str) -> Result<&'a str, Unfit> {
        self.member(name).and_then(Value::as_str).ok_or(Unfit)
    }

    /// The text of a member that may be missing, but not be something else.
    pub(crate) fn text_if_there(self, name: &str) -> Result<Option<&'a str>, Unfit> {
        self.member(name).map(|value| value.as_str().ok_or(Unfit)).transpose()
    }

    pub(crate) fn flag(self, name: &str) -> Option<bool> {
        self.member(name)?.as_bool()
    }

    /// The number of a member; `default` where there is none. It is cut off as C cuts it off.
    pub(crate) fn number(self, name: &str, default: i32) -> i32 {
        self.member(name).and_then(Value::as_f64).map_or(default, |number| {
            #[expect(clippy::cast_possible_truncation, reason = "the cast stops at both ends")]
            let number = number as i32;
            number
        })
    }

    /// A number that is never negative, such as a counter.
    pub(crate) fn counter(self, name: &str) -> u64 {
        self.member(name).and_then(Value::as_u64).unwrap_or_default()
    }

    pub(crate) fn object(self, name: &str) -> Option<Self> {
        Self::new(self.member(name)?)
    }

    /// The elements of a member that is a list.
    pub(crate) fn list(self, name: &str) -> Option<&'a [Value]> {
        self.member(name)?.as_array().map(Vec::as_slice)
    }

    pub(crate) fn member(self, name: &str) -> Option<&'a Value> {
        let ignoring_case = || {
            let mut members = self.0.iter();
            members.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        self.0.get(name).or_else(ignoring_case)
    }
}

/// Whether a text may be a user name, client identifier or topic in the eyes of Mosquitto: short
/// enough, and without control characters and characters that are none.
pub(crate) fn is_mqtt_text(text: &str) -> bool {
    let forbidden = |c: char| {
        let code = u32::from(c);
        c.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
    };
    u16::try_from(text.len()).is_ok() && !text.chars().any(forbidden)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_found_whatever_their_case() {
        let value = json!({ "textName": "x", "Priority": 7, "clients": [1], "allow": true });
        let object = Object::new(&value).unwrap();
        assert_eq!(object.text("textname").ok(), Some("x"));
        assert_eq!(object.number("priority", 0), 7);
        assert_eq!(object.list("CLIENTS").map(<[Value]>::len), Some(1));
        assert_eq!(object.flag("allow"), Some(true));
        assert!(object.text("missing").is_err());
    }

    #[test]
    fn what_may_be_missing_must_not_be_something_else() {
        let value = json!({ "a": 1, "b": null, "c": "x" });
        let object = Object::new(&value).unwrap();
        assert!(object.text_if_there("a").is_err());
        assert!(object.text_if_there("b").is_err());
        assert!(matches!(object.text_if_there("c"), Ok(Some("x"))));
        assert!(matches!(object.text_if_there("d"), Ok(None)));
    }

    #[test]
    fn numbers_stop_where_those_of_c_do() {
        for (number, expected) in [
            (json!(1e300), i32::MAX),
            (json!(-1e300), i32::MIN),
            (json!(2.9), 2),
            (json!("5"), -1),
            (json!(-3), -3),
        ] {
            let value = json!({ "n": number });
            assert_eq!(Object::new(&value).unwrap().number("n", -1), expected, "{value}");
        }
    }

    #[test]
    fn text_with_control_characters_is_no_name() {
        for (text, expected) in [
            ("plain", true),
            ("", true),
            ("ü ☃", true),
            ("a\0b", false),
            ("a\u{1f}", false),
            ("a\u{85}", false),
            ("\u{fdd0}", false),
            ("\u{ffff}", false),
            ("\u{1fffe}", false),
        ] {
            assert_eq!(is_mqtt_text(text), expected, "{text:?}");
        }
    }
}
