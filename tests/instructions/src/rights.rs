//! Who may do what in the scripted broker: everybody everything, or what an ACL file says. The
//! messages of the script are allowed in any case.

use std::io::Write;
use std::time::Duration;

use ferrymq_broker::{Access, AllowAll, ListenerProfile};
use ferrymq_server::access::sources::UserSettings;
use ferrymq_server::access::{DoorSettings, Gate, Gatehouse, LoginLimits, PolicySettings};

/// Where rights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// There are none to ask for.
    Open,
    /// An ACL file of 20 rules for users.
    Users,
    /// The ACL file of a site with few users that are named and patterns for all devices.
    Patterns,
}

impl Rights {
    /// What the shard asks.
    pub(crate) fn access(self) -> Result<Box<dyn Access>, String> {
        let rules = match self {
            Self::Open => return Ok(Box::new(AllowAll)),
            Self::Users => USERS,
            Self::Patterns => PATTERNS,
        };
        let mut file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        file.write_all(rules.as_bytes()).map_err(|error| error.to_string())?;
        let door = DoorSettings {
            listener: ListenerProfile::default().name,
            allow_anonymous: true,
            password_files: Vec::new(),
            acl_files: vec![file.path().to_owned()],
            users: UserSettings::default(),
            dynamic_security: None,
        };
        let policy = PolicySettings {
            doors: vec![door],
            client_id_prefix: None,
            acl_check_subscribe: true,
            broker_control: None,
            login_limits: LoginLimits::default(),
            logins_queued: 1,
            patience: Duration::ZERO,
        };
        let policy = policy.load().map_err(|error| error.to_string())?;
        Ok(Box::new(Gate::new(Gatehouse::new(policy, None))))
    }
}

const USERS: &str = "\
topic read $SYS/broker/uptime
topic read news/#

user operator
topic readwrite #
topic read $SYS/#

user meter
topic write meters/+/reading
topic write meters/+/status
topic read meters/+/command
topic deny meters/test/#

user billing
topic read meters/+/reading
topic read meters/+/status
topic write billing/#

user display
topic read rooms/+/+
topic read weather/#
topic write display/+/alive

user a
topic read weather/#
topic write a/+/status
topic read a/+/command
topic deny a/secret/#
topic readwrite a/#
topic read b/#
";

const PATTERNS: &str = "\
topic read news/#

user operator
topic readwrite #
topic read $SYS/#

pattern write devices/%u/%c/#
pattern read devices/%u/%c/command/#
pattern read devices/%u/all/command/#
pattern deny devices/+/+/factory/#
pattern write $SYS/broker/connection/%c/state
pattern readwrite %u/#
";
