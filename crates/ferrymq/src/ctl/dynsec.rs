//! The module for dynamic security: clients, groups, roles and what they may do.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::module::{Module, Task, typed_password};
use super::{file, response};

pub(super) const MODULE: Module =
    Module { topic: "dynamic-security", help: HELP, task, print: response::of_dynsec };

/// What a command needs, in order; what ends with `?` may be left out, numbers begin with `#`.
const COMMANDS: &[(&str, &[&str])] = &[
    ("getDetails", &[]),
    ("getDefaultACLAccess", &[]),
    ("deleteClient", &["username"]),
    ("setClientId", &["username", "clientid?"]),
    ("addClientRole", &["username", "rolename", "#priority?"]),
    ("removeClientRole", &["username", "rolename", "#priority?"]),
    ("getClient", &["username"]),
    ("listClients", &["#count?", "#offset?"]),
    ("enableClient", &["username"]),
    ("disableClient", &["username"]),
    ("createGroup", &["groupname"]),
    ("deleteGroup", &["groupname"]),
    ("addGroupRole", &["groupname", "rolename", "#priority?"]),
    ("removeGroupRole", &["groupname", "rolename", "#priority?"]),
    ("addGroupClient", &["groupname", "username", "#priority?"]),
    ("removeGroupClient", &["groupname", "username", "#priority?"]),
    ("getGroup", &["groupname"]),
    ("listGroups", &["#count?", "#offset?"]),
    ("setAnonymousGroup", &["groupname"]),
    ("getAnonymousGroup", &[]),
    ("createRole", &["rolename"]),
    ("deleteRole", &["rolename"]),
    ("getRole", &["rolename"]),
    ("listRoles", &["#count?", "#offset?"]),
    ("removeRoleACL", &["rolename", "acltype", "topic"]),
];

fn task(command: &str, words: &[String], file: Option<&PathBuf>) -> anyhow::Result<Task> {
    let is = |name: &str| command.eq_ignore_ascii_case(name);
    let command = if is("init") {
        return file::init(words).map(Task::Done);
    } else if is("setClientPassword") {
        let [username, rest @ ..] = words else { return usage(command) };
        match (file, rest) {
            (Some(path), [password, rest @ ..]) => {
                return file::set_password(path, username, password, rest).map(Task::Done);
            }
            (None, [password]) => set_password(username, password),
            (None, []) => {
                let password = typed_password(username)?;
                set_password(username, &password.context("Empty password.")?)
            }
            _ => return usage(command),
        }
    } else if is("createClient") {
        create_client(words)?
    } else if is("setDefaultACLAccess") {
        let [acl_type, access] = words else { return usage(command) };
        let acl_type = known("acltype", acl_type, DEFAULT_TYPES)?;
        let acls = json!([{ "acltype": acl_type, "allow": allow(access)? }]);
        json!({ "command": "setDefaultACLAccess", "acls": acls })
    } else if is("addRoleACL") {
        add_acl(words)?
    } else {
        plain(command, words)?
    };
    match file {
        Some(_) => bail!("-f goes with setClientPassword alone; other commands ask a broker"),
        None => Ok(Task::Command(command)),
    }
}

/// A command that needs no more than its words.
fn plain(command: &str, words: &[String]) -> anyhow::Result<Value> {
    let known = COMMANDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(command));
    let Some((name, members)) = known else {
        bail!("Command '{command}' not recognised; `ferrymq ctl dynsec help` lists all of them.");
    };
    let mut object = Map::from_iter([("command".to_owned(), Value::from(*name))]);
    let mut words = words.iter();
    for member in *members {
        let (is_needed, plain) = match member.strip_suffix('?') {
            Some(plain) => (false, plain),
            None => (true, *member),
        };
        let Some(word) = words.next() else {
            if is_needed {
                return usage(name);
            }
            break;
        };
        let (plain, value) = match plain.strip_prefix('#') {
            Some(plain) => (plain, Value::from(number(plain, word)?)),
            None if plain == "acltype" => (plain, known_value(word)?),
            None => (plain, Value::from(word.as_str())),
        };
        // No number and all of them are the same to the broker.
        if !matches!(plain, "count" | "offset") || value.as_i64() > Some(0) {
            object.insert(plain.to_owned(), value);
        }
    }
    if words.next().is_some() { usage(name) } else { Ok(Value::Object(object)) }
}

fn create_client(words: &[String]) -> anyhow::Result<Value> {
    let [username, rest @ ..] = words else { return usage("createClient") };
    let mut client_id = None;
    let mut password = None;
    let mut is_asked_for = true;
    let mut rest = rest.iter();
    while let Some(flag) = rest.next() {
        match flag.as_str() {
            "--no-password" => is_asked_for = false,
            "-c" | "-i" => {
                client_id = Some(rest.next().with_context(|| {
                    format!("{flag} argument given, but no clientid provided.")
                })?);
            }
            "-p" => {
                password = Some(
                    rest.next().cloned().context("-p argument given, but no password provided.")?,
                );
                is_asked_for = false;
            }
            _ => return usage("createClient"),
        }
    }
    if is_asked_for {
        eprintln!(
            "Enter new password for {username}. Press return for no password (user will be unable \
             to login)."
        );
        password = typed_password(username)?;
    }
    let mut command = json!({ "command": "createClient", "username": username });
    for (member, value) in [("clientid", client_id.cloned()), ("password", password)] {
        if let (Some(value), Some(object)) = (value, command.as_object_mut()) {
            object.insert(member.to_owned(), Value::from(value));
        }
    }
    Ok(command)
}

fn set_password(username: &str, password: &str) -> Value {
    json!({ "command": "setClientPassword", "username": username, "password": password })
}

fn add_acl(words: &[String]) -> anyhow::Result<Value> {
    let [rolename, acl_type, topic, access, rest @ ..] = words else {
        return usage("addRoleACL");
    };
    let acl_type = known_value(acl_type)?;
    let mut command = json!({ "command": "addRoleACL", "rolename": rolename, "acltype": acl_type,
                              "topic": topic, "allow": allow(access)? });
    match rest {
        [] => {}
        [priority] => command["priority"] = Value::from(number("priority", priority)?),
        _ => return usage("addRoleACL"),
    }
    Ok(command)
}

fn known_value(word: &str) -> anyhow::Result<Value> {
    known("acltype", word, RULE_TYPES).map(Value::from)
}

/// One of some words, as it is written.
fn known(what: &str, word: &str, words: &[&'static str]) -> anyhow::Result<&'static str> {
    let known = words.iter().find(|known| known.eq_ignore_ascii_case(word));
    known.copied().with_context(|| format!("{what} is one of {}, not {word}", words.join(", ")))
}

fn allow(word: &str) -> anyhow::Result<bool> {
    known("access", word, &["allow", "deny"]).map(|word| word == "allow")
}

fn number(what: &str, word: &str) -> anyhow::Result<i64> {
    word.parse().with_context(|| format!("{what} is a number, not {word}"))
}

fn usage<T>(command: &str) -> anyhow::Result<T> {
    let starts = |line: &&str| {
        let mut words = line.rsplit(": ").next().unwrap_or_default().split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case(command))
    };
    let line = HELP.lines().find(starts).unwrap_or_default();
    let line = line.rsplit(": ").next().unwrap_or_default().trim();
    let words: Vec<_> = line.split_whitespace().collect();
    bail!("Invalid arguments provided. Usage: ferrymq ctl dynsec {}", words.join(" "))
}

const RULE_TYPES: &[&str] = &[
    "publishClientSend",
    "publishClientReceive",
    "subscribeLiteral",
    "subscribePattern",
    "unsubscribeLiteral",
    "unsubscribePattern",
];
const DEFAULT_TYPES: &[&str] =
    &["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];

const HELP: &str = "\
Dynamic security: ferrymq ctl [FLAGS] dynsec COMMAND ...

A new file with an administrator, made without a broker
    init <new-config-file> <admin-username> [admin-password]
A password in a file that no broker uses
    -f <file> dynsec setClientPassword <username> <password>

General
    What holds without a rule:   getDefaultACLAccess
    Change that:                 setDefaultACLAccess <acltype> allow|deny
    How much there is of all:    getDetails

Clients
    Create a client:             createClient      <username> [-i clientid] [-p password] [--no-password]
    Delete a client:             deleteClient      <username>
    Set its password:            setClientPassword <username> [password]
    Set its client identifier:   setClientId       <username> [clientid]
    Give it a role:              addClientRole     <username> <rolename> [priority]
    Take a role from it:         removeClientRole  <username> <rolename>
    Show a client:               getClient         <username>
    List the clients:            listClients       [count [offset]]
    Let it log in again:         enableClient      <username>
    Let it log in no more:       disableClient     <username>

Groups
    Create a group:              createGroup       <groupname>
    Delete a group:              deleteGroup       <groupname>
    Give it a role:              addGroupRole      <groupname> <rolename> [priority]
    Take a role from it:         removeGroupRole   <groupname> <rolename>
    Put a client into it:        addGroupClient    <groupname> <username> [priority]
    Take a client out of it:     removeGroupClient <groupname> <username>
    Show a group:                getGroup          <groupname>
    List the groups:             listGroups        [count [offset]]
    The one without names:       getAnonymousGroup
    Choose that one:             setAnonymousGroup <groupname>

Roles
    Create a role:               createRole        <rolename>
    Delete a role:               deleteRole        <rolename>
    Add a rule to it:            addRoleACL        <rolename> <acltype> <topicFilter> allow|deny [priority]
    Remove a rule from it:       removeRoleACL     <rolename> <acltype> <topicFilter>
    Show a role:                 getRole           <rolename>
    List the roles:              listRoles         [count [offset]]

acltype: publishClientSend, publishClientReceive, subscribeLiteral, subscribePattern,
unsubscribeLiteral, unsubscribePattern; for setDefaultACLAccess publishClientSend,
publishClientReceive, subscribe, unsubscribe.
What has the higher priority is asked first: of rules, of roles, and of the groups of a client.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Result<String, String> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        match task(&words[0], &words[1..], None) {
            Ok(Task::Command(command)) => Ok(command.to_string()),
            Ok(Task::Done(told)) => Err(told),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    #[test]
    fn words_become_commands() {
        let rows = [
            ("getdetails", r#"{"command":"getDetails"}"#),
            ("createClient a -p x", r#"{"command":"createClient","password":"x","username":"a"}"#),
            (
                "createClient a -c id --no-password",
                r#"{"clientid":"id","command":"createClient","username":"a"}"#,
            ),
            (
                "setClientPassword a x",
                r#"{"command":"setClientPassword","password":"x","username":"a"}"#,
            ),
            ("setClientId a", r#"{"command":"setClientId","username":"a"}"#),
            (
                "addClientRole a r -5",
                r#"{"command":"addClientRole","priority":-5,"rolename":"r","username":"a"}"#,
            ),
            ("listClients", r#"{"command":"listClients"}"#),
            ("listGroups 0 3", r#"{"command":"listGroups","offset":3}"#),
            (
                "addGroupClient g a",
                r#"{"command":"addGroupClient","groupname":"g","username":"a"}"#,
            ),
            (
                "setDefaultACLAccess SUBSCRIBE deny",
                r#"{"acls":[{"acltype":"subscribe","allow":false}],"command":"setDefaultACLAccess"}"#,
            ),
            (
                "addRoleACL r publishclientsend a/# allow 7",
                r#"{"acltype":"publishClientSend","allow":true,"command":"addRoleACL","priority":7,"rolename":"r","topic":"a/#"}"#,
            ),
            (
                "removeRoleACL r subscribeLiteral a",
                r#"{"acltype":"subscribeLiteral","command":"removeRoleACL","rolename":"r","topic":"a"}"#,
            ),
        ];
        for (line, expected) in rows {
            assert_eq!(command(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn wrong_words_are_told_how_it_is_written() {
        let rows = [
            ("frob", "`ferrymq ctl dynsec help`"),
            ("deleteClient", "deleteClient <username>"),
            ("deleteClient a b", "deleteClient <username>"),
            ("createClient", "createClient <username> [-i clientid]"),
            ("createClient a -p", "no password provided"),
            ("createClient a -x", "[-p password]"),
            ("addClientRole a r high", "priority is a number"),
            ("addRoleACL r subscribe a allow", "acltype is one of"),
            ("addRoleACL r subscribeLiteral a maybe", "access is one of allow, deny"),
            ("addRoleACL r", "<acltype> <topicFilter> allow|deny [priority]"),
            ("setDefaultACLAccess subscribeLiteral allow", "acltype is one of publishClientSend"),
            ("getAnonymousGroup x", "Usage: ferrymq ctl dynsec getAnonymousGroup"),
        ];
        for (line, words) in rows {
            let error = command(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn every_command_is_in_the_help() {
        for (name, _) in COMMANDS {
            assert!(HELP.contains(name), "{name}");
            let usage: anyhow::Result<()> = usage(name);
            assert!(usage.unwrap_err().to_string().contains(name), "{name}");
        }
    }
}
