//! Whether somebody may do something, and because of what.

use std::fmt;

/// Whether somebody may do something, and because of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The rule that decided; none if there is no rule for it, and then it is not allowed.
    pub rule: Option<RuleRef<'a>>,
}

/// Where a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleRef<'a> {
    /// In a line of a file.
    Line {
        /// The file, as it was named.
        file: &'a str,
        /// The line, from 1.
        line: usize,
    },
    /// A rule of a role of dynamic security.
    Role {
        /// The role.
        role: &'a str,
        /// What the rule is for, such as `publishClientSend`.
        acl_type: &'a str,
        /// The topic of the rule.
        topic: &'a str,
    },
    /// A role of dynamic security that forbids to subscribe with wildcards.
    NoWildcardSubscriptions {
        /// The role.
        role: &'a str,
    },
    /// What holds in dynamic security where no rule says anything.
    DefaultAccess {
        /// For what, such as `publishClientSend`.
        acl_type: &'a str,
    },
    /// No line: where patterns are used, whoever has `+` or `#` in the user name or Client Identifier
    /// may do nothing but what rules for that user allow.
    NameWithWildcard,
}

impl Decision<'_> {
    /// Not allowed, because no rule allows it.
    pub const NO_RULE: Self = Self { allowed: false, rule: None };
}

impl fmt::Display for RuleRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Role { role, acl_type, topic } => {
                write!(f, "role {role}, {acl_type} {topic}")
            }
            Self::NoWildcardSubscriptions { role } => {
                write!(f, "role {role}, allowwildcardsubs false")
            }
            Self::DefaultAccess { acl_type } => write!(f, "default access, {acl_type}"),
            Self::NameWithWildcard => f.write_str(
                "patterns are not for a user name or client identifier with + or # in it",
            ),
        }
    }
}
