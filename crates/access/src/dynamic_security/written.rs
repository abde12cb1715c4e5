//! What files and responses say alike.

use serde::Serialize;

use super::model::{Client, Group, NO_PRIORITY, Ranked, Role as ModelRole};
use crate::password::Hash;

/// What people call a client, and with which client identifier it must come.
#[derive(Serialize)]
pub(super) struct ClientWords<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    clientid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    textname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    textdescription: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
}

/// What people call a group.
#[derive(Serialize)]
pub(super) struct GroupWords<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    textname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    textdescription: Option<&'a str>,
}

/// A role with its rules.
#[derive(Serialize)]
pub(super) struct Role<'a> {
    rolename: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    textname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    textdescription: Option<&'a str>,
    allowwildcardsubs: bool,
    acls: Vec<WrittenAcl<'a>>,
}

#[derive(Serialize)]
struct WrittenAcl<'a> {
    acltype: &'static str,
    topic: &'a str,
    priority: i32,
    allow: bool,
}

/// A role that somebody has.
#[derive(Serialize)]
pub(super) struct Granted<'a> {
    rolename: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
}

/// A client of a group.
#[derive(Serialize)]
pub(super) struct Member<'a> {
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
}

/// A password in one of the two ways to write it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Password {
    /// PBKDF2 with SHA-512, as all plugins read it.
    InParts { password: String, salt: String, iterations: u32 },
    /// Everything else.
    Encoded { encoded_password: String },
}

impl<'a> ClientWords<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self {
            clientid: client.client_id.as_deref(),
            textname: client.words.name.as_deref(),
            textdescription: client.words.description.as_deref(),
            disabled: client.is_disabled.then_some(true),
        }
    }
}

impl<'a> GroupWords<'a> {
    pub(super) fn new(group: &'a Group) -> Self {
        Self {
            textname: group.words.name.as_deref(),
            textdescription: group.words.description.as_deref(),
        }
    }
}

impl<'a> Role<'a> {
    pub(super) fn new(rolename: &'a str, role: &'a ModelRole) -> Self {
        let acls = role.acls.iter().map(|(of, acl)| WrittenAcl {
            acltype: of.as_str(),
            topic: &acl.topic,
            priority: acl.priority,
            allow: acl.allow,
        });
        Self {
            rolename,
            textname: role.words.name.as_deref(),
            textdescription: role.words.description.as_deref(),
            allowwildcardsubs: role.allow_wildcard_subscriptions,
            acls: acls.collect(),
        }
    }
}

impl<'a> Member<'a> {
    pub(super) fn new(username: &'a str, priority: i32) -> Self {
        Self { username, priority: said(priority) }
    }

    /// Without saying a priority.
    pub(super) fn named(username: &'a str) -> Self {
        Self { username, priority: None }
    }
}

impl Password {
    pub(super) fn new(hash: &Hash) -> Self {
        let encoded = hash.to_text();
        Self::in_parts(&encoded)
            .unwrap_or_else(|| Self::Encoded { encoded_password: encoded.to_string() })
    }

    /// The parts of `$7$iterations$salt$hash`.
    fn in_parts(encoded: &str) -> Option<Self> {
        let mut parts = encoded.strip_prefix(PBKDF2)?.splitn(3, '$');
        let iterations = parts.next()?.parse().ok()?;
        let salt = parts.next()?.to_owned();
        let password = parts.next()?.to_owned();
        Some(Self::InParts { password, salt, iterations })
    }
}

/// What [`Password::InParts`] says in one text.
pub(super) fn joined(iterations: i32, salt: &str, password: &str) -> String {
    format!("{PBKDF2}{iterations}${salt}${password}")
}

/// The roles that somebody has, in the order in which they are asked.
pub(super) fn granted(roles: &Ranked) -> Vec<Granted<'_>> {
    let granted =
        roles.iter().map(|(name, priority)| Granted { rolename: name, priority: said(priority) });
    granted.collect()
}

/// A priority that is not worth saying is not said.
pub(super) fn said(priority: i32) -> Option<i32> {
    (priority != NO_PRIORITY).then_some(priority)
}

const PBKDF2: &str = "$7$";
