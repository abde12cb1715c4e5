//! What is printed of a response, in the lines of `mosquitto_ctrl`.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::failure::Failure;

/// What is to be printed of the first response in a payload.
pub(super) fn print(
    payload: &[u8],
    print: fn(command: &str, data: &Value) -> Option<String>,
) -> anyhow::Result<Option<String>> {
    let tree: Value = serde_json::from_slice(payload).context("Payload not JSON")?;
    let response = tree.get("responses").and_then(|responses| responses.get(0));
    let response = response.context("Payload missing data.")?;
    let command = response.get("command").and_then(Value::as_str);
    let command = command.context("Payload missing data.")?;
    if let Some(error) = response.get("error").and_then(Value::as_str) {
        return Err(Failure::refused_command(command, error).into());
    }
    match response.get("data") {
        None => Ok(None),
        Some(data) => match print(command, data) {
            Some(text) => Ok(Some(text)),
            None => bail!("Invalid response from server."),
        },
    }
}

/// Whoever reads it may have enough of it.
pub(super) fn to_stdout(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// What dynamic security tells; `None` if it is not what was asked for.
pub(super) fn of_dynsec(command: &str, data: &Value) -> Option<String> {
    let mut text = String::new();
    match command {
        "listClients" => names(&mut text, data.get("clients")?, "username")?,
        "listGroups" => names(&mut text, data.get("groups")?, "groupname")?,
        "listRoles" => names(&mut text, data.get("roles")?, "rolename")?,
        "getClient" => client(&mut text, data.get("client")?)?,
        "getGroup" => group(&mut text, data.get("group")?)?,
        "getRole" => role(&mut text, data.get("role")?)?,
        "getAnonymousGroup" => line(&mut text, data.get("group")?.get("groupname")?.as_str()?),
        "getDefaultACLAccess" => {
            for acl in data.get("acls")?.as_array()? {
                let allow = if acl.get("allow")?.as_bool()? { "allow" } else { "deny" };
                let acl_type = acl.get("acltype")?.as_str()?;
                line(&mut text, &format!("{acl_type:20} : {allow}"));
            }
        }
        "getDetails" => {
            for (label, member) in [
                ("Clients", "clientCount"),
                ("Groups", "groupCount"),
                ("Roles", "roleCount"),
                ("Change index", "changeIndex"),
            ] {
                line(&mut text, &format!("{:13} {}", format!("{label}:"), data.get(member)?));
            }
        }
        _ => {}
    }
    Some(text)
}

/// What the broker tells of itself.
pub(super) fn of_broker(command: &str, data: &Value) -> Option<String> {
    let mut text = String::new();
    match command {
        "listListeners" => {
            for (number, listener) in (1..).zip(data.get("listeners")?.as_array()?) {
                line(&mut text, &format!("Listener {number}:"));
                for (label, member) in [
                    ("Port:", "port"),
                    ("Protocol:", "protocol"),
                    ("Socket path:", "socket-path"),
                    ("Bind address:", "bind-address"),
                ] {
                    if let Some(value) = listener.get(member) {
                        line(&mut text, &format!("  {label:18} {}", plain(value)));
                    }
                }
                let tls = listener.get("tls").and_then(Value::as_bool).unwrap_or_default();
                line(&mut text, &format!("  {:18} {tls}\n", "TLS:"));
            }
        }
        "listPlugins" => {
            for plugin in data.get("plugins")?.as_array()? {
                line(&mut text, &format!("Plugin:            {}", plugin.get("name")?.as_str()?));
                if let Some(version) = plugin.get("version").and_then(Value::as_str) {
                    line(&mut text, &format!("Version:           {version}"));
                }
                let topics = plugin.get("control-endpoints").and_then(Value::as_array);
                let labels = std::iter::once("Control endpoints:").chain(std::iter::repeat(""));
                for (label, topic) in labels.zip(topics.into_iter().flatten()) {
                    line(&mut text, &format!("{label:18} {}", plain(topic)));
                }
            }
        }
        _ => {}
    }
    Some(text)
}

fn names(text: &mut String, list: &Value, member: &str) -> Option<()> {
    for element in list.as_array()? {
        if let Some(name) = element.as_str().or_else(|| element.get(member)?.as_str()) {
            line(text, name);
        }
    }
    Some(())
}

fn client(text: &mut String, client: &Value) -> Option<()> {
    labelled(text, "Username:", client.get("username")?.as_str()?);
    let client_id = client.get("clientid").and_then(Value::as_str);
    match client_id {
        Some(client_id) => labelled(text, "Clientid:", client_id),
        None => line(text, "Clientid:"),
    }
    if let Some(disabled) = client.get("disabled").and_then(Value::as_bool) {
        labelled(text, "Disabled:", &disabled.to_string());
    }
    members(text, client.get("roles"), WIDE, "Roles:", "rolename", true);
    members(text, client.get("groups"), WIDE, "Groups:", "groupname", true);
    if let Some(connections) = client.get("connections") {
        members(text, Some(connections), WIDE, "Connections:", "address", false);
    }
    Some(())
}

fn group(text: &mut String, group: &Value) -> Option<()> {
    line(text, &format!("Groupname: {}", group.get("groupname")?.as_str()?));
    members(text, group.get("roles"), NARROW, "Roles:", "rolename", true);
    members(text, group.get("clients"), NARROW, "Clients:", "username", false);
    Some(())
}

fn role(text: &mut String, role: &Value) -> Option<()> {
    line(text, &format!("Rolename: {}", role.get("rolename")?.as_str()?));
    let labels = std::iter::once("ACLs:").chain(std::iter::repeat(""));
    let acls = role.get("acls").and_then(Value::as_array);
    for (label, acl) in labels.zip(acls.into_iter().flatten()) {
        let allow = if acl.get("allow")?.as_bool()? { "allow" } else { "deny " };
        let (acl_type, topic) = (acl.get("acltype")?.as_str()?, acl.get("topic")?.as_str()?);
        let priority = priority(acl);
        line(text, &format!("{label:9} {acl_type:20} : {allow} : {topic} (priority: {priority})"));
    }
    Some(())
}

/// The names of a list, the first behind a label.
fn members(
    text: &mut String,
    list: Option<&Value>,
    width: usize,
    label: &str,
    member: &str,
    has_priority: bool,
) {
    let Some(list) = list.and_then(Value::as_array) else {
        return line(text, label);
    };
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    for (label, element) in labels.zip(list) {
        let Some(name) = element.get(member).and_then(Value::as_str) else { continue };
        let priority = if has_priority {
            format!(" (priority: {})", priority(element))
        } else {
            String::new()
        };
        line(text, &format!("{label:width$} {name}{priority}"));
    }
}

fn priority(element: &Value) -> i64 {
    element.get("priority").and_then(Value::as_i64).unwrap_or(-1)
}

fn labelled(text: &mut String, label: &str, value: &str) {
    line(text, &format!("{label:WIDE$} {value}"));
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn line(text: &mut String, line: &str) {
    // Memory takes it.
    let _ = writeln!(text, "{line}");
}

const WIDE: usize = "Connections:".len();
const NARROW: usize = "Groupname:".len();

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(payload: &str) -> String {
        match print(payload.as_bytes(), of_dynsec) {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn responses_are_printed_as_mosquitto_prints_them() {
        let rows = [
            (r#"{"responses":[{"command":"createRole"}]}"#, ""),
            (
                r#"{"responses":[{"command":"createRole","error":"Role already exists"}]}"#,
                "createRole: Error: Role already exists.",
            ),
            (
                r#"{"responses":[{"command":"listRoles","data":{"roles":["a",{"rolename":"b"}]}}]}"#,
                "a\nb\n",
            ),
            (
                r#"{"responses":[{"command":"getClient","data":{"client":{"username":"u","roles":[{"rolename":"r","priority":5},{"rolename":"s"}],"groups":[]}}}]}"#,
                "Username:    u\nClientid:\nRoles:       r (priority: 5)\n             s (priority: -1)\n",
            ),
            (
                r#"{"responses":[{"command":"getGroup","data":{"group":{"groupname":"g","roles":[{"rolename":"r"}],"clients":[{"username":"a"},{"username":"b"}]}}}]}"#,
                "Groupname: g\nRoles:     r (priority: -1)\nClients:   a\n           b\n",
            ),
            (
                r#"{"responses":[{"command":"getRole","data":{"role":{"rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a/#","priority":3,"allow":false},{"acltype":"subscribePattern","topic":"b","allow":true}]}}}]}"#,
                "Rolename: r\nACLs:     publishClientSend    : deny  : a/# (priority: 3)\n          subscribePattern     : allow : b (priority: -1)\n",
            ),
            (
                r#"{"responses":[{"command":"getDefaultACLAccess","data":{"acls":[{"acltype":"subscribe","allow":true}]}}]}"#,
                "subscribe            : allow\n",
            ),
            (
                r#"{"responses":[{"command":"getAnonymousGroup","data":{"group":{"groupname":"g"}}}]}"#,
                "g\n",
            ),
            (
                r#"{"responses":[{"command":"getClient","data":{}}]}"#,
                "Invalid response from server.",
            ),
            (r#"{"responses":[]}"#, "Payload missing data."),
            ("{}", "Payload missing data."),
        ];
        for (payload, expected) in rows {
            assert_eq!(printed(payload), expected, "{payload}");
        }
        assert!(printed("x").starts_with("Payload not JSON"));
    }

    #[test]
    fn listeners_and_plugins_are_printed_as_mosquitto_prints_them() {
        let listeners = r#"{"responses":[{"command":"listListeners","data":{"listeners":[{"port":1883,"protocol":"mqtt","bind-address":"::1","tls":true}]}}]}"#;
        let text = print(listeners.as_bytes(), of_broker).unwrap().unwrap();
        let expected = "Listener 1:\n  Port:              1883\n  Protocol:          mqtt\n  Bind address:      ::1\n  TLS:               true\n\n";
        assert_eq!(text, expected);
        let plugins = r#"{"responses":[{"command":"listPlugins","data":{"plugins":[{"name":"x","control-endpoints":["a","b"]}]}}]}"#;
        let text = print(plugins.as_bytes(), of_broker).unwrap().unwrap();
        assert_eq!(text, "Plugin:            x\nControl endpoints: a\n                   b\n");
    }
}
