//! How requests and responses are written.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::member::Object;

/// One command of a request.
pub struct Command<'a> {
    /// What is to be done, as it was written: in capitals or not.
    pub name: &'a str,
    /// With what.
    pub(crate) object: Object<'a>,
}

/// What comes of a command that succeeds.
pub enum Done {
    /// Something is different now.
    Changed,
    /// An answer, by the name that the command really has.
    Told(&'static str, Box<RawValue>),
}

/// Why a command fails, in Mosquitto's words.
pub type Refusal = &'static str;

/// The responses to the commands of a request.
#[derive(Serialize)]
pub struct Responses {
    responses: Vec<Response>,
}

#[derive(Serialize)]
struct Response {
    command: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(rename = "correlationData", skip_serializing_if = "Option::is_none")]
    correlation_data: Option<String>,
    #[serde(skip)]
    is_change: bool,
}

impl Responses {
    /// Has each command of a request carried out, until one cannot be understood.
    pub fn to(
        request: &[u8],
        mut execute: impl FnMut(&Command<'_>) -> Result<Done, Refusal>,
    ) -> Self {
        let mut all = Self { responses: Vec::new() };
        let Ok(mut tree) = serde_json::from_slice::<Value>(request) else {
            all.refuse("Payload not valid JSON");
            return all;
        };
        match Object::new(&tree).and_then(|tree| tree.list("commands")) {
            None => all.refuse("Invalid/missing commands"),
            Some(commands) => {
                // A list of nothing but mistakes ends at the first of them.
                let _ = commands.iter().try_for_each(|command| all.answer(command, &mut execute));
            }
        }
        wipe(&mut tree);
        all
    }

    /// The same, if nothing could be kept of what was changed.
    pub(crate) fn not_kept(mut self) -> Self {
        for response in self.responses.iter_mut().filter(|response| response.is_change) {
            response.error = Some(INTERNAL_ERROR);
        }
        self
    }

    /// The payload of the response.
    pub fn to_json(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self);
        debug_assert!(json.is_ok(), "texts can be written into memory");
        json.unwrap_or_default()
    }

    fn answer(
        &mut self,
        command: &Value,
        execute: &mut impl FnMut(&Command<'_>) -> Result<Done, Refusal>,
    ) -> Option<()> {
        let Some(object) = Object::new(command) else {
            self.refuse("Command not an object");
            return None;
        };
        let Ok(name) = object.text("command") else {
            self.refuse("Missing command");
            return None;
        };
        let Ok(correlation_data) = object.text_if_there("correlationData") else {
            self.responses.push(Response::refused(name, "Invalid correlationData data type."));
            return None;
        };
        let mut response = match execute(&Command { name, object }) {
            Err(refusal) => Response::refused(name, refusal),
            Ok(Done::Changed) => Response { is_change: true, ..Response::plain(name) },
            Ok(Done::Told(name, data)) => Response { data: Some(data), ..Response::plain(name) },
        };
        response.correlation_data = correlation_data.map(str::to_owned);
        self.responses.push(response);
        Some(())
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.responses.push(Response::refused("Unknown command", refusal));
    }
}

impl Response {
    fn plain(name: &str) -> Self {
        let command = name.to_owned();
        Self { command, error: None, data: None, correlation_data: None, is_change: false }
    }

    fn refused(name: &str, refusal: Refusal) -> Self {
        Self { error: Some(refusal), ..Self::plain(name) }
    }
}

impl Done {
    /// An answer made of this, by the name that the command really has.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON.
    pub fn told(name: &'static str, data: &impl Serialize) -> Result<Self, Refusal> {
        to_raw_value(data).map(|data| Self::Told(name, data)).map_err(|_| INTERNAL_ERROR)
    }
}

/// Overwrites the passwords of a request.
fn wipe(tree: &mut Value) {
    let commands = tree.as_object_mut().and_then(|tree| ignoring_case(tree, "commands"));
    for command in commands.and_then(Value::as_array_mut).into_iter().flatten() {
        let members = command.as_object_mut().into_iter().flatten();
        for (_, value) in members.filter(|(name, _)| name.eq_ignore_ascii_case("password")) {
            if let Value::String(password) = value {
                password.zeroize();
            }
        }
    }
}

fn ignoring_case<'a>(tree: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    let mut members = tree.iter_mut();
    members.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// What nobody who asks can do anything about.
pub(crate) const INTERNAL_ERROR: Refusal = "Internal error";
