//! The file of dynamic security, as Mosquitto's plugin reads and writes it.
//!
//! What makes no sense is left out, as the plugin does, but it is named. Passwords stand as
//! `encoded_password`, or as `password`, `salt` and `iterations`, which older plugins know alone:
//! what can be written so is.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;

use super::acl::{Acl, AclType, Acls};
use super::model::{
    Client, DefaultAccess, Group, MOST_ENTRIES, Model, NO_PRIORITY, Ranked, Role, Words, limited,
};
use super::written::{self, Granted, Member};
use crate::control::Object;
use crate::mistake::Mistake;
use crate::password::Hash;

impl Model {
    /// Reads a file. What is wrong with its parts is told beside what could be read.
    ///
    /// # Errors
    ///
    /// The file is not JSON, or has another shape.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<(Self, Vec<Mistake>), Mistake> {
        let tree: Value = serde_json::from_slice(bytes).map_err(|error| {
            let words = format!("this is not JSON (column {})", error.column());
            Mistake::new(file, error.line(), words)
        })?;
        let Some(tree) = Object::new(&tree) else {
            return Err(Mistake::new(file, 0, "this is not an object of JSON"));
        };
        for name in ["roles", "clients", "groups"] {
            if tree.member(name).is_some_and(|member| !member.is_array()) {
                return Err(Mistake::new(file, 0, format!("\"{name}\" must be a list")));
            }
        }
        let mut reader = Reader { file, model: Self::new(), mistakes: Vec::new() };
        reader.model.change_index = tree.counter("changeIndex");
        reader.default_access(tree);
        reader.roles(tree);
        reader.clients(tree);
        reader.groups(tree);
        Ok((reader.model, reader.mistakes))
    }

    /// The bytes of the file.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let formatter = PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        let written = Written::new(self).serialize(&mut serializer);
        debug_assert!(written.is_ok(), "texts and numbers can be written into memory");
        bytes
    }
}

struct Reader<'a> {
    file: &'a str,
    model: Model,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn default_access(&mut self, tree: Object<'_>) {
        if let Some(access) = tree.object("defaultACLAccess") {
            let flag = |name| access.flag(name).unwrap_or_default();
            self.model.default_access = DefaultAccess {
                publish_client_send: flag("publishClientSend"),
                publish_client_receive: flag("publishClientReceive"),
                subscribe: flag("subscribe"),
                unsubscribe: flag("unsubscribe"),
            };
        }
    }

    fn roles(&mut self, tree: Object<'_>) {
        for value in tree.list("roles").unwrap_or_default() {
            let Some((object, name)) = self.named(value, "role", "rolename") else { continue };
            if self.model.roles.contains_key(name) {
                self.wrong(format!("the role \"{name}\" is there twice; the first one holds"));
                continue;
            }
            let acls = acls(object).unwrap_or_default();
            for (_, acl) in acls.iter().filter(|(of, acl)| !of.is_literal() && !acl.is_filter()) {
                let topic = &acl.topic;
                self.wrong(format!("role \"{name}\": \"{topic}\" is no topic filter, and denies"));
            }
            let role = Role {
                words: words(object),
                allow_wildcard_subscriptions: object.flag("allowwildcardsubs").unwrap_or(true),
                acls,
            };
            self.model.roles.insert(Arc::from(name), Arc::new(role));
        }
    }

    fn clients(&mut self, tree: Object<'_>) {
        for value in tree.list("clients").unwrap_or_default() {
            let Some((object, name)) = self.named(value, "client", "username") else { continue };
            if self.model.clients.contains_key(name) {
                self.wrong(format!("the client \"{name}\" is there twice; the first one holds"));
                continue;
            }
            let client = Client {
                client_id: object.text("clientid").ok().map(Box::from),
                password: self.password(object, name),
                is_disabled: object.flag("disabled").unwrap_or_default(),
                words: words(object),
                roles: self.granted(object, "client", name),
                groups: Ranked::default(),
                stamp: self.model.last_stamp,
            };
            self.model.clients.insert(Arc::from(name), Arc::new(client));
        }
    }

    fn groups(&mut self, tree: Object<'_>) {
        for value in tree.list("groups").unwrap_or_default() {
            let Some((object, name)) = self.named(value, "group", "groupname") else { continue };
            if self.model.groups.contains_key(name) {
                self.wrong(format!("the group \"{name}\" is there twice; the first one holds"));
                continue;
            }
            let roles = self.granted(object, "group", name);
            let group = Group { words: words(object), roles, clients: BTreeMap::new() };
            self.model.groups.insert(Arc::from(name), Arc::new(group));
            for member in object.list("clients").unwrap_or_default() {
                let Some(member) = Object::new(member) else { continue };
                let Ok(username) = member.text("username") else { continue };
                if !self.model.join(username, name, priority(member)) {
                    self.wrong(format!("group \"{name}\": there is no client \"{username}\""));
                }
            }
        }
        if let Ok(name) = tree.text("anonymousGroup") {
            self.model.anonymous_group =
                self.model.groups.get_key_value(name).map(|(name, _)| Arc::clone(name));
            if self.model.anonymous_group.is_none() {
                self.wrong(format!("there is no group \"{name}\" for those without a name"));
            }
        }
    }

    fn password(&mut self, object: Object<'_>, name: &str) -> Option<Hash> {
        let encoded = match object.text("encoded_password") {
            Ok(encoded) => encoded.to_owned(),
            Err(_) => written::joined(
                object.number("iterations", 0),
                object.text("salt").ok()?,
                object.text("password").ok()?,
            ),
        };
        let hash = Hash::parse(&encoded).ok();
        if hash.is_none() {
            let words =
                format!("client \"{name}\": the password cannot be read, nobody can log in");
            self.wrong(words);
        }
        hash
    }

    /// The roles of a client or group that are there.
    fn granted(&mut self, object: Object<'_>, kind: &str, name: &str) -> Ranked {
        let mut roles = Ranked::default();
        for value in object.list("roles").unwrap_or_default() {
            let Some(granted) = Object::new(value) else { continue };
            let Ok(role) = granted.text("rolename") else { continue };
            match self.model.roles.get_key_value(role) {
                Some((role, _)) => {
                    roles.insert(Arc::clone(role), priority(granted));
                }
                None => self.wrong(format!("{kind} \"{name}\": there is no role \"{role}\"")),
            }
        }
        roles
    }

    fn named<'v>(
        &mut self,
        value: &'v Value,
        kind: &str,
        member: &str,
    ) -> Option<(Object<'v>, &'v str)> {
        let named = Object::new(value).and_then(|object| {
            let name = object.text(member).ok().filter(|name| !name.is_empty())?;
            Some((object, name))
        });
        let here = match kind {
            "role" => self.model.roles.len(),
            "client" => self.model.clients.len(),
            _ => self.model.groups.len(),
        };
        match named {
            None => self.wrong(format!("a {kind} without \"{member}\" is left out")),
            Some((_, name)) if here >= MOST_ENTRIES => {
                self.wrong(format!("the {kind} \"{name}\" is left out: there are {here} already"));
                return None;
            }
            Some(_) => {}
        }
        named
    }

    fn wrong(&mut self, words: String) {
        self.mistakes.push(Mistake::new(self.file, 0, words));
    }
}

/// The rules in the list of that name, if it is there. What is no rule is left out.
pub(super) fn acls(object: Object<'_>) -> Option<Acls> {
    let rule = |value| {
        let object = Object::new(value)?;
        let of = AclType::parse(object.text("acltype").ok()?)?;
        let topic = object.text("topic").ok().filter(|topic| !topic.is_empty())?;
        let priority = limited(object.number("priority", 0));
        Some((of, Acl::new(topic, priority, object.flag("allow").unwrap_or_default())))
    };
    let list = object.list("acls")?;
    Some(Acls::collect(list.iter().filter_map(rule).take(MOST_ENTRIES).collect()))
}

/// The priority of a role or group.
pub(super) fn priority(object: Object<'_>) -> i32 {
    limited(object.number("priority", NO_PRIORITY))
}

fn words(object: Object<'_>) -> Words {
    Words {
        name: object.text("textname").ok().map(Box::from),
        description: object.text("textdescription").ok().map(Box::from),
    }
}

/// The members of the file, in Mosquitto's order.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "changeIndex")]
    change_index: u64,
    #[serde(rename = "defaultACLAccess")]
    default_access: WrittenAccess,
    clients: Vec<WrittenClient<'a>>,
    groups: Vec<WrittenGroup<'a>>,
    #[serde(rename = "anonymousGroup", skip_serializing_if = "Option::is_none")]
    anonymous_group: Option<&'a str>,
    roles: Vec<written::Role<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the four switches of the file")]
struct WrittenAccess {
    publish_client_send: bool,
    publish_client_receive: bool,
    subscribe: bool,
    unsubscribe: bool,
}

#[derive(Serialize)]
struct WrittenClient<'a> {
    username: &'a str,
    #[serde(flatten)]
    words: written::ClientWords<'a>,
    roles: Vec<Granted<'a>>,
    #[serde(flatten)]
    password: Option<written::Password>,
}

#[derive(Serialize)]
struct WrittenGroup<'a> {
    groupname: &'a str,
    #[serde(flatten)]
    words: written::GroupWords<'a>,
    roles: Vec<Granted<'a>>,
    clients: Vec<Member<'a>>,
}

impl<'a> Written<'a> {
    fn new(model: &'a Model) -> Self {
        let access = &model.default_access;
        Self {
            change_index: model.change_index,
            default_access: WrittenAccess {
                publish_client_send: access.publish_client_send,
                publish_client_receive: access.publish_client_receive,
                subscribe: access.subscribe,
                unsubscribe: access.unsubscribe,
            },
            clients: model.clients.iter().map(|(name, client)| client_of(name, client)).collect(),
            groups: model.groups.iter().map(|(name, group)| group_of(name, group)).collect(),
            anonymous_group: model.anonymous_group.as_deref(),
            roles: model.roles.iter().map(|(name, role)| written::Role::new(name, role)).collect(),
        }
    }
}

fn client_of<'a>(username: &'a str, client: &'a Client) -> WrittenClient<'a> {
    WrittenClient {
        username,
        words: written::ClientWords::new(client),
        roles: written::granted(&client.roles),
        password: client.password.as_ref().map(written::Password::new),
    }
}

fn group_of<'a>(groupname: &'a str, group: &'a Group) -> WrittenGroup<'a> {
    let member = |(username, priority): (&'a Arc<str>, &i32)| Member::new(username, *priority);
    WrittenGroup {
        groupname,
        words: written::GroupWords::new(group),
        roles: written::granted(&group.roles),
        clients: group.clients.iter().map(member).collect(),
    }
}
