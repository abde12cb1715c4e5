//! What programs can ask a listener of protocol `http_api` for: the numbers below `$SYS`, the
//! listeners, and the version. The paths and forms are Mosquitto's.

use std::fmt;
use std::sync::{Arc, OnceLock};

use ferrymq_broker::Directory;
use ferrymq_transport::websocket::{Api, NotServed, Page};
use serde_json::{Map, Value};

/// What such a listener says of the configuration, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpApi {
    /// The listeners, as JSON.
    pub listeners: Box<str>,
    /// The version of the broker.
    pub version: Box<str>,
    /// Whether it answers those who have not proved who they are, which is everybody.
    pub allow_anonymous: bool,
}

/// Answers from what the broker has published of itself, once there is a broker.
pub(crate) struct Answers {
    pub(crate) about: HttpApi,
    pub(crate) directory: Arc<OnceLock<Arc<Directory>>>,
}

impl Api for Answers {
    fn get(&self, path: &str) -> Result<Page, NotServed> {
        if !self.about.allow_anonymous {
            return Err(NotServed::NotAllowed);
        }
        let (content_type, body) = match path {
            "/api/v1/systree" => (JSON, self.numbers()),
            "/api/v1/listeners" => (JSON, self.about.listeners.to_string()),
            "/api/v1/version" => (TEXT, self.about.version.to_string()),
            _ => return Err(NotServed::Unknown),
        };
        Ok(Page { content_type, body: body.into_bytes().into() })
    }
}

impl Answers {
    fn numbers(&self) -> String {
        let numbers = self.directory.get().map(|directory| directory.sys_numbers());
        let numbers = numbers.unwrap_or_default().into_iter();
        let object: Map<String, Value> =
            numbers.map(|(topic, number)| (topic.into(), number.into())).collect();
        Value::Object(object).to_string()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Answers").field(&self.about).finish()
    }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
