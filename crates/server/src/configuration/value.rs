//! What stands behind the name of an option: text that becomes a value, and a value that becomes
//! text again.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// Why a value cannot be used: a part of a sentence that follows the name of the option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongValue(Box<str>);

impl WrongValue {
    pub(super) fn new(words: impl Into<Box<str>>) -> Self {
        Self(words.into())
    }
}

/// Where a value is kept. The kind of the option has looked at the text before it comes here.
pub(super) trait Value {
    /// Takes the value. A list takes one more.
    fn read(&mut self, text: &str) -> Result<(), WrongValue>;

    /// The texts that, read one after the other into an empty place, give this value again.
    fn written(&self) -> Vec<String>;

    /// Makes the place empty if it is a list, since a more important source begins a new one.
    fn clear(&mut self) {}
}

/// How many there may be; -1 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling(Option<usize>);

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, also `1` or `0`.
    Switch,
    /// A whole number.
    Whole(Whole),
    /// One of these words.
    Word(&'static [&'static str]),
    /// The rest of the line, of so many bytes at most.
    Text(usize),
    /// The rest of the line: a file or a directory.
    Path,
    /// The rest of the line, in a form of its own.
    Form(&'static str),
    /// Nothing that anybody looks at.
    Anything,
}

/// A whole number: in decimal, or in hexadecimal after `0x`, or in octal after `0`, as C reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// What is counted.
    pub unit: &'static str,
    /// The least.
    pub least: i64,
    /// The most.
    pub most: i64,
    /// Whether a smaller number is taken for the least; otherwise it is refused.
    pub is_raised: bool,
}

impl Kind {
    /// How the value is written, for a page or a help text.
    pub fn syntax(self) -> String {
        match self {
            Self::Switch => "true, false".to_owned(),
            Self::Whole(whole) => whole.unit.to_owned(),
            Self::Word(words) => words.join(", "),
            Self::Text(_) => "text".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Form(form) => form.to_owned(),
            Self::Anything => String::new(),
        }
    }

    /// The value in the one form that the places of values know; and what followed it on the line
    /// and means nothing.
    pub(super) fn check(self, rest: &str) -> Result<(String, Option<&str>), WrongValue> {
        let trimmed = rest.trim_matches(BLANK);
        if self == Self::Anything {
            return Ok((trimmed.to_owned(), None));
        }
        if trimmed.is_empty() {
            return Err(WrongValue::new("a value is missing"));
        }
        if let Some(control) = trimmed.chars().find(|c| c.is_control() && *c != '\t') {
            let words = format!("the value contains the control character {control:?}");
            return Err(WrongValue::new(words));
        }
        let (first, more) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
        let ignored = Some(more.trim_start()).filter(|more| !more.is_empty());
        match self {
            Self::Switch => Ok((switch(first)?.to_owned(), ignored)),
            Self::Whole(whole) => Ok((whole.check(first)?.to_string(), ignored)),
            Self::Word(words) if words.contains(&first) => Ok((first.to_owned(), ignored)),
            Self::Word(words) => {
                let words = format!("there is no {first:?}; choose {}", alternatives(words));
                Err(WrongValue::new(words))
            }
            Self::Text(most) if trimmed.len() > most => {
                let words = format!("the value is longer than {most} bytes");
                Err(WrongValue::new(words))
            }
            Self::Text(_) | Self::Path | Self::Form(_) | Self::Anything => {
                Ok((trimmed.to_owned(), None))
            }
        }
    }
}

impl Whole {
    /// A number of these, from 0.
    pub(super) const fn of(unit: &'static str, most: i64) -> Self {
        Self { unit, least: 0, most, is_raised: false }
    }

    pub(super) const fn from(self, least: i64) -> Self {
        Self { least, ..self }
    }

    /// Takes a smaller number for the least.
    pub(super) const fn raised(self) -> Self {
        Self { is_raised: true, ..self }
    }

    pub(super) fn check(self, text: &str) -> Result<i64, WrongValue> {
        let number = self.number(text).ok_or_else(|| {
            let words = format!("{text:?} is not a whole number; {}", self.range());
            WrongValue::new(words)
        })?;
        if number < self.least && self.is_raised {
            return Ok(self.least);
        }
        if number < self.least || number > self.most {
            return Err(WrongValue::new(format!("{text} is out of range; {}", self.range())));
        }
        Ok(number)
    }

    fn number(self, text: &str) -> Option<i64> {
        if self.unit != BYTES {
            return integer(text);
        }
        let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
        let scaled = units.iter().find_map(|(letter, factor)| {
            integer(text.strip_suffix(*letter)?)?.checked_mul(*factor)
        });
        scaled.or_else(|| integer(text))
    }

    fn range(self) -> String {
        let Self { unit, least, most, .. } = self;
        match most {
            i64::MAX => format!("it takes {unit} from {least}"),
            _ => format!("it takes {unit} from {least} to {most}"),
        }
    }
}

/// The words with commas, and `or` before the last.
pub(super) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

fn switch(text: &str) -> Result<&'static str, WrongValue> {
    match text {
        "true" | "1" => Ok("true"),
        "false" | "0" => Ok("false"),
        _ => Err(WrongValue::new(format!("{text:?} is neither true nor false"))),
    }
}

/// As C's `strtol` reads it with base 0.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    // The parser would take one more sign.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let octal = digits.strip_prefix('0').filter(|digits| !digits.is_empty());
    let number = match (hexadecimal, octal) {
        (Some(digits), _) if digits.starts_with(['+', '-']) => return None,
        (Some(digits), _) => i64::from_str_radix(digits, 16),
        (None, Some(digits)) => i64::from_str_radix(digits, 8),
        (None, None) => digits.parse(),
    };
    number.ok()?.checked_mul(sign)
}

macro_rules! number {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn read(&mut self, text: &str) -> Result<(), WrongValue> {
                *self = text.parse().map_err(|_| out_of_range(text))?;
                Ok(())
            }

            fn written(&self) -> Vec<String> {
                vec![self.to_string()]
            }
        }
    )*};
}

number!(u8, u16, u32, u64, usize, bool);

impl Value for Option<NonZeroU16> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = Some(text.parse().map_err(|_| out_of_range(text))?);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

impl Value for String {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        text.clone_into(self);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl Value for Box<str> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = Self::from(text);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl Value for PathBuf {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = Self::from(text);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![self.display().to_string()]
    }
}

/// Whole seconds.
impl Value for Duration {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = Self::from_secs(text.parse().map_err(|_| out_of_range(text))?);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![self.as_secs().to_string()]
    }
}

impl Ceiling {
    /// The number; `None`: there is no limit.
    pub fn limit(self) -> Option<usize> {
        self.0
    }
}

impl Value for Ceiling {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        self.0 = match text {
            "-1" => None,
            _ => Some(text.parse().map_err(|_| out_of_range(text))?),
        };
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![self.0.map_or_else(|| "-1".to_owned(), |number| number.to_string())]
    }
}

impl<T: Value + Default> Value for Option<T> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        let mut value = T::default();
        value.read(text)?;
        *self = Some(value);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        self.as_ref().map(Value::written).unwrap_or_default()
    }
}

/// The number of values in it is bounded by that of the lines.
impl<T: Value + Default> Value for Vec<T> {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        let mut value = T::default();
        value.read(text)?;
        self.push(value);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        self.iter().flat_map(Value::written).collect()
    }

    fn clear(&mut self) {
        Self::clear(self);
    }
}

fn out_of_range(text: &str) -> WrongValue {
    WrongValue::new(format!("{text} is out of range"))
}

pub(super) const BYTES: &str = "bytes";
/// What may stand around a value.
const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let rows = [
            ("0", Some(0)),
            ("1883", Some(1883)),
            ("+5", Some(5)),
            ("-1", Some(-1)),
            ("0x1F", Some(31)),
            ("010", Some(8)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("+-5", None),
            ("0x", None),
            ("0x-5", None),
            ("08", None),
            ("5s", None),
            ("5.0", None),
        ];
        for (text, expected) in rows {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn kinds_take_what_they_say() {
        const SIZE: Kind = Kind::Whole(Whole::of(BYTES, 1 << 40).from(20));
        const COUNT: Kind = Kind::Whole(Whole::of("messages", 100).raised());
        let rows = [
            (Kind::Switch, "1", Ok("true")),
            (Kind::Switch, " false # not now", Ok("false")),
            (Kind::Switch, "yes", Err("\"yes\" is neither true nor false")),
            (Kind::Switch, " ", Err("a value is missing")),
            (SIZE, "64K", Ok("65536")),
            (SIZE, "2G", Ok("2147483648")),
            (SIZE, "19", Err("19 is out of range; it takes bytes from 20 to 1099511627776")),
            (COUNT, "-7", Ok("0")),
            (COUNT, "1K", Err("\"1K\" is not a whole number; it takes messages from 0 to 100")),
            (Kind::Word(&["a", "b"]), "b c", Ok("b")),
            (Kind::Word(&["a", "b", "c"]), "d", Err("there is no \"d\"; choose a, b or c")),
            (Kind::Text(5), "\t a b \t", Ok("a b")),
            (Kind::Text(5), "123456", Err("the value is longer than 5 bytes")),
            (Kind::Text(5), "a\u{7}", Err("the value contains the control character '\\u{7}'")),
            (Kind::Anything, "", Ok("")),
        ];
        for (kind, text, expected) in rows {
            let found = kind.check(text).map(|(text, _)| text).map_err(|wrong| wrong.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn what_follows_a_word_is_named() {
        let (_, ignored) = Kind::Switch.check("true  and so on").unwrap();
        assert_eq!(ignored, Some("and so on"));
    }
}
