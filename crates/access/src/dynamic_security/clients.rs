//! Commands about clients.

use std::sync::Arc;

use serde::Serialize;

use super::file::priority;
use super::model::{Client, MOST_ENTRIES, Ranked, Words};
use super::session::{Page, RolesRefused, Session, listed};
use super::written::{self, Granted};
use crate::control::{Command, Done, INTERNAL_ERROR, Object, Refusal, is_mqtt_text};

pub(super) fn create(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let username = command.username()?;
    if username.is_empty() {
        return Err("Empty username");
    }
    let password = command.text_if_there("password", "Invalid/missing password")?;
    let client_id = command.text_if_there("clientid", "Invalid/missing client id")?;
    let client_id = fit_client_id(client_id)?;
    let name = command.text_if_there("textname", "Invalid/missing textname")?;
    let description =
        command.text_if_there("textdescription", "Invalid/missing textdescription")?;
    if session.model.clients.contains_key(username) {
        return Err("Client already exists");
    }
    let roles = session.roles(command).map_err(role_refusal)?.unwrap_or_default();
    let groups = new_groups(session, command)?;
    if session.model.clients.len() >= MOST_ENTRIES {
        return Err("There are too many clients");
    }
    // Nobody logs in with an empty password.
    let given = password.filter(|password| !password.is_empty());
    let client = Client {
        client_id: client_id.map(Box::from),
        password: given.map(|password| session.hash(password)).transpose()?,
        is_disabled: false,
        words: Words { name: name.map(Box::from), description: description.map(Box::from) },
        roles,
        groups: Ranked::default(),
        stamp: session.model.next_stamp(),
    };
    session.model.clients.insert(Arc::from(username), Arc::new(client));
    for (group, priority) in groups {
        session.model.join(username, group, priority);
    }
    let password = if given.is_some() { "*****" } else { "no password" };
    session.note("createClient", &[("username", username), ("password", password)]);
    Ok(Done::Changed)
}

pub(super) fn delete(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let username = command.object.text("username").map_err(|_| "Invalid/missing username")?;
    session.model.leave_all(username);
    session.model.clients.remove(username).ok_or(NOT_FOUND)?;
    session.note("deleteClient", &[("username", username)]);
    Ok(Done::Changed)
}

pub(super) fn enable(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (username, client) = client_of(session, command)?;
    client.is_disabled = false;
    session.note("enableClient", &[("username", username)]);
    Ok(Done::Changed)
}

pub(super) fn disable(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (username, client) = client_of(session, command)?;
    client.is_disabled = true;
    session.model.dismiss(username);
    session.note("disableClient", &[("username", username)]);
    Ok(Done::Changed)
}

pub(super) fn set_id(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let username = command.username()?;
    let client_id = command.text_if_there("clientid", "Invalid/missing client ID")?;
    let client_id = fit_client_id(client_id)?;
    let (_, client) = client_of(session, command)?;
    client.client_id = client_id.map(Box::from);
    session.model.dismiss(username);
    let client_id = client_id.unwrap_or("(null)");
    session.note("setClientId", &[("username", username), ("clientid", client_id)]);
    Ok(Done::Changed)
}

pub(super) fn set_password(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let username = command.username()?;
    let password = command.object.text("password").map_err(|_| "Invalid/missing password")?;
    if password.is_empty() {
        return Err("Empty password is not allowed");
    }
    client_of(session, command)?;
    let password = session.hash(password)?;
    let (_, client) = client_of(session, command)?;
    client.password = Some(password);
    session.model.dismiss(username);
    session.note("setClientPassword", &[("username", username), ("password", "******")]);
    Ok(Done::Changed)
}

pub(super) fn modify(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (username, _) = client_of(session, command)?;
    let text = |member| command.object.text(member).ok();
    let client_id = text("clientid").map(|client_id| fit_client_id(Some(client_id))).transpose()?;
    let roles = session.roles(command).map_err(role_refusal)?;
    let groups = all_groups(session, command)?;
    let password = text("password").filter(|password| !password.is_empty());
    // The last that can fail: nothing has been changed yet.
    let password = password.map(|password| session.hash(password)).transpose()?;
    if let Some(groups) = groups {
        session.model.leave_all(username);
        for (group, priority) in groups {
            // Who is listed twice counts once.
            let _ = session.model.join(username, group, priority);
        }
    }
    let (_, client) = client_of(session, command)?;
    if let Some(client_id) = client_id {
        client.client_id = client_id.map(Box::from);
    }
    if let Some(name) = text("textname") {
        client.words.name = Some(Box::from(name));
    }
    if let Some(description) = text("textdescription") {
        client.words.description = Some(Box::from(description));
    }
    if let Some(roles) = roles {
        client.roles = roles;
    }
    if password.is_some() {
        client.password = password;
    }
    session.model.dismiss(username);
    session.note("modifyClient", &[("username", username)]);
    Ok(Done::Changed)
}

pub(super) fn add_role(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (username, rolename) = (command.username()?, command.rolename()?);
    client_of(session, command)?;
    let role = session.model.roles.get_key_value(rolename).ok_or("Role not found")?;
    let (role, priority) = (Arc::clone(role.0), command.priority());
    let (_, client) = client_of(session, command)?;
    if !client.roles.insert(role, priority) {
        return Err(INTERNAL_ERROR);
    }
    session.model.dismiss(username);
    let priority = priority.to_string();
    let words = [("username", username), ("rolename", rolename), ("priority", &*priority)];
    session.note("addClientRole", &words);
    Ok(Done::Changed)
}

pub(super) fn remove_role(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let (username, rolename) = (command.username()?, command.rolename()?);
    client_of(session, command)?;
    if !session.model.roles.contains_key(rolename) {
        return Err("Role not found");
    }
    let (_, client) = client_of(session, command)?;
    client.roles.remove(rolename);
    session.model.dismiss(username);
    session.note("removeClientRole", &[("username", username), ("rolename", rolename)]);
    Ok(Done::Changed)
}

pub(super) fn get(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Told<'a> {
        client: Verbose<'a>,
    }
    let username = command.username()?;
    session.note("getClient", &[("username", username)]);
    let client = session.model.client(username).ok_or(NOT_FOUND)?;
    Done::told("getClient", &Told { client: Verbose::new(username, client) })
}

pub(super) fn list(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    session.note("listClients", &[]);
    let clients = &session.model.clients;
    let all = clients.iter().map(|(name, client)| (name, &**client));
    let page = Page::of(command).take(all, Verbose::new)?;
    listed("listClients", "clients", clients.len(), page)
}

/// A client with all that may be told of it.
#[derive(Serialize)]
struct Verbose<'a> {
    username: &'a str,
    #[serde(flatten)]
    words: written::ClientWords<'a>,
    roles: Vec<Granted<'a>>,
    groups: Vec<InGroup<'a>>,
}

#[derive(Serialize)]
struct InGroup<'a> {
    groupname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
}

impl<'a> Verbose<'a> {
    fn new(username: &'a str, client: &'a Client) -> Self {
        let group = |(groupname, priority): (&'a Arc<str>, i32)| InGroup {
            groupname,
            priority: written::said(priority),
        };
        Self {
            username,
            words: written::ClientWords::new(client),
            roles: written::granted(&client.roles),
            groups: client.groups.iter().map(group).collect(),
        }
    }
}

/// The client that a command is about.
fn client_of<'s, 'a>(
    session: &'s mut Session<'_>,
    command: &Command<'a>,
) -> Result<(&'a str, &'s mut Client), Refusal> {
    let username = command.username()?;
    let client = session.model.client_mut(username).ok_or(NOT_FOUND)?;
    Ok((username, client))
}

/// A client identifier that must be used; an empty one is none.
fn fit_client_id(client_id: Option<&str>) -> Result<Option<&str>, Refusal> {
    match client_id {
        Some(client_id) if !is_mqtt_text(client_id) => Err("Client ID not valid UTF-8"),
        client_id => Ok(client_id.filter(|client_id| !client_id.is_empty())),
    }
}

/// The groups that a new client is to be in.
fn new_groups<'a>(
    session: &Session<'_>,
    command: &Command<'a>,
) -> Result<Vec<(&'a str, i32)>, Refusal> {
    let mut groups = Vec::new();
    let list = command.object.list("groups").unwrap_or_default();
    for object in list.iter().filter_map(Object::new) {
        let Ok(name) = object.text("groupname") else { continue };
        if !session.model.groups.contains_key(name) {
            return Err("Group not found");
        }
        if groups.iter().any(|(other, _)| *other == name) {
            return Err(INTERNAL_ERROR);
        }
        groups.push((name, priority(object)));
    }
    Ok(groups)
}

/// The groups that a client is to be in from now on; `None` if the command has no such list.
fn all_groups<'a>(
    session: &Session<'_>,
    command: &Command<'a>,
) -> Result<Option<Vec<(&'a str, i32)>>, Refusal> {
    let Some(list) = command.object.list("groups") else {
        return Ok(None);
    };
    let mut groups = Vec::new();
    for object in list.iter().filter_map(Object::new) {
        let name = object.text("groupname");
        let name = name.map_err(|_| "'groups' contains an object with an invalid 'groupname'")?;
        if !session.model.groups.contains_key(name) {
            return Err("'groups' contains an object with a 'groupname' that does not exist");
        }
        groups.push((name, priority(object)));
    }
    Ok(Some(groups))
}

fn role_refusal(refused: RolesRefused) -> Refusal {
    match refused {
        RolesRefused::NotFound => "Role not found",
        RolesRefused::Unfit => "'roles' not an array or missing/invalid rolename",
    }
}

const NOT_FOUND: Refusal = "Client not found";
