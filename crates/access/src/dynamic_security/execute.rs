//! Carrying out what administrators ask for on `$CONTROL/dynamic-security/v1`.

use super::clients;
use super::defaults;
use super::groups;
use super::model::Model;
use super::roles;
use super::session::Session;
use crate::control::{Command, Done, Refusal, Responses};
use crate::password::Hash;
use crate::who::Who;

/// What became of a request.
pub struct Executed {
    responses: Responses,
    /// Whether the model is another one now.
    pub is_changed: bool,
    /// One line for the log about each command that was carried out.
    pub lines: Vec<String>,
}

impl Model {
    /// Carries out a request of somebody who may make it. `hash` makes the hash of a password; it
    /// may take its time.
    pub fn execute(
        &mut self,
        request: &[u8],
        who: Who<'_>,
        hash: &mut dyn FnMut(&[u8]) -> Option<Hash>,
    ) -> Executed {
        let before = self.change_index;
        let mut session = Session::new(self, who, hash);
        let responses = Responses::to(request, |command| carry_out(&mut session, command));
        let lines = session.lines;
        Executed { responses, is_changed: self.change_index != before, lines }
    }
}

impl Executed {
    /// The payload of the response.
    pub fn response(&self) -> Vec<u8> {
        self.responses.to_json()
    }

    /// The payload of the response if the new model could not be kept, and the old one holds.
    pub fn response_if_not_kept(self) -> Vec<u8> {
        self.responses.not_kept().to_json()
    }
}

fn carry_out(session: &mut Session<'_>, command: &Command<'_>) -> Result<Done, Refusal> {
    let known = COMMANDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(command.name));
    let (_, carry_out) = known.ok_or("Unknown command")?;
    let done = carry_out(session, command)?;
    if matches!(done, Done::Changed) {
        session.model.change_index = session.model.change_index.saturating_add(1);
    }
    Ok(done)
}

type CarryOut = fn(&mut Session<'_>, &Command<'_>) -> Result<Done, Refusal>;

/// All commands there are.
const COMMANDS: &[(&str, CarryOut)] = &[
    ("setDefaultACLAccess", defaults::set),
    ("getDefaultACLAccess", defaults::get),
    ("getDetails", defaults::details),
    ("createClient", clients::create),
    ("deleteClient", clients::delete),
    ("getClient", clients::get),
    ("listClients", clients::list),
    ("modifyClient", clients::modify),
    ("setClientPassword", clients::set_password),
    ("setClientId", clients::set_id),
    ("addClientRole", clients::add_role),
    ("removeClientRole", clients::remove_role),
    ("enableClient", clients::enable),
    ("disableClient", clients::disable),
    ("createGroup", groups::create),
    ("deleteGroup", groups::delete),
    ("getGroup", groups::get),
    ("listGroups", groups::list),
    ("modifyGroup", groups::modify),
    ("addGroupClient", groups::add_client),
    ("removeGroupClient", groups::remove_client),
    ("addGroupRole", groups::add_role),
    ("removeGroupRole", groups::remove_role),
    ("setAnonymousGroup", groups::set_anonymous),
    ("getAnonymousGroup", groups::get_anonymous),
    ("createRole", roles::create),
    ("getRole", roles::get),
    ("listRoles", roles::list),
    ("modifyRole", roles::modify),
    ("deleteRole", roles::delete),
    ("addRoleACL", roles::add_acl),
    ("removeRoleACL", roles::remove_acl),
];
