//! What a file of dynamic security begins with.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::acl::{Acl, AclType, Acls};
use super::model::{Client, DefaultAccess, Group, Model, NO_PRIORITY, Ranked, Role, Words};
use crate::password::Hash;

impl Model {
    /// What a broker begins with that finds no file: `admin`, who may administer everything; with a
    /// second hash `democlient`, who may use all topics; a group for those without a name, without
    /// rights; and the roles that most sites need.
    pub fn first(admin: Hash, democlient: Option<Hash>) -> Self {
        let mut model = Self { default_access: CAUTIOUS, ..Self::new() };
        for (name, description, rules) in ROLES {
            model.add_role(name, description, rules);
        }
        let roles = ["super-admin", "sys-observe", "topic-observe"];
        model.add_client("admin", "Admin user", admin, &roles);
        if let Some(hash) = democlient {
            model.add_client("democlient", "Client that may use all topics", hash, &["client"]);
        }
        let group = Arc::from("unauthenticated");
        let words = words("Unauthenticated group", "Those who come without a name");
        model.groups.insert(Arc::clone(&group), Arc::new(Group { words, ..Group::default() }));
        model.anonymous_group = Some(group);
        model
    }

    /// What `mosquitto_ctrl dynsec init` begins with: somebody who may administer dynamic security,
    /// observe everything, and publish to no other topic.
    pub fn administered_by(username: &str, hash: Hash) -> Self {
        let mut model = Self { default_access: CAUTIOUS, ..Self::new() };
        model.add_role("admin", "", ADMIN);
        model.add_client(username, "Dynsec admin user", hash, &["admin"]);
        model
    }

    /// Sets the password of a client; `false` if there is no such client.
    pub fn set_password(&mut self, username: &str, hash: Hash) -> bool {
        let client = self.client_mut(username);
        client.map(|client| client.password = Some(hash)).is_some()
    }

    fn add_role(&mut self, name: &str, description: &str, rules: &[(AclType, &str)]) {
        let acl = |(of, topic): &(AclType, &str)| (*of, Acl::new(topic, 0, true));
        let role = Role {
            words: words("", description),
            allow_wildcard_subscriptions: true,
            acls: Acls::collect(rules.iter().map(acl).collect()),
        };
        self.roles.insert(Arc::from(name), Arc::new(role));
    }

    fn add_client(&mut self, name: &str, text: &str, hash: Hash, roles: &[&str]) {
        let mut granted = Ranked::default();
        for role in roles {
            granted.insert(Arc::from(*role), NO_PRIORITY);
        }
        let client = Client {
            password: Some(hash),
            words: words(text, ""),
            roles: granted,
            stamp: self.last_stamp,
            ..Client::default()
        };
        self.clients.insert(Arc::from(name), Arc::new(client));
    }
}

/// A password of 20 characters. `random` fills octets with chance.
///
/// # Errors
///
/// Those of `random`.
pub fn random_password<E>(mut random: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<String, E> {
    let mut password = String::with_capacity(PASSWORD_LENGTH);
    while password.len() < PASSWORD_LENGTH {
        let mut octet = [0];
        random(&mut octet)?;
        // Of 64 characters each is as likely as the others.
        let place = usize::from(octet.first().copied().unwrap_or_default() % 64);
        password.extend(PASSWORD_CHARACTERS.chars().nth(place));
    }
    Ok(password)
}

fn words(name: &str, description: &str) -> Words {
    let some = |text: &str| (!text.is_empty()).then(|| Box::from(text));
    Words { name: some(name), description: some(description) }
}

/// Nobody publishes or subscribes unless a rule allows it.
const CAUTIOUS: DefaultAccess = DefaultAccess {
    publish_client_send: false,
    publish_client_receive: true,
    subscribe: false,
    unsubscribe: true,
};

type Rules = &'static [(AclType, &'static str)];

const ROLES: &[(&str, &str, Rules)] = &[
    ("client", "May use all topics of applications", &everything("#")),
    ("broker-admin", "May administer the broker", &everything("$CONTROL/broker/#")),
    (
        "dynsec-admin",
        "May administer clients, groups and roles",
        &everything("$CONTROL/dynamic-security/#"),
    ),
    ("super-admin", "May administer everything", &everything("$CONTROL/#")),
    (
        "sys-notify",
        "Lets bridges publish the states of their connections",
        &[(AclType::PublishClientSend, "$SYS/broker/connection/%c/state")],
    ),
    (
        "sys-observe",
        "May look at $SYS",
        &[(AclType::PublishClientReceive, "$SYS/#"), (AclType::SubscribePattern, "$SYS/#")],
    ),
    (
        "topic-observe",
        "May look at all topics of applications",
        &[
            (AclType::PublishClientReceive, "#"),
            (AclType::SubscribePattern, "#"),
            (AclType::UnsubscribePattern, "#"),
        ],
    ),
];

const ADMIN: Rules = &[
    (AclType::PublishClientSend, "$CONTROL/dynamic-security/#"),
    (AclType::PublishClientReceive, "$CONTROL/dynamic-security/#"),
    (AclType::SubscribePattern, "$CONTROL/dynamic-security/#"),
    (AclType::PublishClientReceive, "$SYS/#"),
    (AclType::SubscribePattern, "$SYS/#"),
    (AclType::PublishClientReceive, "#"),
    (AclType::SubscribePattern, "#"),
    (AclType::UnsubscribePattern, "#"),
];

const fn everything(topic: &str) -> [(AclType, &str); 4] {
    [
        (AclType::PublishClientSend, topic),
        (AclType::PublishClientReceive, topic),
        (AclType::SubscribePattern, topic),
        (AclType::UnsubscribePattern, topic),
    ]
}

/// How slow the hashes of new passwords are: guessing is expensive, and a login takes some hundredths of a
/// second, also for plugins that know no other kind of hash.
pub const PASSWORD_ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

const PASSWORD_LENGTH: usize = 20;
const PASSWORD_CHARACTERS: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
