//! Properties of MQTT 5.0 on the command line: `-D PACKET PROPERTY VALUE`.

use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;

use anyhow::{Context, anyhow, bail};
use ferrymq_client::{PacketType, Property, PropertyBuffer, PropertyContext, TopicName};

/// The properties of the packets that a client sends.
#[derive(Debug, Default)]
pub(crate) struct CommandProperties {
    pub(crate) connect: PropertyBuffer,
    pub(crate) publish: PropertyBuffer,
    pub(crate) subscribe: PropertyBuffer,
    pub(crate) unsubscribe: PropertyBuffer,
    pub(crate) disconnect: PropertyBuffer,
    pub(crate) will: PropertyBuffer,
    /// Topics are to be sent as aliases; which ones is the client's affair.
    pub(crate) wants_topic_alias: bool,
}

impl CommandProperties {
    /// Reads the words of all `-D` one after the other; each takes as many as its property needs.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut properties = Self::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(packet) = words.next() {
            let name = words.next().context("a property needs a name after the packet's")?;
            let value = words.next().with_context(|| format!("{name} needs a value"))?;
            let property = if name == "user-property" {
                let name = value;
                let value = words.next().context("user-property needs a name and a value")?;
                Property::UserProperty((name, value))
            } else {
                property(name, value)?
            };
            if packet == "publish" && name == "topic-alias" {
                properties.wants_topic_alias = true;
                continue;
            }
            let (buffer, context) = properties.of(packet)?;
            if !property.id().is_allowed_in(context) {
                bail!("{packet} has no property {name}");
            }
            buffer.push(property).with_context(|| name.to_owned())?;
        }
        Ok(properties)
    }

    fn of(&mut self, packet: &str) -> anyhow::Result<(&mut PropertyBuffer, PropertyContext)> {
        let (buffer, packet_type) = match packet {
            "will" => return Ok((&mut self.will, PropertyContext::Will)),
            "connect" => (&mut self.connect, PacketType::Connect),
            "publish" => (&mut self.publish, PacketType::Publish),
            "subscribe" => (&mut self.subscribe, PacketType::Subscribe),
            "unsubscribe" => (&mut self.unsubscribe, PacketType::Unsubscribe),
            "disconnect" => (&mut self.disconnect, PacketType::Disconnect),
            "auth" | "puback" | "pubrec" | "pubrel" | "pubcomp" | "suback" | "unsuback" => {
                bail!("this client sends no {packet} with properties")
            }
            _ => bail!(
                "no packet {packet} to set a property of; there are connect, publish, subscribe, \
                 unsubscribe, disconnect and will"
            ),
        };
        Ok((buffer, PropertyContext::Packet(packet_type)))
    }
}

fn property<'a>(name: &str, value: &'a str) -> anyhow::Result<Property<'a>> {
    Ok(match name {
        "payload-format-indicator" => Property::PayloadFormatIndicator(flag(name, value)?),
        "message-expiry-interval" => Property::MessageExpiryInterval(number(name, value)?),
        "content-type" => Property::ContentType(value),
        "response-topic" => {
            Property::ResponseTopic(TopicName::parse(value).with_context(|| name.to_owned())?)
        }
        "correlation-data" => Property::CorrelationData(value.as_bytes()),
        "subscription-identifier" => {
            let identifier: NonZeroU32 = number(name, value)?;
            if identifier.get() > MAX_SUBSCRIPTION_IDENTIFIER {
                bail!("{name}: at most {MAX_SUBSCRIPTION_IDENTIFIER}");
            }
            Property::SubscriptionIdentifier(identifier)
        }
        "session-expiry-interval" => Property::SessionExpiryInterval(number(name, value)?),
        "request-problem-information" => Property::RequestProblemInformation(flag(name, value)?),
        "will-delay-interval" => Property::WillDelayInterval(number(name, value)?),
        "request-response-information" => Property::RequestResponseInformation(flag(name, value)?),
        "reason-string" => Property::ReasonString(value),
        "receive-maximum" => Property::ReceiveMaximum(number::<NonZeroU16>(name, value)?),
        "topic-alias-maximum" => Property::TopicAliasMaximum(number(name, value)?),
        "maximum-packet-size" => Property::MaximumPacketSize(number::<NonZeroU32>(name, value)?),
        "topic-alias" => Property::TopicAlias(number(name, value)?),
        "authentication-method" => Property::AuthenticationMethod(value),
        "authentication-data" => Property::AuthenticationData(value.as_bytes()),
        _ => bail!("no property {name}{}", nearest(name)),
    })
}

fn number<T: FromStr>(name: &str, value: &str) -> anyhow::Result<T> {
    value.parse().map_err(|_| anyhow!("{name}: {value} is not a number that it can have"))
}

fn flag(name: &str, value: &str) -> anyhow::Result<bool> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => bail!("{name}: {value} is neither 0 nor 1"),
    }
}

/// The known name that begins most like `name`.
fn nearest(name: &str) -> String {
    let alike = |known: &&&str| known.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    NAMES
        .iter()
        .max_by_key(alike)
        .filter(|known| alike(known) >= ALIKE_ENOUGH)
        .map(|known| format!("; did you mean {known}?"))
        .unwrap_or_default()
}

const NAMES: [&str; 18] = [
    "authentication-data",
    "authentication-method",
    "content-type",
    "correlation-data",
    "maximum-packet-size",
    "message-expiry-interval",
    "payload-format-indicator",
    "reason-string",
    "receive-maximum",
    "request-problem-information",
    "request-response-information",
    "response-topic",
    "session-expiry-interval",
    "subscription-identifier",
    "topic-alias",
    "topic-alias-maximum",
    "user-property",
    "will-delay-interval",
];
const ALIKE_ENOUGH: usize = 3;
/// The largest Variable Byte Integer.
const MAX_SUBSCRIPTION_IDENTIFIER: u32 = 268_435_455;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> anyhow::Result<CommandProperties> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        CommandProperties::parse(&words)
    }

    #[test]
    fn properties_are_kept_by_packet_and_in_order() {
        let properties = parse(
            "publish content-type text/plain publish user-property a b publish user-property a c \
             will will-delay-interval 5 connect receive-maximum 7",
        )
        .unwrap();
        let publish: Vec<_> = properties.publish.as_properties().iter().collect();
        assert_eq!(
            publish,
            [
                Property::ContentType("text/plain"),
                Property::UserProperty(("a", "b")),
                Property::UserProperty(("a", "c")),
            ]
        );
        assert_eq!(properties.will.as_properties().will_delay_interval(), Some(5));
        assert_eq!(properties.connect.as_properties().receive_maximum(), NonZeroU16::new(7));
        assert!(properties.subscribe.as_properties().is_empty());
    }

    #[test]
    fn wrong_words_are_named() {
        let rows = [
            ("publsh content-type x", "no packet publsh"),
            ("publish content-tipe x", "did you mean content-type?"),
            ("publish will-delay-interval 3", "publish has no property will-delay-interval"),
            ("connect receive-maximum 0", "receive-maximum: 0"),
            ("publish payload-format-indicator 2", "neither 0 nor 1"),
            ("publish user-property a", "user-property needs a name and a value"),
            ("subscribe subscription-identifier 268435456", "at most 268435455"),
            ("publish response-topic a/#", "response-topic"),
            ("publish topic-alias 0", "topic-alias: 0"),
            ("puback reason-string x", "no puback"),
        ];
        for (line, words) in rows {
            let error = format!("{:#}", parse(line).unwrap_err());
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
