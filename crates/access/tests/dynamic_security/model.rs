//! Decisions beside a naive model, which has lists and loops and no order of its own.

use std::collections::BTreeMap;

use ferrymq_access::dynamic_security::Model;
use ferrymq_access::{Action, Who};
use proptest::prelude::*;
use serde_json::json;

use crate::setting::{administered, command};

/// What the commands say, kept as plainly as can be.
#[derive(Debug, Default)]
struct Naive {
    roles: BTreeMap<u8, NaiveRole>,
    clients: BTreeMap<u8, Vec<(u8, i32)>>,
    groups: BTreeMap<u8, Vec<(u8, i32)>>,
    members: Vec<(u8, u8, i32)>,
    anonymous: Option<u8>,
    defaults: [bool; 4],
}

#[derive(Debug)]
struct NaiveRole {
    wildcards: bool,
    rules: Vec<(usize, &'static str, i32, bool)>,
}

/// A command; names are numbers.
#[derive(Clone, Debug)]
enum Step {
    CreateRole(u8, bool),
    DeleteRole(u8),
    AddRule(u8, usize, usize, i32, bool),
    RemoveRule(u8, usize, usize),
    CreateClient(u8),
    DeleteClient(u8),
    Grant(u8, u8, i32),
    Revoke(u8, u8),
    CreateGroup(u8),
    DeleteGroup(u8),
    GrantGroup(u8, u8, i32),
    RevokeGroup(u8, u8),
    Join(u8, u8, i32),
    Leave(u8, u8),
    SetAnonymous(u8),
    SetDefault(usize, bool),
}

const TYPES: [&str; 6] = [
    "publishClientSend",
    "publishClientReceive",
    "subscribeLiteral",
    "subscribePattern",
    "unsubscribeLiteral",
    "unsubscribePattern",
];
const DEFAULTS: [&str; 4] =
    ["publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"];
const TOPICS: [&str; 10] =
    ["a", "a/b", "a/+", "a/#", "+", "#", "+/b", "%u/#", "a/%c", "$CONTROL/#"];
const NAMES: [&str; 7] = ["a", "a/b", "b/b", "c1", "a/device", "$CONTROL/x", "c2/z"];
const FILTERS: [&str; 8] = ["a", "a/+", "a/#", "#", "+/b", "$CONTROL/#", "c1/#", "a/b"];

impl Step {
    fn to_json(&self) -> String {
        let (r, c, g) = (|n: u8| format!("r{n}"), |n: u8| format!("c{n}"), |n: u8| format!("g{n}"));
        match self {
            Self::CreateRole(n, wildcards) => {
                json!({"command": "createRole", "rolename": r(*n), "allowwildcardsubs": wildcards})
            }
            Self::DeleteRole(n) => json!({"command": "deleteRole", "rolename": r(*n)}),
            Self::AddRule(n, of, topic, priority, allow) => json!({"command": "addRoleACL",
                "rolename": r(*n), "acltype": TYPES[*of], "topic": TOPICS[*topic],
                "priority": priority, "allow": allow}),
            Self::RemoveRule(n, of, topic) => json!({"command": "removeRoleACL",
                "rolename": r(*n), "acltype": TYPES[*of], "topic": TOPICS[*topic]}),
            Self::CreateClient(n) => json!({"command": "createClient", "username": c(*n)}),
            Self::DeleteClient(n) => json!({"command": "deleteClient", "username": c(*n)}),
            Self::Grant(n, role, priority) => json!({"command": "addClientRole",
                "username": c(*n), "rolename": r(*role), "priority": priority}),
            Self::Revoke(n, role) => json!({"command": "removeClientRole",
                "username": c(*n), "rolename": r(*role)}),
            Self::CreateGroup(n) => json!({"command": "createGroup", "groupname": g(*n)}),
            Self::DeleteGroup(n) => json!({"command": "deleteGroup", "groupname": g(*n)}),
            Self::GrantGroup(n, role, priority) => json!({"command": "addGroupRole",
                "groupname": g(*n), "rolename": r(*role), "priority": priority}),
            Self::RevokeGroup(n, role) => json!({"command": "removeGroupRole",
                "groupname": g(*n), "rolename": r(*role)}),
            Self::Join(n, group, priority) => json!({"command": "addGroupClient",
                "username": c(*n), "groupname": g(*group), "priority": priority}),
            Self::Leave(n, group) => json!({"command": "removeGroupClient",
                "username": c(*n), "groupname": g(*group)}),
            Self::SetAnonymous(n) => json!({"command": "setAnonymousGroup", "groupname": g(*n)}),
            Self::SetDefault(n, allow) => json!({"command": "setDefaultACLAccess",
                "acls": [{"acltype": DEFAULTS[*n], "allow": allow}]}),
        }
        .to_string()
    }
}

impl Naive {
    fn apply(&mut self, step: &Step) {
        match *step {
            Step::CreateRole(n, wildcards) => {
                self.roles.entry(n).or_insert(NaiveRole { wildcards, rules: Vec::new() });
            }
            Step::DeleteRole(n) => {
                self.roles.remove(&n);
                let lists = self.clients.values_mut().chain(self.groups.values_mut());
                lists.for_each(|roles| roles.retain(|(role, _)| *role != n));
            }
            Step::AddRule(n, of, topic, priority, allow) => {
                let Some(role) = self.roles.get_mut(&n) else { return };
                if !role.rules.iter().any(|rule| (rule.0, rule.1) == (of, TOPICS[topic])) {
                    role.rules.push((of, TOPICS[topic], priority, allow));
                }
            }
            Step::RemoveRule(n, of, topic) => {
                let Some(role) = self.roles.get_mut(&n) else { return };
                role.rules.retain(|rule| (rule.0, rule.1) != (of, TOPICS[topic]));
            }
            Step::CreateClient(n) => {
                self.clients.entry(n).or_default();
            }
            Step::DeleteClient(n) => {
                self.clients.remove(&n);
                self.members.retain(|(client, ..)| *client != n);
            }
            Step::Grant(n, role, priority) => {
                grant(self.clients.get_mut(&n), &self.roles, role, priority);
            }
            Step::Revoke(n, role) => {
                self.clients.entry(n).and_modify(|roles| roles.retain(|it| it.0 != role));
            }
            Step::CreateGroup(n) => {
                self.groups.entry(n).or_default();
            }
            Step::DeleteGroup(n) if self.anonymous == Some(n) => {}
            Step::DeleteGroup(n) => {
                self.groups.remove(&n);
                self.members.retain(|(_, group, _)| *group != n);
            }
            Step::GrantGroup(n, role, priority) => {
                grant(self.groups.get_mut(&n), &self.roles, role, priority);
            }
            Step::RevokeGroup(n, role) => {
                self.groups.entry(n).and_modify(|roles| roles.retain(|it| it.0 != role));
            }
            Step::Join(n, group, priority) => {
                let is_new = !self.members.iter().any(|it| (it.0, it.1) == (n, group));
                let are_there = self.clients.contains_key(&n) && self.groups.contains_key(&group);
                if is_new && are_there {
                    self.members.push((n, group, priority));
                }
            }
            Step::Leave(n, group) => self.members.retain(|it| (it.0, it.1) != (n, group)),
            Step::SetAnonymous(n) if self.groups.contains_key(&n) => self.anonymous = Some(n),
            Step::SetAnonymous(_) => {}
            Step::SetDefault(n, allow) => self.defaults[n] = allow,
        }
    }

    fn decide(&self, client: Option<u8>, client_id: &str, action: Action, topic: &str) -> bool {
        let Some(lists) = self.lists(client) else { return false };
        let name = client.map(|n| format!("c{n}"));
        for list in lists {
            for role in by_priority(list) {
                let role = &self.roles[&role];
                let has_wildcards = topic.contains(['+', '#']);
                if action == Action::Subscribe && has_wildcards && !role.wildcards {
                    return false;
                }
                let ruling = role.ruling(action, topic, name.as_deref(), client_id);
                if let Some(allowed) = ruling {
                    return allowed;
                }
            }
        }
        let place = Action::ALL.iter().position(|it| *it == action).unwrap();
        self.defaults[place] && !topic.starts_with("$CONTROL")
    }

    /// The lists of roles that are asked, one after the other; `None`: nobody knows the client.
    fn lists(&self, client: Option<u8>) -> Option<Vec<&Vec<(u8, i32)>>> {
        let Some(client) = client else {
            return Some(self.anonymous.map(|group| &self.groups[&group]).into_iter().collect());
        };
        let own = self.clients.get(&client)?;
        let groups = self.members.iter().filter(|it| it.0 == client).map(|it| (it.1, it.2));
        let groups = by_priority(&groups.collect::<Vec<_>>());
        Some(std::iter::once(own).chain(groups.iter().map(|group| &self.groups[group])).collect())
    }
}

impl NaiveRole {
    fn ruling(&self, action: Action, topic: &str, name: Option<&str>, id: &str) -> Option<bool> {
        let types: &[usize] = match action {
            Action::Publish => &[0],
            Action::Receive => &[1],
            Action::Subscribe => &[2, 3],
            Action::Unsubscribe => &[4, 5],
        };
        types.iter().find_map(|of| {
            let mut rules: Vec<_> = self.rules.iter().filter(|rule| rule.0 == *of).collect();
            rules.sort_by_key(|rule| -rule.2);
            let mut fitting = rules.iter().filter(|rule| match of {
                2 | 4 => rule.1 == topic,
                _ => fits(rule.1, topic, name, id),
            });
            fitting.next().map(|rule| rule.3)
        })
    }
}

fn grant(
    roles: Option<&mut Vec<(u8, i32)>>,
    known: &BTreeMap<u8, NaiveRole>,
    role: u8,
    priority: i32,
) {
    if let Some(roles) = roles.filter(|roles| roles.iter().all(|it| it.0 != role))
        && known.contains_key(&role)
    {
        roles.push((role, priority));
    }
}

fn by_priority(list: &[(u8, i32)]) -> Vec<u8> {
    let mut list = list.to_vec();
    list.sort_by_key(|(name, priority)| (-priority, *name));
    list.into_iter().map(|(name, _)| name).collect()
}

/// Word by word, with the names put in first.
fn fits(rule: &str, topic: &str, name: Option<&str>, id: &str) -> bool {
    let rule = rule.replace("%u", name.unwrap_or("\0")).replace("%c", id);
    if rule.starts_with('$') != topic.starts_with('$') {
        return false;
    }
    let (rule, topic): (Vec<_>, Vec<_>) = (rule.split('/').collect(), topic.split('/').collect());
    let is_open = rule.last() == Some(&"#");
    let head = if is_open { &rule[..rule.len() - 1] } else { &rule[..] };
    let is_long_enough =
        if is_open { topic.len() >= head.len() } else { topic.len() == head.len() };
    is_long_enough
        && head
            .iter()
            .zip(&topic)
            .all(|(rule, level)| rule == level || *rule == "+" && *level != "#")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0_u8..3;
    let p = prop_oneof![Just(-1), 0_i32..3];
    let of = 0..TYPES.len();
    let topic = 0..TOPICS.len();
    let step = prop_oneof![
        3 => (n.clone(), any::<bool>()).prop_map(|(a, b)| Step::CreateRole(a, b)),
        1 => n.clone().prop_map(Step::DeleteRole),
        8 => (n.clone(), of.clone(), topic.clone(), p.clone(), any::<bool>())
            .prop_map(|(a, b, c, d, e)| Step::AddRule(a, b, c, d, e)),
        1 => (n.clone(), of, topic).prop_map(|(a, b, c)| Step::RemoveRule(a, b, c)),
        3 => n.clone().prop_map(Step::CreateClient),
        1 => n.clone().prop_map(Step::DeleteClient),
        4 => (n.clone(), n.clone(), p.clone()).prop_map(|(a, b, c)| Step::Grant(a, b, c)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::Revoke(a, b)),
        3 => n.clone().prop_map(Step::CreateGroup),
        1 => n.clone().prop_map(Step::DeleteGroup),
        4 => (n.clone(), n.clone(), p.clone()).prop_map(|(a, b, c)| Step::GrantGroup(a, b, c)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::RevokeGroup(a, b)),
        4 => (n.clone(), n.clone(), p).prop_map(|(a, b, c)| Step::Join(a, b, c)),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::Leave(a, b)),
        1 => n.prop_map(Step::SetAnonymous),
        2 => (0..4_usize, any::<bool>()).prop_map(|(a, b)| Step::SetDefault(a, b)),
    ];
    prop::collection::vec(step, 0..60)
}

fn assert_same(model: &Model, naive: &Naive) {
    for client in [None, Some(0), Some(1), Some(2)] {
        let username = client.map(|n| format!("c{n}"));
        let who = Who { username: username.as_deref(), client_id: "device" };
        for (action, topics) in [
            (Action::Publish, &NAMES[..]),
            (Action::Receive, &NAMES[..]),
            (Action::Subscribe, &FILTERS[..]),
            (Action::Unsubscribe, &FILTERS[..]),
        ] {
            for topic in topics {
                assert_eq!(
                    model.decide(who, action, topic).allowed,
                    naive.decide(client, "device", action, topic),
                    "{username:?} {action} {topic}: {naive:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn decisions_are_those_of_a_naive_model(steps in steps()) {
        let mut model = administered();
        let mut naive = Naive { defaults: [false, true, false, true], ..Naive::default() };
        for step in &steps {
            command(&mut model, &step.to_json());
            naive.apply(step);
        }
        assert_same(&model, &naive);
        let (read, mistakes) = Model::parse("d.json", &model.to_json()).unwrap();
        prop_assert_eq!(mistakes.len(), 0);
        assert_same(&read, &naive);
        prop_assert_eq!(read.to_json(), model.to_json());
    }
}
