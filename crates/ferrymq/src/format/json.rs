//! `%j` and `%J`: a message as JSON.

use std::fmt::Write;

use ferrymq_client::{Message, Property};
use serde::de::IgnoredAny;

use super::time::Moment;

/// The message as one JSON object. With `payload_is_json` the payload becomes a part of it as it
/// is, and `None` says that it is no JSON; otherwise it becomes a text.
pub(super) fn message(
    message: &Message,
    moment: &Moment,
    payload_is_json: bool,
    is_pretty: bool,
) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    text.extend_from_slice(b"{\"tst\":");
    quote(moment.iso_8601_with_microseconds().as_bytes(), &mut text);
    text.extend_from_slice(b",\"topic\":");
    quote(message.topic.as_bytes(), &mut text);
    let numbers = format!(
        ",\"qos\":{},\"retain\":{},\"payloadlen\":{}",
        message.qos as u8,
        u8::from(message.retain),
        message.payload.len(),
    );
    text.extend_from_slice(numbers.as_bytes());
    if let Some(packet_id) = message.packet_id {
        text.extend_from_slice(format!(",\"mid\":{packet_id}").as_bytes());
    }
    properties(message, &mut text);
    text.extend_from_slice(b",\"payload\":");
    if message.payload.is_empty() {
        text.extend_from_slice(b"null");
    } else if payload_is_json {
        serde_json::from_slice::<IgnoredAny>(&message.payload).ok()?;
        text.extend_from_slice(&message.payload);
    } else {
        quote(&message.payload, &mut text);
    }
    text.push(b'}');
    Some(arranged(&text, is_pretty))
}

/// The properties, if there are any; those of the user come together, where the first of them is.
fn properties(message: &Message, text: &mut Vec<u8>) {
    let properties = message.properties.as_properties();
    if properties.is_empty() {
        return;
    }
    text.extend_from_slice(b",\"properties\":{");
    let mut has_user_properties = false;
    let mut is_first = true;
    for property in properties.iter() {
        let mut value = Vec::new();
        let name = match property {
            Property::PayloadFormatIndicator(is_text) => {
                value.push(if is_text { b'1' } else { b'0' });
                "payload-format-indicator"
            }
            Property::MessageExpiryInterval(seconds) => {
                number(seconds, &mut value);
                "message-expiry-interval"
            }
            Property::ContentType(content_type) => {
                quote(content_type.as_bytes(), &mut value);
                "content-type"
            }
            Property::ResponseTopic(topic) => {
                quote(topic.as_str().as_bytes(), &mut value);
                "response-topic"
            }
            Property::CorrelationData(data) => {
                quote(data, &mut value);
                "correlation-data"
            }
            Property::SubscriptionIdentifier(identifier) => {
                number(identifier.get(), &mut value);
                "subscription-identifier"
            }
            Property::TopicAlias(alias) => {
                number(alias.get().into(), &mut value);
                "topic-alias"
            }
            Property::UserProperty(_) if !has_user_properties => {
                has_user_properties = true;
                user_properties(message, &mut value);
                "user-properties"
            }
            _ => continue,
        };
        if !std::mem::take(&mut is_first) {
            text.push(b',');
        }
        quote(name.as_bytes(), text);
        text.push(b':');
        text.extend_from_slice(&value);
    }
    text.push(b'}');
}

/// A list, since a name may come more than once.
fn user_properties(message: &Message, text: &mut Vec<u8>) {
    let mut before = b'[';
    for (name, value) in message.properties.as_properties().user_properties() {
        text.push(before);
        text.push(b'{');
        quote(name.as_bytes(), text);
        text.push(b':');
        quote(value.as_bytes(), text);
        text.push(b'}');
        before = b',';
    }
    text.push(b']');
}

fn number(number: u32, text: &mut Vec<u8>) {
    text.extend_from_slice(number.to_string().as_bytes());
}

/// A JSON string of these bytes. Those that are not UTF-8 stay as they are.
fn quote(bytes: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    for byte in bytes {
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            0x08 => b"\\b",
            0x0c => b"\\f",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x00..=0x1f => {
                let mut escape = String::new();
                // A string takes everything.
                let _ = write!(escape, "\\u{byte:04x}");
                text.extend_from_slice(escape.as_bytes());
                continue;
            }
            byte => std::slice::from_ref(byte),
        };
        text.extend_from_slice(escaped);
    }
    text.push(b'"');
}

/// The same JSON without white space, or with that which makes it readable: a line for each member
/// of an object, and lists in one line.
fn arranged(json: &[u8], is_pretty: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut is_escaped = false;
    // Of the brackets that are open, which are objects.
    let mut objects: Vec<bool> = Vec::new();
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth, b'\t');
    };
    let mut before = 0;
    for &byte in json {
        if in_string {
            out.push(byte);
            in_string = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            before = b'"';
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        if is_pretty && before == b'{' && byte != b'}' {
            line(&mut out, depth);
        }
        match byte {
            b'{' | b'[' => {
                depth += 1;
                objects.push(byte == b'{');
                out.push(byte);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if objects.pop() == Some(true) && is_pretty {
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                match objects.last() {
                    Some(true) if is_pretty => line(&mut out, depth),
                    _ if is_pretty => out.push(b' '),
                    _ => {}
                }
            }
            b':' if is_pretty => out.extend_from_slice(b":\t"),
            b'"' => {
                in_string = true;
                is_escaped = false;
                out.push(byte);
            }
            _ => out.push(byte),
        }
        before = byte;
    }
    out
}
