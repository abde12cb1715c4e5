//! Commands about groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::file::priority;
use super::model::{Group, MOST_ENTRIES, Words};
use super::session::{Page, RolesRefused, Session, listed};
use super::written::{self, Granted, Member};
use crate::control::{Command, Done, INTERNAL_ERROR, Object, Refusal};

pub(super) fn create(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let groupname = command.groupname()?;
    if groupname.is_empty() {
        return Err("Empty groupname");
    }
    let name = command.text_if_there("textname", "Invalid/missing textname")?;
    let description =
        command.text_if_there("textdescription", "Invalid/missing textdescription")?;
    if session.model.groups.contains_key(groupname) {
        return Err("Group already exists");
    }
    if session.model.groups.len() >= MOST_ENTRIES {
        return Err("There are too many groups");
    }
    let roles = session.roles(command).map_err(|refused| match refused {
        RolesRefused::NotFound => "Role not found",
        RolesRefused::Unfit => INTERNAL_ERROR,
    })?;
    let group = Group {
        words: Words { name: name.map(Box::from), description: description.map(Box::from) },
        roles: roles.unwrap_or_default(),
        clients: BTreeMap::new(),
    };
    session.model.groups.insert(Arc::from(groupname), Arc::new(group));
    session.note("createGroup", &[("groupname", groupname)]);
    Ok(Done::Changed)
}

pub(super) fn delete(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (groupname, _) = group_of(session, command)?;
    if session.model.anonymous_group.as_deref() == Some(groupname) {
        return Err("Deleting the anonymous group is forbidden");
    }
    session.model.dismiss_group(groupname);
    leave(session, groupname);
    session.model.groups.remove(groupname);
    session.note("deleteGroup", &[("groupname", groupname)]);
    Ok(Done::Changed)
}

pub(super) fn add_client(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let (username, groupname) = both(session, command)?;
    let priority = command.priority();
    if !session.model.join(username, groupname, priority) {
        return Err("Client is already in this group");
    }
    session.model.dismiss(username);
    let priority = priority.to_string();
    let words = [("groupname", groupname), ("username", username), ("priority", &*priority)];
    session.note("addGroupClient", &words);
    Ok(Done::Changed)
}

pub(super) fn remove_client(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let (username, groupname) = both(session, command)?;
    session.model.leave(username, groupname);
    session.model.dismiss(username);
    session.note("removeGroupClient", &[("groupname", groupname), ("username", username)]);
    Ok(Done::Changed)
}

pub(super) fn add_role(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (groupname, rolename) = (command.groupname()?, command.rolename()?);
    group_of(session, command)?;
    let role = session.model.roles.get_key_value(rolename).ok_or("Role not found")?;
    let (role, priority) = (Arc::clone(role.0), command.priority());
    let (_, group) = group_of(session, command)?;
    if !group.roles.insert(role, priority) {
        return Err("Group is already in this role");
    }
    session.model.dismiss_group(groupname);
    let priority = priority.to_string();
    let words = [("groupname", groupname), ("rolename", rolename), ("priority", &*priority)];
    session.note("addGroupRole", &words);
    Ok(Done::Changed)
}

pub(super) fn remove_role(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let (groupname, rolename) = (command.groupname()?, command.rolename()?);
    group_of(session, command)?;
    if !session.model.roles.contains_key(rolename) {
        return Err("Role not found");
    }
    let (_, group) = group_of(session, command)?;
    group.roles.remove(rolename);
    session.model.dismiss_group(groupname);
    session.note("removeGroupRole", &[("groupname", groupname), ("rolename", rolename)]);
    Ok(Done::Changed)
}

pub(super) fn modify(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (groupname, _) = group_of(session, command)?;
    let roles = session.roles(command).map_err(|refused| match refused {
        RolesRefused::NotFound => "Role not found",
        RolesRefused::Unfit => "'roles' not an array or missing/invalid rolename",
    })?;
    if let Some(clients) = all_clients(session, command)? {
        session.model.dismiss_group(groupname);
        leave(session, groupname);
        for (username, priority) in clients {
            // Who is listed twice counts once.
            let _ = session.model.join(username, groupname, priority);
        }
    }
    let (_, group) = group_of(session, command)?;
    if let Ok(name) = command.object.text("textname") {
        group.words.name = Some(Box::from(name));
    }
    if let Ok(description) = command.object.text("textdescription") {
        group.words.description = Some(Box::from(description));
    }
    if let Some(roles) = roles {
        group.roles = roles;
    }
    session.model.dismiss_group(groupname);
    session.note("modifyGroup", &[("groupname", groupname)]);
    Ok(Done::Changed)
}

pub(super) fn set_anonymous(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let groupname = command.groupname()?;
    let group = session.model.groups.get_key_value(groupname).ok_or(NOT_FOUND)?;
    session.model.anonymous_group = Some(Arc::clone(group.0));
    session.model.dismiss_anonymous();
    session.note("setAnonymousGroup", &[("groupname", groupname)]);
    Ok(Done::Changed)
}

pub(super) fn get_anonymous(session: &mut Session<'_>, _: &Command<'_>) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Told<'a> {
        group: Named<'a>,
    }
    #[derive(Serialize)]
    struct Named<'a> {
        groupname: &'a str,
    }
    session.note("getAnonymousGroup", &[]);
    let groupname = session.model.anonymous_group.as_deref().unwrap_or_default();
    Done::told("getAnonymousGroup", &Told { group: Named { groupname } })
}

pub(super) fn get(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Told<'a> {
        group: Verbose<'a>,
    }
    let groupname = command.groupname()?;
    session.note("getGroup", &[("groupname", groupname)]);
    let group = session.model.groups.get(groupname).ok_or(NOT_FOUND)?;
    Done::told("getGroup", &Told { group: Verbose::new(groupname, group) })
}

pub(super) fn list(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    session.note("listGroups", &[]);
    let groups = &session.model.groups;
    let all = groups.iter().map(|(name, group)| (name, &**group));
    let page = Page::of(command).take(all, Verbose::new)?;
    listed("listGroups", "groups", groups.len(), page)
}

/// A group with all that is told of it: who is in it, without priorities.
#[derive(Serialize)]
struct Verbose<'a> {
    groupname: &'a str,
    #[serde(flatten)]
    words: written::GroupWords<'a>,
    clients: Vec<Member<'a>>,
    roles: Vec<Granted<'a>>,
}

impl<'a> Verbose<'a> {
    fn new(groupname: &'a str, group: &'a Group) -> Self {
        Self {
            groupname,
            words: written::GroupWords::new(group),
            clients: group.clients.keys().map(|username| Member::named(username)).collect(),
            roles: written::granted(&group.roles),
        }
    }
}

/// The group that a command is about.
fn group_of<'s, 'a>(
    session: &'s mut Session<'_>,
    command: &Command<'a>,
) -> Result<(&'a str, &'s mut Group), Refusal> {
    let groupname = command.groupname()?;
    let group = session.model.group_mut(groupname).ok_or(NOT_FOUND)?;
    Ok((groupname, group))
}

/// The client and the group that a command is about; both are there.
fn both<'a>(session: &Session<'_>, command: &Command<'a>) -> Result<(&'a str, &'a str), Refusal> {
    let (username, groupname) = (command.username()?, command.groupname()?);
    if !session.model.clients.contains_key(username) {
        return Err("Client not found");
    }
    if !session.model.groups.contains_key(groupname) {
        return Err(NOT_FOUND);
    }
    Ok((username, groupname))
}

/// Everybody leaves a group.
fn leave(session: &mut Session<'_>, groupname: &str) {
    let group = session.model.groups.get(groupname);
    let clients: Vec<_> =
        group.map(|group| group.clients.keys().cloned().collect()).unwrap_or_default();
    for username in clients {
        session.model.leave(&username, groupname);
    }
}

/// The clients that are to be in a group from now on; `None` if the command has no such list.
fn all_clients<'a>(
    session: &Session<'_>,
    command: &Command<'a>,
) -> Result<Option<Vec<(&'a str, i32)>>, Refusal> {
    let Some(list) = command.object.list("clients") else {
        return Ok(None);
    };
    let mut clients = Vec::new();
    for object in list.iter().filter_map(Object::new) {
        let name = object.text("username");
        let name = name.map_err(|_| "'clients' contains an object with an invalid 'username'")?;
        if !session.model.clients.contains_key(name) {
            return Err("'clients' contains an object with a 'username' that does not exist");
        }
        clients.push((name, priority(object)));
    }
    Ok(Some(clients))
}

const NOT_FOUND: Refusal = "Group not found";
