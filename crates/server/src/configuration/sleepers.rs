//! Rules for clients that sleep: `client=phone-*,user=app,expiry=7d,resume`.

use ferrymq_broker::Sleepers;

use super::value::{Value, WrongValue};

impl Value for Sleepers {
    fn read(&mut self, text: &str) -> Result<(), WrongValue> {
        *self = parse_sleepers(text)?;
        Ok(())
    }

    fn written(&self) -> Vec<String> {
        let times = TIMES.iter().rev();
        let whole =
            times.copied().find(|(_, unit)| u64::from(self.expiry_interval).is_multiple_of(*unit));
        let (letter, unit) = whole.unwrap_or(("s", 1));
        let expiry = match self.expiry_interval {
            0 => None,
            u32::MAX => Some("expiry=never".to_owned()),
            seconds => Some(format!("expiry={}{letter}", u64::from(seconds) / unit)),
        };
        let parts = [
            self.client.as_ref().map(|pattern| format!("client={pattern}")),
            self.user.as_ref().map(|name| format!("user={name}")),
            expiry,
            self.queued_messages.map(|count| format!("messages={count}")),
            self.queued_bytes.map(|size| format!("bytes={size}")),
            self.resume.then(|| "resume".to_owned()),
        ];
        vec![parts.into_iter().flatten().collect::<Vec<_>>().join(",")]
    }
}

/// Reads one rule.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_sleepers(text: &str) -> Result<Sleepers, WrongValue> {
    let mut rule = Sleepers::default();
    let mut seen = Vec::new();
    for part in text.split(',') {
        let (key, value) =
            part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
        if seen.contains(&key) {
            return wrong(format!("{key} is given twice"));
        }
        seen.push(key);
        match (key, value) {
            ("resume", None) => rule.resume = true,
            ("resume", Some(_)) => return wrong("resume takes no value; leave it out for no"),
            (_, Some("")) => return wrong(format!("{key}= is followed by nothing")),
            ("client", Some(pattern)) => rule.client = Some(Box::from(pattern)),
            ("user", Some(name)) => rule.user = Some(Box::from(name)),
            ("expiry", Some(time)) => rule.expiry_interval = seconds(time)?,
            ("messages", Some(count)) => rule.queued_messages = Some(messages(count)?),
            ("bytes", Some(size)) => rule.queued_bytes = Some(bytes(size)?),
            ("client" | "user" | "expiry" | "messages" | "bytes", None) => {
                return wrong(format!("{key} needs a value: {key}=..."));
            }
            _ => {
                return wrong(format!(
                    "there is no {key:?}; there are client=, user=, expiry=, messages=, bytes= and \
                     resume"
                ));
            }
        }
    }
    if rule.client.is_none() && rule.user.is_none() {
        return wrong(
            "it must say whose sessions: client=PATTERN or user=NAME; client=* is everybody's",
        );
    }
    if seen.iter().all(|key| matches!(*key, "client" | "user")) {
        return wrong("it must say what is granted: expiry=, messages=, bytes= or resume");
    }
    Ok(rule)
}

fn seconds(text: &str) -> Result<u32, WrongValue> {
    if text == "never" {
        return Ok(u32::MAX);
    }
    let Some(seconds) = scaled(text, &TIMES) else {
        return wrong(format!(
            "expiry={text} is no time; write never, or a number and s, m, h, d or w"
        ));
    };
    match u32::try_from(seconds) {
        Ok(0) => wrong(format!("expiry={text} grants nothing; leave it out")),
        Ok(seconds) if seconds < u32::MAX => Ok(seconds),
        _ => wrong(format!("expiry={text} is longer than MQTT can say; write expiry=never")),
    }
}

fn messages(text: &str) -> Result<usize, WrongValue> {
    text.parse().or_else(|_| wrong(format!("messages={text} is no number")))
}

fn bytes(text: &str) -> Result<usize, WrongValue> {
    let bytes = scaled(text, &SIZES).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.map_or_else(
        || wrong(format!("bytes={text} is no size; write a number, and K, M or G after it")),
        Ok,
    )
}

fn wrong<T>(words: impl Into<Box<str>>) -> Result<T, WrongValue> {
    Err(WrongValue::new(words))
}

/// A whole number with one of these units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

const TIMES: [(&str, u64); 5] =
    [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60), ("w", 7 * 24 * 60 * 60)];
const SIZES: [(&str, u64); 4] = [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_says_whose_sessions_are_granted_what() {
        let rule =
            parse_sleepers("client=phone-*,user=app,expiry=7d,messages=100000,bytes=64M,resume")
                .unwrap();
        let expected = Sleepers {
            client: Some(Box::from("phone-*")),
            user: Some(Box::from("app")),
            expiry_interval: 604_800,
            queued_messages: Some(100_000),
            queued_bytes: Some(64 * 1024 * 1024),
            resume: true,
        };
        assert_eq!(rule, expected);
        let rule = parse_sleepers("user=a=b,expiry=never").unwrap();
        assert_eq!((rule.user.as_deref(), rule.expiry_interval), (Some("a=b"), u32::MAX));
        assert_eq!(parse_sleepers("client=*,bytes=5").unwrap().queued_bytes, Some(5));
    }

    #[test]
    fn rule_that_cannot_be_read_is_refused_with_advice() {
        let rows = [
            (
                "",
                "there is no \"\"; there are client=, user=, expiry=, messages=, bytes= and resume",
            ),
            ("client", "client needs a value: client=..."),
            ("client=,expiry=1d", "client= is followed by nothing"),
            ("client=a,client=b", "client is given twice"),
            ("client=a,resume=no", "resume takes no value; leave it out for no"),
            (
                "expiry=7d",
                "it must say whose sessions: client=PATTERN or user=NAME; client=* is everybody's",
            ),
            ("client=a", "it must say what is granted: expiry=, messages=, bytes= or resume"),
            ("client=a,expiry=7", TIME),
            ("client=a,expiry=0s", "expiry=0s grants nothing; leave it out"),
            (
                "client=a,expiry=9999w",
                "expiry=9999w is longer than MQTT can say; write expiry=never",
            ),
            ("client=a,messages=1k", "messages=1k is no number"),
            ("client=a,bytes=1T", "bytes=1T is no size; write a number, and K, M or G after it"),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_sleepers(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    const TIME: &str = "expiry=7 is no time; write never, or a number and s, m, h, d or w";
}
