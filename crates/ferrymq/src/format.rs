//! `-F FORMAT`: how a message is printed, in the language of Mosquitto's clients.
//!
//! A format is read once into pieces; what is wrong with it is said before anything is connected.

mod json;
mod time;

use std::io::{self, Write};

use ferrymq_client::Message;
use thiserror::Error;

pub(crate) use self::time::Moment;

/// What is printed for each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Field(Field, Layout),
    /// `@X`: what strftime makes of `%X`.
    Time(char),
}

/// What of a message, or of the moment at which it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    TopicAlias,
    ContentType,
    CorrelationData,
    MessageExpiryInterval,
    PayloadFormatIndicator,
    Iso8601,
    Json { payload_is_json: bool },
    Length,
    PacketId,
    UserProperties,
    Payload,
    QoS,
    ResponseTopic,
    Retain,
    SubscriptionIdentifier,
    Topic,
    UnixTime,
    Hexadecimal { uppercase: bool },
    Float,
    Double,
}

/// The flags and numbers between `%` and the letter of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layout {
    is_left_aligned: bool,
    is_zero_padded: bool,
    width: usize,
    precision: Option<usize>,
    /// What stands between groups of hexadecimal digits.
    separator: Option<char>,
}

/// What is wrong with a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum FormatError {
    #[error("Incomplete format specifier.")]
    IncompleteField,
    #[error("Invalid format specifier '{0}'.")]
    UnknownField(char),
    #[error("Incomplete escape specifier.")]
    IncompleteEscape,
    #[error("Invalid escape specifier '{0}'.")]
    UnknownEscape(char),
    #[error("A width or precision of a format is larger than {WIDTH_MAXIMUM}.")]
    TooWide,
}

/// What a message has not, although its format asks for it.
#[derive(Debug, Error)]
pub(crate) enum PrintError {
    #[error("Error: Message payload is not valid JSON on topic {0}.")]
    NotJson(String),
    #[error("requested float printing, but non-float data received")]
    NotFloat,
    #[error("requested double printing, but non-double data received")]
    NotDouble,
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Format {
    /// Reads a format.
    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        let mut format = Self { pieces: Vec::new() };
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match character {
                '%' => match field(&mut rest)? {
                    Some((field, layout)) => format.pieces.push(Piece::Field(field, layout)),
                    None => format.push_literal(b"%"),
                },
                '@' => match rest.next().ok_or(FormatError::IncompleteField)? {
                    '@' => format.push_literal(b"@"),
                    letter => format.pieces.push(Piece::Time(letter)),
                },
                '\\' => {
                    let letter = rest.next().ok_or(FormatError::IncompleteEscape)?;
                    format.push_literal(&[escape(letter)?]);
                }
                other => format.push_literal(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Ok(format)
    }

    fn push_literal(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(literal)) => literal.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Literal(bytes.to_vec())),
        }
    }

    /// Prints a message that has come at this moment.
    pub(crate) fn print(
        &self,
        message: &Message,
        moment: &Moment,
        is_pretty: bool,
        out: &mut impl Write,
    ) -> Result<(), PrintError> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(bytes) => out.write_all(bytes)?,
                Piece::Time(letter) => out.write_all(moment.strftime(*letter).as_bytes())?,
                Piece::Field(field, layout) => {
                    field.print(layout, message, moment, is_pretty, out)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads what follows a `%`; `None` is the percent sign itself.
fn field(rest: &mut std::str::Chars<'_>) -> Result<Option<(Field, Layout)>, FormatError> {
    let mut next = || rest.next().ok_or(FormatError::IncompleteField);
    let mut letter = next()?;
    let is_left_aligned = letter == '-';
    if is_left_aligned {
        letter = next()?;
    }
    let is_zero_padded = letter == '0';
    let mut width = 0;
    while let Some(digit) = letter.to_digit(10) {
        width = with_digit(width, digit)?;
        letter = next()?;
    }
    let mut precision = None;
    if letter == '.' {
        letter = next()?;
        let mut number = 0;
        while let Some(digit) = letter.to_digit(10) {
            number = with_digit(number, digit)?;
            letter = next()?;
        }
        precision = Some(number);
    }
    let mut separator = None;
    if SEPARATORS.contains(letter) {
        separator = Some(letter);
        letter = next()?;
    }
    if letter == '%' {
        return Ok(None);
    }
    let layout = Layout { is_left_aligned, is_zero_padded, width, precision, separator };
    Field::named(letter).map(|field| Some((field, layout)))
}

fn with_digit(number: usize, digit: u32) -> Result<usize, FormatError> {
    let number = number * 10 + digit as usize;
    if number > WIDTH_MAXIMUM { Err(FormatError::TooWide) } else { Ok(number) }
}

fn escape(letter: char) -> Result<u8, FormatError> {
    Ok(match letter {
        '\\' => b'\\',
        '0' => 0,
        'a' => 0x07,
        'e' => 0x1b,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        other => return Err(FormatError::UnknownEscape(other)),
    })
}

impl Field {
    fn named(letter: char) -> Result<Self, FormatError> {
        Ok(match letter {
            'A' => Self::TopicAlias,
            'C' => Self::ContentType,
            'D' => Self::CorrelationData,
            'E' => Self::MessageExpiryInterval,
            'F' => Self::PayloadFormatIndicator,
            'I' => Self::Iso8601,
            'J' => Self::Json { payload_is_json: true },
            'P' => Self::UserProperties,
            'R' => Self::ResponseTopic,
            'S' => Self::SubscriptionIdentifier,
            'U' => Self::UnixTime,
            'X' => Self::Hexadecimal { uppercase: true },
            'd' => Self::Double,
            'f' => Self::Float,
            'j' => Self::Json { payload_is_json: false },
            'l' => Self::Length,
            'm' => Self::PacketId,
            'p' => Self::Payload,
            'q' => Self::QoS,
            'r' => Self::Retain,
            't' => Self::Topic,
            'x' => Self::Hexadecimal { uppercase: false },
            other => return Err(FormatError::UnknownField(other)),
        })
    }

    fn print(
        self,
        layout: &Layout,
        message: &Message,
        moment: &Moment,
        is_pretty: bool,
        out: &mut impl Write,
    ) -> Result<(), PrintError> {
        let properties = message.properties.as_properties();
        match self {
            Self::TopicAlias => layout.number(properties.topic_alias(), out)?,
            Self::ContentType => layout.text(properties.content_type().unwrap_or(""), out)?,
            Self::CorrelationData => {
                out.write_all(properties.correlation_data().unwrap_or_default())?;
            }
            Self::MessageExpiryInterval => {
                layout.number(properties.message_expiry_interval(), out)?;
            }
            Self::PayloadFormatIndicator => {
                layout.number(properties.payload_format_indicator().map(u8::from), out)?;
            }
            Self::Iso8601 => layout.text(&moment.iso_8601(), out)?,
            Self::Json { payload_is_json } => {
                let text = json::message(message, moment, payload_is_json, is_pretty);
                let Some(text) = text else {
                    return Err(PrintError::NotJson(message.topic.clone()));
                };
                out.write_all(&text)?;
            }
            Self::Length => layout.number(Some(message.payload.len()), out)?,
            Self::PacketId => layout.number(Some(message.packet_id.unwrap_or(0)), out)?,
            Self::UserProperties => {
                let mut space = "";
                for (name, value) in properties.user_properties() {
                    write!(out, "{space}{name}:{value}")?;
                    space = " ";
                }
            }
            Self::Payload => layout.payload(&message.payload, out)?,
            Self::QoS => write!(out, "{}", message.qos as u8)?,
            Self::ResponseTopic => {
                // Without one nothing is printed, not even the width.
                if let Some(topic) = properties.response_topic() {
                    layout.text(topic.as_str(), out)?;
                }
            }
            Self::Retain => write!(out, "{}", u8::from(message.retain))?,
            Self::SubscriptionIdentifier => {
                layout.number(properties.subscription_identifiers().next(), out)?;
            }
            Self::Topic => layout.text(&message.topic, out)?,
            Self::UnixTime => out.write_all(moment.unix().as_bytes())?,
            Self::Hexadecimal { uppercase } => {
                layout.hexadecimal(&message.payload, uppercase, out)?;
            }
            Self::Float => {
                let bytes = message.payload.as_slice().try_into();
                let value = f32::from_ne_bytes(bytes.map_err(|_| PrintError::NotFloat)?);
                layout.float(value.into(), out)?;
            }
            Self::Double => {
                let bytes = message.payload.as_slice().try_into();
                let value = f64::from_ne_bytes(bytes.map_err(|_| PrintError::NotDouble)?);
                layout.float(value, out)?;
            }
        }
        Ok(())
    }
}

impl Layout {
    /// What fills a field up to its width.
    const fn padding(&self) -> u8 {
        if self.is_zero_padded { b'0' } else { b' ' }
    }

    /// A number, or a blank field if there is none.
    fn number(&self, value: Option<impl ToString>, out: &mut impl Write) -> io::Result<()> {
        match value {
            Some(value) => self.aligned(value.to_string().as_bytes(), self.padding(), out),
            None => fill(self.padding(), self.width, out),
        }
    }

    /// A text, of which the precision is the largest length in bytes.
    fn text(&self, text: &str, out: &mut impl Write) -> io::Result<()> {
        let length = self.precision.unwrap_or(usize::MAX).min(text.len());
        self.aligned(text.as_bytes().get(..length).unwrap_or_default(), b' ', out)
    }

    /// A number as C's `%f` prints it.
    fn float(&self, value: f64, out: &mut impl Write) -> io::Result<()> {
        let precision = self.precision.unwrap_or(6);
        let (text, padding) = if value.is_finite() {
            (format!("{value:.precision$}"), self.padding())
        } else {
            let sign = if value.is_sign_negative() { "-" } else { "" };
            (format!("{sign}{}", if value.is_nan() { "nan" } else { "inf" }), b' ')
        };
        self.aligned(text.as_bytes(), padding, out)
    }

    /// Zeros go between a sign and its digits, and never behind a number.
    fn aligned(&self, text: &[u8], padding: u8, out: &mut impl Write) -> io::Result<()> {
        let missing = self.width.saturating_sub(text.len());
        if self.is_left_aligned {
            out.write_all(text)?;
            return fill(b' ', missing, out);
        }
        let digits = match text {
            [b'-', digits @ ..] if padding == b'0' => {
                out.write_all(b"-")?;
                digits
            }
            all => all,
        };
        fill(padding, missing, out)?;
        out.write_all(digits)
    }

    /// The payload as it came; the width is also the largest length.
    fn payload(&self, payload: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.aligned_payload(self.cut(payload), out)
    }

    fn aligned_payload(&self, payload: &[u8], out: &mut impl Write) -> io::Result<()> {
        let missing = self.width.saturating_sub(payload.len());
        if !self.is_left_aligned {
            fill(self.padding(), missing, out)?;
        }
        out.write_all(payload)?;
        fill(b' ', if self.is_left_aligned { missing } else { 0 }, out)
    }

    /// The payload in hexadecimal digits, after every `precision` of which a separator stands.
    fn hexadecimal(&self, payload: &[u8], uppercase: bool, out: &mut impl Write) -> io::Result<()> {
        let payload = self.cut(payload);
        let missing = self.width.saturating_sub(payload.len() * 2);
        let mut digits = vec![self.padding(); if self.is_left_aligned { 0 } else { missing }];
        for byte in payload {
            match uppercase {
                true => write!(digits, "{byte:02X}")?,
                false => write!(digits, "{byte:02x}")?,
            }
        }
        match (self.precision, self.separator) {
            (Some(group @ 1..), separator) => {
                let separator = separator.unwrap_or(' ').to_string();
                let groups: Vec<&[u8]> = digits.chunks(group).collect();
                out.write_all(&groups.join(separator.as_bytes()))?;
            }
            _ => out.write_all(&digits)?,
        }
        fill(b' ', if self.is_left_aligned { missing } else { 0 }, out)
    }

    fn cut<'p>(&self, payload: &'p [u8]) -> &'p [u8] {
        let maximum = if self.width == 0 { usize::MAX } else { self.width };
        payload.get(..maximum).unwrap_or(payload)
    }
}

fn fill(byte: u8, count: usize, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&vec![byte; count])
}

/// What may stand between groups of hexadecimal digits.
const SEPARATORS: &str = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ";
/// The widest field.
const WIDTH_MAXIMUM: usize = 10_000;

#[cfg(test)]
mod tests;
