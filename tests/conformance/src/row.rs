//! Rows: a normative statement, and how it is checked or why it is not.

use crate::scene::Scene;
use crate::verdict::Verdict;
use crate::wire::Version;

/// One normative statement.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The number the specification gives it, or the name of a hostile input.
    pub id: &'static str,
    /// What it says, in short.
    pub statement: &'static str,
    /// How it is checked.
    pub check: Check,
}

/// How a statement is checked.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// By playing this scene.
    Scene(fn(&mut Scene) -> Verdict),
    /// By playing this scene while no other row runs, because it takes all the server has.
    Alone(fn(&mut Scene) -> Verdict),
    /// By playing this scene where the server speaks WebSocket.
    WebSocket(fn(&mut Scene) -> Verdict),
    /// Not here, for this reason.
    Exception(&'static str),
}

/// The rows of one chapter, or of one kind, for one version.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// What the rows are about.
    pub title: &'static str,
    /// The version they are played in.
    pub version: Version,
    /// Whether another client has to go on undisturbed during each row.
    pub bystander: bool,
    /// The rows, in the order of the specification.
    pub rows: &'static [Row],
}

impl Table {
    /// The name of a row of this table, unique among all tables.
    pub fn name(&self, row: &Row) -> String {
        let version = match self.version {
            Version::V3_1 => "v3.1",
            Version::V3_1_1 => "v3.1.1",
            Version::V5_0 => "v5.0",
        };
        format!("{version} {}", row.id)
    }

    pub(crate) const fn new(title: &'static str, version: Version, rows: &'static [Row]) -> Self {
        Self { title, version, bystander: false, rows }
    }
}

/// A row that plays a scene.
pub(crate) const fn row(
    id: &'static str,
    statement: &'static str,
    scene: fn(&mut Scene) -> Verdict,
) -> Row {
    Row { id, statement, check: Check::Scene(scene) }
}

/// A row that plays a scene over WebSocket.
pub(crate) const fn websocket_row(
    id: &'static str,
    statement: &'static str,
    scene: fn(&mut Scene) -> Verdict,
) -> Row {
    Row { id, statement, check: Check::WebSocket(scene) }
}

/// A row that is not checked here.
pub(crate) const fn exception(
    id: &'static str,
    statement: &'static str,
    reason: &'static str,
) -> Row {
    Row { id, statement, check: Check::Exception(reason) }
}

/// The reason of the statements that only a Client can keep or break.
pub(crate) const CLIENT: &str = "Binds the Client alone.";

/// The reason of the statements about WebSocket at a server that does not speak it.
pub(crate) const NO_WEBSOCKET: &str = "Needs a server with a listener for WebSocket.";

/// The reason of the statements about enhanced authentication.
pub(crate) const NO_ENHANCED_AUTHENTICATION: &str =
    "Needs a server with an Authentication Method; without one it never sends AUTH.";

/// The reason of the statements about refusals that need a configured policy.
pub(crate) const NEEDS_POLICY: &str =
    "Needs a server that is configured to refuse; an open one accepts every well-formed request.";
