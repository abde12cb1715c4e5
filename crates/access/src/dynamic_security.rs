//! Users and rights that administrators change while the broker runs, as Mosquitto's plugin for
//! dynamic security has them: its file, its commands and its decisions.
//!
//! A [`Model`] is all of it. It is read from a file, decides who may log in and who may do what,
//! changes by the commands of administrators, and is written again.

mod acl;
mod clients;
mod decide;
mod defaults;
mod execute;
mod file;
mod first;
mod groups;
mod model;
mod pattern;
mod roles;
mod session;
mod written;

pub use acl::{Acl, AclType, Acls};
pub use decide::Login;
pub use execute::Executed;
pub use first::{PASSWORD_ITERATIONS, random_password};
pub use model::{Client, DefaultAccess, Group, MAXIMUM_FILE_BYTES, MOST_ENTRIES, Model, Role};
