//! An ACL file that anybody may have written.

use ferrymq_access::acl::{AclFile, Rules};
use ferrymq_access::{Action, Who};

/// The first line is a user name and the second a topic, the rest is the file. Whatever is in it, what
/// is said about it names a line of it, and a rule that decides is one of its lines.
///
/// # Panics
///
/// If one of these does not hold.
pub fn acl_file(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut text = || parts.next().and_then(|part| str::from_utf8(part).ok());
    let (Some(username), Some(topic)) = (text(), text()) else { return };
    let bytes = parts.next().unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let file = match AclFile::parse("acl", bytes) {
        Ok(file) => file,
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a mistake");
            for mistake in mistakes {
                assert!((1..=lines).contains(&mistake.line), "there is no line {}", mistake.line);
            }
            return;
        }
    };
    for finding in file.lint(None) {
        assert!((1..=lines).contains(&finding.line), "there is no line {}", finding.line);
    }
    let rules = Rules::new(&file);
    for username in [None, Some(username)] {
        let who = Who { username, client_id: "c" };
        for action in Action::ALL {
            let decision = rules.decide(who, action, topic);
            let is_free = action == Action::Unsubscribe;
            assert!(!decision.allowed || decision.rule.is_some() || is_free, "allowed by no rule");
        }
    }
}
