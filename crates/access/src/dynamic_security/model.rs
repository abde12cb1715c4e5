//! Clients, groups and roles, and who belongs to what.
//!
//! What always holds: a role that a client or a group has is there; a group knows its clients and
//! each client its groups, with the same priority; the group for those without a name is there.
//! Cloning is cheap: clients, groups and roles are shared until they change.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::acl::Acls;
use crate::password::Hash;

/// All that dynamic security knows.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) default_access: DefaultAccess,
    pub(super) clients: BTreeMap<Arc<str>, Arc<Client>>,
    pub(super) groups: BTreeMap<Arc<str>, Arc<Group>>,
    pub(super) roles: BTreeMap<Arc<str>, Arc<Role>>,
    pub(super) anonymous_group: Option<Arc<str>>,
    pub(super) change_index: u64,
    /// The stamp of those who come without a name.
    pub(super) anonymous_stamp: u64,
    /// The last stamp that was given.
    pub(super) last_stamp: u64,
}

/// What holds where no rule says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the four switches of the file")]
pub struct DefaultAccess {
    /// Publishing.
    pub publish_client_send: bool,
    /// Being sent messages.
    pub publish_client_receive: bool,
    /// Subscribing.
    pub subscribe: bool,
    /// Unsubscribing.
    pub unsubscribe: bool,
}

/// Somebody who may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Only with this client identifier, if there is one.
    pub client_id: Option<Box<str>>,
    /// The password; nobody logs in without one.
    pub password: Option<Hash>,
    /// Whether nobody may log in as this client for now.
    pub is_disabled: bool,
    pub(super) words: Words,
    pub(super) roles: Ranked,
    pub(super) groups: Ranked,
    /// Changes when those who are connected as this client must connect anew.
    pub(super) stamp: u64,
}

/// Clients that have roles together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub(super) words: Words,
    pub(super) roles: Ranked,
    /// The clients, each with the priority of this group for it.
    pub(super) clients: BTreeMap<Arc<str>, i32>,
}

/// Rules that go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub(super) words: Words,
    /// Whether who has this role may subscribe with wildcards.
    pub allow_wildcard_subscriptions: bool,
    /// The rules.
    pub acls: Acls,
}

/// What people call a client, group or role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) name: Option<Box<str>>,
    pub(super) description: Option<Box<str>>,
}

/// Names by priority, the highest first, and then by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranked(Vec<(Arc<str>, i32)>);

/// The priority of a role or group that was given none.
pub(super) const NO_PRIORITY: i32 = -1;

/// The longest file: room for about half a million users.
pub const MAXIMUM_FILE_BYTES: u64 = 128 << 20;

/// The most clients that there can be, the most groups, the most roles, and the most rules of a role.
pub const MOST_ENTRIES: usize = 1_000_000;

impl Model {
    /// Nobody and nothing, and access to nothing.
    pub fn new() -> Self {
        Self {
            default_access: DefaultAccess::default(),
            clients: BTreeMap::new(),
            groups: BTreeMap::new(),
            roles: BTreeMap::new(),
            anonymous_group: None,
            change_index: 0,
            anonymous_stamp: FIRST_STAMP,
            last_stamp: FIRST_STAMP,
        }
    }

    /// The client of this name.
    pub fn client(&self, username: &str) -> Option<&Client> {
        self.clients.get(username).map(|client| &**client)
    }

    /// How many clients there are.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Takes over from what held before: whoever has the same credential and the same rights as
    /// then may stay connected.
    pub fn follow(&mut self, before: &Self) {
        self.last_stamp = before.last_stamp.saturating_add(1);
        let is_same_client = |name: &Arc<str>, client: &Client| {
            let old = before.clients.get(name)?;
            let same = Client { stamp: old.stamp, ..client.clone() };
            (same == **old).then_some(old.stamp)
        };
        let stamps: Vec<u64> = self
            .clients
            .iter()
            .map(|(name, client)| is_same_client(name, client).unwrap_or(self.last_stamp))
            .collect();
        for (client, stamp) in self.clients.values_mut().zip(stamps) {
            Arc::make_mut(client).stamp = stamp;
        }
        let is_same_group = self.anonymous_group == before.anonymous_group;
        self.anonymous_stamp = if is_same_group { before.anonymous_stamp } else { self.last_stamp };
    }

    /// A client that may be changed.
    pub(super) fn client_mut(&mut self, username: &str) -> Option<&mut Client> {
        self.clients.get_mut(username).map(Arc::make_mut)
    }

    pub(super) fn group_mut(&mut self, name: &str) -> Option<&mut Group> {
        self.groups.get_mut(name).map(Arc::make_mut)
    }

    pub(super) fn role_mut(&mut self, name: &str) -> Option<&mut Role> {
        self.roles.get_mut(name).map(Arc::make_mut)
    }

    /// Puts a client into a group; `false` if it is in it, or one of them is not there.
    pub(super) fn join(&mut self, username: &str, group: &str, priority: i32) -> bool {
        let names = (self.clients.get_key_value(username), self.groups.get_key_value(group));
        let (Some((username, _)), Some((group, _))) = names else {
            return false;
        };
        let (username, group) = (Arc::clone(username), Arc::clone(group));
        let is_new = self
            .client_mut(&username)
            .is_some_and(|client| client.groups.insert(Arc::clone(&group), priority));
        if is_new && let Some(group) = self.group_mut(&group) {
            group.clients.insert(username, priority);
        }
        is_new
    }

    /// Takes a client out of a group.
    pub(super) fn leave(&mut self, username: &str, group: &str) {
        if let Some(client) = self.client_mut(username) {
            client.groups.remove(group);
        }
        if let Some(group) = self.group_mut(group) {
            group.clients.remove(username);
        }
    }

    /// Takes a client out of all groups.
    pub(super) fn leave_all(&mut self, username: &str) {
        let groups = self.client(username).map(|client| client.groups.clone()).unwrap_or_default();
        for (group, _) in groups.iter() {
            self.leave(username, group);
        }
    }

    /// Those who are connected as this client must connect anew.
    pub(super) fn dismiss(&mut self, username: &str) {
        let stamp = self.next_stamp();
        if let Some(client) = self.client_mut(username) {
            client.stamp = stamp;
        }
    }

    /// Those who are connected without a name must connect anew.
    pub(super) fn dismiss_anonymous(&mut self) {
        self.anonymous_stamp = self.next_stamp();
    }

    /// All of a group must connect anew.
    pub(super) fn dismiss_group(&mut self, name: &str) {
        if self.anonymous_group.as_deref() == Some(name) {
            self.dismiss_anonymous();
        }
        let clients = self.groups.get(name).map(|group| group.clients.clone()).unwrap_or_default();
        for username in clients.keys() {
            self.dismiss(username);
        }
    }

    /// All who have a role, of their own or with a group, must connect anew.
    pub(super) fn dismiss_role(&mut self, name: &str) {
        let with_role = |(_, client): &(&Arc<str>, &Arc<Client>)| client.roles.contains(name);
        let clients: Vec<_> =
            self.clients.iter().filter(with_role).map(|(name, _)| Arc::clone(name)).collect();
        for username in &clients {
            self.dismiss(username);
        }
        let with_role = |(_, group): &(&Arc<str>, &Arc<Group>)| group.roles.contains(name);
        let groups: Vec<_> =
            self.groups.iter().filter(with_role).map(|(name, _)| Arc::clone(name)).collect();
        for group in &groups {
            self.dismiss_group(group);
        }
    }

    /// A stamp that nothing has.
    pub(super) fn next_stamp(&mut self) -> u64 {
        self.last_stamp = self.last_stamp.saturating_add(1);
        self.last_stamp
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Ranked {
    /// Adds a name; `false` if it is there.
    pub(super) fn insert(&mut self, name: Arc<str>, priority: i32) -> bool {
        if self.contains(&name) {
            return false;
        }
        let key = (Reverse(priority), name);
        let place = self
            .0
            .partition_point(|(other, priority)| (Reverse(*priority), other) < (key.0, &key.1));
        self.0.insert(place, (key.1, priority));
        true
    }

    /// Removes a name; `false` if it is not there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(other, _)| **other != *name);
        self.0.len() != before
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| **other == *name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32)> {
        self.0.iter().map(|(name, priority)| (name, *priority))
    }
}

/// A priority within what files may hold.
pub(super) fn limited(priority: i32) -> i32 {
    priority.clamp(-MOST_PRIORITY, MOST_PRIORITY)
}

/// Far from what others give: `dynsec` in its first bytes.
const FIRST_STAMP: u64 = 0x6479_6E73_6563_0001;
const MOST_PRIORITY: i32 = 100_000;
