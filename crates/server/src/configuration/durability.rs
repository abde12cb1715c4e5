//! What survives, as it is written.

use std::time::Duration;

use ferrymq_broker::Durability;
use ferrymq_codec::TopicFilter;

use super::global::{Lifetime, TopicDurability};
use super::value::{Value, WrongValue};

impl Value for Durability {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        let mut known = [Self::None, Self::Process, Self::Power].into_iter();
        *self = known.find(|known| known.as_str() == text).ok_or_else(|| {
            WrongValue::new(format!("there is no {text:?}; choose power, process or none"))
        })?;
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![self.as_str().to_owned()]
    }
}

impl Value for TopicDurability {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        // A filter may contain the sign, a mode does not.
        let (filter, mode) =
            text.rsplit_once('=').ok_or_else(|| WrongValue::new("write it as FILTER=MODE"))?;
        TopicFilter::parse(filter).map_err(|error| WrongValue::new(error.to_string()))?;
        self.durability.read(mode)?;
        self.filter = Box::from(filter);
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        vec![format!("{}={}", self.filter, self.durability.as_str())]
    }
}

impl Value for Lifetime {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        let wrong = || {
            WrongValue::new(format!("{text:?} is no time; write a number and s, h, d, w, m or y"))
        };
        let (word, _) = text.split_once(' ').unwrap_or((text, ""));
        let (letter, seconds) =
            UNITS.iter().find(|(letter, _)| word.ends_with(*letter)).ok_or_else(wrong)?;
        let number: u64 =
            word.strip_suffix(*letter).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
        let seconds = number.checked_mul(*seconds).filter(|seconds| *seconds > 0);
        self.0 = seconds.map(Duration::from_secs).ok_or_else(wrong)?;
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        let seconds = self.0.as_secs();
        let whole = UNITS.iter().find(|(_, unit)| seconds.is_multiple_of(*unit));
        let (letter, unit) = whole.copied().unwrap_or(('s', 1));
        vec![format!("{}{letter}", seconds / unit)]
    }
}

/// As Mosquitto counts them: a month has 30 days and a year 365.
const UNITS: [(char, u64); 6] =
    [('y', 365 * DAY), ('m', 30 * DAY), ('w', 7 * DAY), ('d', DAY), ('h', 60 * 60), ('s', 1)];
const DAY: u64 = 24 * 60 * 60;
