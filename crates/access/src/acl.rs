//! The ACL file: which topics somebody may publish to and receive from.
//!
//! The language is Mosquitto's. An [`AclFile`] is what the lines say, and [`Rules`] answers questions
//! from it:
//!
//! 1. What stands under `user NAME` is for that user, and what stands before the first `user` is for
//!    clients without a user name. If one of these rules denies, that holds; if one allows, that does.
//! 2. Otherwise the patterns, which are for everybody: again what denies comes first. They are not
//!    for whose user name or Client Identifier has `+` or `#` in it, who is denied.
//! 3. Otherwise it is denied.
//!
//! A topic that begins with `$` needs a rule that begins with `$`. To unsubscribe is always allowed,
//! and to subscribe if one rule allows to receive all that the filter can match.

mod file;
mod lint;
mod overlap;
mod rules;
mod tree;

pub use file::{AclFile, MAXIMUM_FILE_BYTES, MAXIMUM_RULES, Rule, Scope, Type};
pub use lint::MAXIMUM_COMPARISONS;
pub use rules::Rules;
