//! Enhanced authentication (section 4.12) from the client's side: who is to speak, and what may be
//! said. What the data means only the Authentication Method knows.
//!
//! ```text
//! CONNECT ─▶ Waiting ◀─▶ Asked        AUTH 0x19 ─▶ Waiting ◀─▶ Asked
//!               │ CONNACK                              │ AUTH 0x00
//!               ▼                                      ▼
//!              Idle                                   Idle
//! ```

use ferrymq_codec::{EncodeError, Properties, Property, PropertyBuffer};

use super::options::ConnectOptions;
use crate::error::ProtocolError;

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// None is under way.
    Idle,
    /// The server is to speak.
    Waiting,
    /// The client is to answer.
    Asked,
}

/// What AUTH says [MQTT-4.12.0-5].
pub(super) fn auth_properties(
    method: &str,
    data: Option<&[u8]>,
) -> Result<PropertyBuffer, EncodeError> {
    let mut properties = PropertyBuffer::new();
    properties.push(Property::AuthenticationMethod(method))?;
    if let Some(data) = data {
        properties.push(Property::AuthenticationData(data))?;
    }
    Ok(properties)
}

/// The server names the method of CONNECT in all that it sends about it, and no other
/// [MQTT-4.12.0-5] [MQTT-4.12.0-6].
pub(super) fn check_method(
    options: &ConnectOptions,
    said: Properties<'_>,
) -> Result<(), ProtocolError> {
    if said.authentication_method() == options.authentication_method() {
        Ok(())
    } else {
        Err(ProtocolError::AuthenticationMethodChanged)
    }
}
