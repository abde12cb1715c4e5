//! What commands have in common: what they work on, and how they read what they need.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::file::priority;
use super::model::{Model, Ranked};
use crate::control::{Command, Done, INTERNAL_ERROR, Object, Refusal, is_mqtt_text};
use crate::password::Hash;
use crate::who::Who;

/// Somebody who gives commands.
pub(super) struct Session<'a> {
    pub(super) model: &'a mut Model,
    pub(super) lines: Vec<String>,
    who: Who<'a>,
    hash: &'a mut dyn FnMut(&[u8]) -> Option<Hash>,
}

/// Which part of a list is asked for.
pub(super) struct Page {
    is_verbose: bool,
    count: usize,
    offset: usize,
}

/// What is wrong with the list of roles of a command.
#[derive(Clone, Copy)]
pub(super) enum RolesRefused {
    /// It is no list, or somebody in it has no name.
    Unfit,
    NotFound,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        model: &'a mut Model,
        who: Who<'a>,
        hash: &'a mut dyn FnMut(&[u8]) -> Option<Hash>,
    ) -> Self {
        Self { model, lines: Vec::new(), who, hash }
    }

    pub(super) fn hash(&mut self, password: &str) -> Result<Hash, Refusal> {
        (self.hash)(password.as_bytes()).ok_or(INTERNAL_ERROR)
    }

    /// Notes for the log what was done, and with what.
    pub(super) fn note(&mut self, command: &str, words: &[(&str, &str)]) {
        let username = self.who.username.unwrap_or("(null)");
        let mut line = format!("dynsec: {}/{username} | {command}", self.who.client_id);
        for (name, value) in words {
            line.push_str(" | ");
            line.push_str(name);
            line.push('=');
            line.push_str(value);
        }
        self.lines.push(line);
    }

    /// The roles that a command lists; `None` if it has no such list.
    pub(super) fn roles(&self, command: &Command<'_>) -> Result<Option<Ranked>, RolesRefused> {
        let Some(member) = command.object.member("roles") else {
            return Ok(None);
        };
        let mut roles = Ranked::default();
        for value in member.as_array().ok_or(RolesRefused::Unfit)? {
            let object = Object::new(value).ok_or(RolesRefused::Unfit)?;
            let name = object.text("rolename").map_err(|_| RolesRefused::Unfit)?;
            let known = self.model.roles.get_key_value(name).ok_or(RolesRefused::NotFound)?;
            // Who is listed twice counts once.
            let _ = roles.insert(Arc::clone(known.0), priority(object));
        }
        Ok(Some(roles))
    }
}

impl Page {
    pub(super) fn of(command: &Command<'_>) -> Self {
        // Nothing is listed by no number at all and by a negative one: then it is all.
        let count = usize::try_from(command.object.number("count", -1));
        Self {
            is_verbose: command.object.flag("verbose").unwrap_or_default(),
            count: count.map_or(usize::MAX, |count| count.max(1)),
            offset: usize::try_from(command.object.number("offset", 0)).unwrap_or_default(),
        }
    }

    /// The names, or what there is to say of each.
    pub(super) fn take<'m, T: 'm, V: Serialize>(
        &self,
        all: impl Iterator<Item = (&'m Arc<str>, &'m T)>,
        verbose: impl Fn(&'m str, &'m T) -> V,
    ) -> Result<Vec<Box<RawValue>>, Refusal> {
        let page = all.skip(self.offset).take(self.count);
        page.map(|(name, item)| match self.is_verbose {
            true => to_raw_value(&verbose(name, item)),
            false => to_raw_value(&**name),
        })
        .collect::<Result<_, _>>()
        .map_err(|_| INTERNAL_ERROR)
    }
}

impl<'a> Command<'a> {
    /// The name of a client that is to be there already or to be made.
    pub(super) fn username(&self) -> Result<&'a str, Refusal> {
        self.name_of("username", "Invalid/missing username", "Username not valid UTF-8")
    }

    /// The name of a group.
    pub(super) fn groupname(&self) -> Result<&'a str, Refusal> {
        self.name_of("groupname", "Invalid/missing groupname", "Group name not valid UTF-8")
    }

    /// The name of a role.
    pub(super) fn rolename(&self) -> Result<&'a str, Refusal> {
        self.name_of("rolename", "Invalid/missing rolename", "Role name not valid UTF-8")
    }

    /// A text that may be missing.
    pub(super) fn text_if_there(
        &self,
        member: &str,
        refusal: Refusal,
    ) -> Result<Option<&'a str>, Refusal> {
        self.object.text_if_there(member).map_err(|_| refusal)
    }

    pub(super) fn priority(&self) -> i32 {
        priority(self.object)
    }

    fn name_of(&self, member: &str, missing: Refusal, wrong: Refusal) -> Result<&'a str, Refusal> {
        let name = self.object.text(member).map_err(|_| missing)?;
        if is_mqtt_text(name) { Ok(name) } else { Err(wrong) }
    }
}

/// A list of a page, and how many there are in all.
pub(super) fn listed(
    command: &'static str,
    member: &str,
    total: usize,
    list: Vec<Box<RawValue>>,
) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Listed<'a> {
        #[serde(rename = "totalCount")]
        total: usize,
        #[serde(flatten)]
        list: std::collections::BTreeMap<&'a str, Vec<Box<RawValue>>>,
    }
    Done::told(command, &Listed { total, list: [(member, list)].into() })
}
