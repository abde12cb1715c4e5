//! What the broker tells of itself to whoever asks it on `$CONTROL/broker/v1`. The commands, the words
//! and the forms are Mosquitto's.

use ferrymq_access::Who;
use ferrymq_access::control::{Command, Done, Refusal, Responses};
use serde::Serialize;

/// Where it is asked.
pub(super) const BROKER_CONTROL: &str = "$CONTROL/broker/v1";

/// What the broker tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerControl {
    /// Where clients connect.
    pub listeners: Vec<ListenerWords>,
    /// The plugins of Mosquitto whose work it does.
    pub plugins: Vec<PluginWords>,
}

/// What is told of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListenerWords {
    /// Its port; 0 for a Unix socket.
    pub port: u16,
    /// What is spoken there.
    pub protocol: &'static str,
    /// The path of a Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket_path: Option<Box<str>>,
    /// The address or name; `None`: all addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_address: Option<Box<str>>,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// What is told of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PluginWords {
    /// What it calls itself.
    pub name: &'static str,
    /// The version of Mosquitto whose plugin it is.
    pub version: &'static str,
    /// The topics of its requests.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub control_endpoints: &'static [&'static str],
}

impl BrokerControl {
    /// Carries out what somebody asks for. The payload of the response.
    pub(super) fn execute(&self, request: &[u8], who: Who<'_>) -> Vec<u8> {
        Responses::to(request, |command| self.tell(command, who)).to_json()
    }

    fn tell(&self, command: &Command<'_>, who: Who<'_>) -> Result<Done, Refusal> {
        #[derive(Serialize)]
        struct Listeners<'a> {
            listeners: &'a [ListenerWords],
        }
        #[derive(Serialize)]
        struct Plugins<'a> {
            plugins: &'a [PluginWords],
        }
        let is = |name: &str| command.name.eq_ignore_ascii_case(name);
        let (name, told) = if is(LISTENERS) {
            (LISTENERS, Done::told(LISTENERS, &Listeners { listeners: &self.listeners })?)
        } else if is(PLUGINS) {
            (PLUGINS, Done::told(PLUGINS, &Plugins { plugins: &self.plugins })?)
        } else {
            return Err("Unknown command");
        };
        let username = who.username.unwrap_or("(null)");
        tracing::info!("Broker: {}/{username} | {name}", who.client_id);
        Ok(told)
    }
}

const LISTENERS: &str = "listListeners";
const PLUGINS: &str = "listPlugins";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_answered_in_mosquittos_forms() {
        let control = BrokerControl {
            listeners: vec![
                ListenerWords {
                    port: 8883,
                    protocol: "mqtt",
                    socket_path: None,
                    bind_address: Some("127.0.0.1".into()),
                    tls: true,
                },
                ListenerWords {
                    port: 0,
                    protocol: "mqtt",
                    socket_path: Some("/run/m".into()),
                    bind_address: None,
                    tls: false,
                },
            ],
            plugins: vec![PluginWords {
                name: "dynamic-security",
                version: "2.1.2",
                control_endpoints: &["$CONTROL/dynamic-security/v1"],
            }],
        };
        let rows = [
            (
                r#"{"command":"LISTLISTENERS","correlationData":"7"}"#,
                r#"{"command":"listListeners","data":{"listeners":[{"port":8883,"protocol":"mqtt","bind-address":"127.0.0.1","tls":true},{"port":0,"protocol":"mqtt","socket-path":"/run/m","tls":false}]},"correlationData":"7"}"#,
            ),
            (
                r#"{"command":"listPlugins"}"#,
                r#"{"command":"listPlugins","data":{"plugins":[{"name":"dynamic-security","version":"2.1.2","control-endpoints":["$CONTROL/dynamic-security/v1"]}]}}"#,
            ),
            (
                r#"{"command":"listClients"}"#,
                r#"{"command":"listClients","error":"Unknown command"}"#,
            ),
        ];
        for (command, expected) in rows {
            let request = format!(r#"{{"commands":[{command}]}}"#);
            let who = Who { username: None, client_id: "x" };
            let response = String::from_utf8(control.execute(request.as_bytes(), who)).unwrap();
            assert_eq!(response, format!(r#"{{"responses":[{expected}]}}"#), "{command}");
        }
    }
}
