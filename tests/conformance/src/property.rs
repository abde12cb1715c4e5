//! The Properties of MQTT 5.0: their identifiers, and how each is written and read.

use crate::field::{Reader, string, variable_integer};
use crate::verdict::{Failure, Verdict};

pub(crate) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
pub(crate) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
pub(crate) const CONTENT_TYPE: u8 = 0x03;
pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
pub(crate) const CORRELATION_DATA: u8 = 0x09;
pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
pub(crate) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
pub(crate) const WILL_DELAY_INTERVAL: u8 = 0x18;
pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
pub(crate) const RESPONSE_INFORMATION: u8 = 0x1A;
pub(crate) const SERVER_REFERENCE: u8 = 0x1C;
pub(crate) const REASON_STRING: u8 = 0x1F;
pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
pub(crate) const TOPIC_ALIAS: u8 = 0x23;
pub(crate) const MAXIMUM_QOS: u8 = 0x24;
pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
pub(crate) const USER_PROPERTY: u8 = 0x26;
pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
pub(crate) const SUBSCRIPTION_IDENTIFIERS_AVAILABLE: u8 = 0x29;
pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;

/// One Property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) id: u8,
    pub(crate) value: Value,
}

/// What a Property is set to, in the form it has in the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Byte(u8),
    Two(u16),
    Four(u32),
    Variable(usize),
    Binary(Vec<u8>),
    Pair(Vec<u8>, Vec<u8>),
}

pub(crate) fn byte(id: u8, value: u8) -> Property {
    Property { id, value: Value::Byte(value) }
}

pub(crate) fn two(id: u8, value: u16) -> Property {
    Property { id, value: Value::Two(value) }
}

pub(crate) fn four(id: u8, value: u32) -> Property {
    Property { id, value: Value::Four(value) }
}

pub(crate) fn subscription_identifier(value: usize) -> Property {
    Property { id: SUBSCRIPTION_IDENTIFIER, value: Value::Variable(value) }
}

/// A Property of text or of Binary Data: in the packet they look the same.
pub(crate) fn binary(id: u8, value: impl AsRef<[u8]>) -> Property {
    Property { id, value: Value::Binary(value.as_ref().to_vec()) }
}

pub(crate) fn user(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Property {
    let pair = Value::Pair(name.as_ref().to_vec(), value.as_ref().to_vec());
    Property { id: USER_PROPERTY, value: pair }
}

impl Property {
    fn bytes(&self) -> Vec<u8> {
        let value = match &self.value {
            Value::Byte(value) => vec![*value],
            Value::Two(value) => value.to_be_bytes().to_vec(),
            Value::Four(value) => value.to_be_bytes().to_vec(),
            Value::Variable(value) => variable_integer(*value),
            Value::Binary(value) => string(value),
            Value::Pair(name, value) => [string(name), string(value)].concat(),
        };
        [vec![self.id], value].concat()
    }
}

/// The Property Length and the Properties.
pub(crate) fn block(properties: &[Property]) -> Vec<u8> {
    let bytes: Vec<u8> = properties.iter().flat_map(Property::bytes).collect();
    [variable_integer(bytes.len()), bytes].concat()
}

/// The Properties in the bytes that the Property Length covers.
pub(crate) fn read(bytes: &[u8]) -> Verdict<Vec<Property>> {
    let mut reader = Reader::new(bytes);
    let mut properties = Vec::new();
    while !reader.is_empty() {
        let id = reader.byte()?;
        let value = match id {
            PAYLOAD_FORMAT_INDICATOR
            | MAXIMUM_QOS
            | RETAIN_AVAILABLE
            | WILDCARD_SUBSCRIPTION_AVAILABLE
            | SUBSCRIPTION_IDENTIFIERS_AVAILABLE
            | SHARED_SUBSCRIPTION_AVAILABLE => Value::Byte(reader.byte()?),
            SERVER_KEEP_ALIVE | RECEIVE_MAXIMUM | TOPIC_ALIAS_MAXIMUM | TOPIC_ALIAS => {
                Value::Two(reader.two()?)
            }
            MESSAGE_EXPIRY_INTERVAL | SESSION_EXPIRY_INTERVAL | MAXIMUM_PACKET_SIZE => {
                Value::Four(reader.four()?)
            }
            SUBSCRIPTION_IDENTIFIER => Value::Variable(reader.variable_integer()?),
            CORRELATION_DATA | AUTHENTICATION_DATA => Value::Binary(reader.binary()?),
            CONTENT_TYPE
            | RESPONSE_TOPIC
            | ASSIGNED_CLIENT_IDENTIFIER
            | AUTHENTICATION_METHOD
            | RESPONSE_INFORMATION
            | SERVER_REFERENCE
            | REASON_STRING => Value::Binary(reader.text()?.into_bytes()),
            USER_PROPERTY => Value::Pair(reader.text()?.into_bytes(), reader.text()?.into_bytes()),
            _ => return Err(Failure::new(format!("a server may not send Property {id:#04x}"))),
        };
        properties.push(Property { id, value });
    }
    Ok(properties)
}
