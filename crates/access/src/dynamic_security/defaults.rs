//! Commands about what holds where no rule says anything, and about everything as a whole.

use serde::Serialize;

use super::model::DefaultAccess;
use super::session::Session;
use crate::control::{Command, Done, Object, Refusal};

pub(super) fn set(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let list = command.object.list("acls").ok_or("Missing/invalid actions array")?;
    for action in list.iter().filter_map(Object::new) {
        let (Ok(acl_type), Some(allow)) = (action.text("acltype"), is_allowed(action)) else {
            continue;
        };
        if let Some((name, switch)) = switch(&mut session.model.default_access, acl_type) {
            *switch = allow;
            let allow = allow.to_string();
            session.note("setDefaultACLAccess", &[("acltype", name), ("allow", &allow)]);
        }
    }
    Ok(Done::Changed)
}

pub(super) fn get(session: &mut Session<'_>, _: &Command<'_>) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Told {
        acls: [Access; 4],
    }
    #[derive(Serialize)]
    struct Access {
        acltype: &'static str,
        allow: bool,
    }
    let access = session.model.default_access;
    session.note("getDefaultACLAccess", &[]);
    let acls = [
        (SEND, access.publish_client_send),
        (RECEIVE, access.publish_client_receive),
        (SUBSCRIBE, access.subscribe),
        (UNSUBSCRIBE, access.unsubscribe),
    ];
    let acls = acls.map(|(acltype, allow)| Access { acltype, allow });
    Done::told("getDefaultACLAccess", &Told { acls })
}

pub(super) fn details(session: &mut Session<'_>, _: &Command<'_>) -> Result<Done, Refusal> {
    #[derive(Serialize)]
    struct Details {
        #[serde(rename = "clientCount")]
        clients: usize,
        #[serde(rename = "groupCount")]
        groups: usize,
        #[serde(rename = "roleCount")]
        roles: usize,
        #[serde(rename = "changeIndex")]
        change_index: u64,
    }
    session.note("getDetails", &[]);
    let model = &*session.model;
    let details = Details {
        clients: model.clients.len(),
        groups: model.groups.len(),
        roles: model.roles.len(),
        change_index: model.change_index,
    };
    Done::told("getDetails", &details)
}

/// What is said of a switch. The tool of Mosquitto 2.0 says it in another way, which the plugin takes
/// for nothing at all; whoever uses that tool means what it says.
fn is_allowed(action: Object<'_>) -> Option<bool> {
    action.flag("allow").or_else(|| match action.text("access") {
        Ok("allow") => Some(true),
        Ok("deny") => Some(false),
        _ => None,
    })
}

/// The switch with this name, in capitals or not.
fn switch<'a>(access: &'a mut DefaultAccess, name: &str) -> Option<(&'static str, &'a mut bool)> {
    let switches = [
        (SEND, &mut access.publish_client_send),
        (RECEIVE, &mut access.publish_client_receive),
        (SUBSCRIBE, &mut access.subscribe),
        (UNSUBSCRIBE, &mut access.unsubscribe),
    ];
    switches.into_iter().find(|(other, _)| other.eq_ignore_ascii_case(name))
}

const SEND: &str = "publishClientSend";
const RECEIVE: &str = "publishClientReceive";
const SUBSCRIBE: &str = "subscribe";
const UNSUBSCRIBE: &str = "unsubscribe";
