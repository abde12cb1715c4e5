//! Rules for clients that sleep, on the command line: `client=phone-*,user=app,expiry=7d,resume`.

use anyhow::{Context, bail};
use ferrymq_server::Sleepers;

/// Reads one rule.
pub(super) fn parse(text: &str) -> anyhow::Result<Sleepers> {
    let mut rule = Sleepers::default();
    let mut seen = Vec::new();
    for part in text.split(',') {
        let (key, value) =
            part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
        if seen.contains(&key) {
            bail!("{key} is given twice");
        }
        seen.push(key);
        match (key, value) {
            ("resume", None) => rule.resume = true,
            ("resume", Some(_)) => bail!("resume takes no value; leave it out for no"),
            (_, Some("")) => bail!("{key}= is followed by nothing"),
            ("client", Some(pattern)) => rule.client = Some(Box::from(pattern)),
            ("user", Some(name)) => rule.user = Some(Box::from(name)),
            ("expiry", Some(time)) => rule.expiry_interval = seconds(time)?,
            ("messages", Some(count)) => rule.queued_messages = Some(messages(count)?),
            ("bytes", Some(size)) => rule.queued_bytes = Some(bytes(size)?),
            ("client" | "user" | "expiry" | "messages" | "bytes", None) => {
                bail!("{key} needs a value: {key}=...");
            }
            _ => bail!(
                "there is no {key:?}; there are client=, user=, expiry=, messages=, bytes= and resume"
            ),
        }
    }
    if rule.client.is_none() && rule.user.is_none() {
        bail!("it must say whose sessions: client=PATTERN or user=NAME; client=* is everybody's");
    }
    if seen.iter().all(|key| matches!(*key, "client" | "user")) {
        bail!("it must say what is granted: expiry=, messages=, bytes= or resume");
    }
    Ok(rule)
}

fn seconds(text: &str) -> anyhow::Result<u32> {
    const UNITS: [(&str, u64); 5] =
        [("s", 1), ("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60), ("w", 7 * 24 * 60 * 60)];
    if text == "never" {
        return Ok(u32::MAX);
    }
    let how = || format!("expiry={text} is no time; write never, or a number and s, m, h, d or w");
    let seconds = scaled(text, &UNITS).with_context(how)?;
    match u32::try_from(seconds) {
        Ok(0) => bail!("expiry={text} grants nothing; leave it out"),
        Ok(seconds) if seconds < u32::MAX => Ok(seconds),
        _ => bail!("expiry={text} is longer than MQTT can say; write expiry=never"),
    }
}

fn messages(text: &str) -> anyhow::Result<usize> {
    text.parse().with_context(|| format!("messages={text} is no number"))
}

fn bytes(text: &str) -> anyhow::Result<usize> {
    const UNITS: [(&str, u64); 4] = [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];
    scaled(text, &UNITS)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .with_context(|| format!("bytes={text} is no size; write a number, and K, M or G after it"))
}

/// A whole number with one of these units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_says_whose_sessions_are_granted_what() {
        let rule =
            parse("client=phone-*,user=app,expiry=7d,messages=100000,bytes=64M,resume").unwrap();
        let expected = Sleepers {
            client: Some(Box::from("phone-*")),
            user: Some(Box::from("app")),
            expiry_interval: 604_800,
            queued_messages: Some(100_000),
            queued_bytes: Some(64 * 1024 * 1024),
            resume: true,
        };
        assert_eq!(rule, expected);
        let rule = parse("user=a=b,expiry=never").unwrap();
        assert_eq!((rule.user.as_deref(), rule.expiry_interval), (Some("a=b"), u32::MAX));
        assert_eq!(parse("client=*,bytes=5").unwrap().queued_bytes, Some(5));
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
            assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    const TIME: &str = "expiry=7 is no time; write never, or a number and s, m, h, d or w";
}
