//! Commands about roles and their rules.

use std::sync::Arc;

use serde::Serialize;

use super::acl::{Acl, AclType};
use super::file::acls;
use super::model::{MOST_ENTRIES, Role, Words, limited};
use super::session::{Page, Session, listed};
use super::{pattern, written};
use crate::control::{Command, Done, Refusal, is_mqtt_text};

pub(super) fn create(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let rolename = command.rolename()?;
    if rolename.is_empty() {
        return Err("Empty rolename");
    }
    let name = command.text_if_there("textname", "Invalid/missing textname")?;
    let description =
        command.text_if_there("textdescription", "Invalid/missing textdescription")?;
    let wildcards = command.object.flag(WILDCARDS);
    if wildcards.is_none() && command.object.member(WILDCARDS).is_some() {
        return Err("Invalid allowwildcardsubs");
    }
    if session.model.roles.contains_key(rolename) {
        return Err("Role already exists");
    }
    if session.model.roles.len() >= MOST_ENTRIES {
        return Err("There are too many roles");
    }
    let role = Role {
        words: Words { name: name.map(Box::from), description: description.map(Box::from) },
        allow_wildcard_subscriptions: wildcards.unwrap_or(true),
        acls: acls(command.object).unwrap_or_default(),
    };
    session.model.roles.insert(Arc::from(rolename), Arc::new(role));
    session.note("createRole", &[("rolename", rolename)]);
    Ok(Done::Changed)
}

pub(super) fn delete(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let rolename = command.rolename()?;
    if !session.model.roles.contains_key(rolename) {
        return Err(NOT_FOUND);
    }
    session.model.dismiss_role(rolename);
    let model = &mut *session.model;
    for client in model.clients.values_mut().filter(|client| client.roles.contains(rolename)) {
        Arc::make_mut(client).roles.remove(rolename);
    }
    for group in model.groups.values_mut().filter(|group| group.roles.contains(rolename)) {
        Arc::make_mut(group).roles.remove(rolename);
    }
    model.roles.remove(rolename);
    session.note("deleteRole", &[("rolename", rolename)]);
    Ok(Done::Changed)
}

pub(super) fn modify(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let rolename = command.rolename()?;
    let role = session.model.role_mut(rolename).ok_or("Role does not exist")?;
    if let Ok(name) = command.object.text("textname") {
        role.words.name = Some(Box::from(name));
    }
    if let Ok(description) = command.object.text("textdescription") {
        role.words.description = Some(Box::from(description));
    }
    let wildcards = command.object.flag(WILDCARDS);
    let mut are_rights_other = false;
    if let Some(wildcards) = wildcards.filter(|is| *is != role.allow_wildcard_subscriptions) {
        role.allow_wildcard_subscriptions = wildcards;
        are_rights_other = true;
    }
    if let Some(acls) = acls(command.object) {
        role.acls = acls;
        are_rights_other = true;
    }
    if are_rights_other {
        session.model.dismiss_role(rolename);
    }
    session.note("modifyRole", &[("rolename", rolename)]);
    Ok(Done::Changed)
}

pub(super) fn add_acl(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let (rolename, acl_type, topic) = rule_of(session, command)?;
    let role = session.model.role_mut(rolename).ok_or(NOT_FOUND)?;
    if role.acls.len() >= MOST_ENTRIES {
        return Err("There are too many ACLs in this role");
    }
    let priority = limited(command.object.number("priority", 0));
    let allow = command.object.flag("allow").unwrap_or_default();
    if !role.acls.insert(acl_type, Acl::new(topic, priority, allow)) {
        return Err("ACL with this topic already exists");
    }
    session.model.dismiss_role(rolename);
    let (priority, allow) = (priority.to_string(), allow.to_string());
    let words = [
        ("rolename", rolename),
        ("acltype", acl_type.as_str()),
        ("topic", topic),
        ("priority", &priority),
        ("allow", &allow),
    ];
    session.note("addRoleACL", &words);
    Ok(Done::Changed)
}

pub(super) fn remove_acl(
    session: &mut Session<'_>,
    command: &Command<'_>,
) -> Result<Done, Refusal> {
    let (rolename, acl_type, topic) = rule_of(session, command)?;
    let role = session.model.role_mut(rolename).ok_or(NOT_FOUND)?;
    if !role.acls.remove(acl_type, topic) {
        return Err("ACL not found");
    }
    session.model.dismiss_role(rolename);
    let words = [("rolename", rolename), ("acltype", acl_type.as_str()), ("topic", topic)];
    session.note("removeRoleACL", &words);
    Ok(Done::Changed)
}

pub(super) fn get(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Told<'a> {
        role: written::Role<'a>,
    }
    let rolename = command.rolename()?;
    session.note("getRole", &[("rolename", rolename)]);
    let role = session.model.roles.get(rolename).ok_or(NOT_FOUND)?;
    Done::told("getRole", &Told { role: written::Role::new(rolename, role) })
}

pub(super) fn list(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    session.note("listRoles", &[]);
    let roles = &session.model.roles;
    let all = roles.iter().map(|(name, role)| (name, &**role));
    let page = Page::of(command).take(all, written::Role::new)?;
    listed("listRoles", "roles", roles.len(), page)
}

/// The role, the type and the topic of the rule that a command is about.
fn rule_of<'a>(
    session: &Session<'_>,
    command: &Command<'a>,
) -> Result<(&'a str, AclType, &'a str), Refusal> {
    let rolename = command.rolename()?;
    if !session.model.roles.contains_key(rolename) {
        return Err(NOT_FOUND);
    }
    let acl_type = command.object.text("acltype").map_err(|_| "Invalid/missing acltype")?;
    let acl_type = AclType::parse(acl_type).ok_or("Unknown acltype")?;
    let topic = command.object.text("topic").map_err(|_| "Invalid/missing topic")?;
    if !is_mqtt_text(topic) {
        return Err("Topic not valid UTF-8");
    }
    if !pattern::is_filter(topic) {
        return Err("Invalid ACL topic");
    }
    Ok((rolename, acl_type, topic))
}

const NOT_FOUND: Refusal = "Role not found";
const WILDCARDS: &str = "allowwildcardsubs";
