//! What these tests have in common.

use std::num::NonZeroU32;

use ferrymq_access::Who;
use ferrymq_access::dynamic_security::{Executed, Model};
use ferrymq_access::password::{Hash, Scheme};

/// The administrator who gives all commands.
pub(crate) const ADMIN: Who<'_> = Who { username: Some("admin"), client_id: "console" };

/// A hash that costs nothing.
pub(crate) fn hash(password: &[u8]) -> Hash {
    let scheme = Scheme::pbkdf2(NonZeroU32::MIN);
    Hash::make(scheme, password, &vec![7; scheme.salt_length()]).unwrap()
}

/// A model in which nothing is but an administrator.
pub(crate) fn administered() -> Model {
    Model::administered_by("admin", hash(b"secret"))
}

/// Carries out a request.
pub(crate) fn execute(model: &mut Model, request: &[u8]) -> Executed {
    model.execute(request, ADMIN, &mut |password| Some(hash(password)))
}

/// Carries out one command, and tells its response alone.
pub(crate) fn command(model: &mut Model, command: &str) -> String {
    let executed = execute(model, format!(r#"{{"commands":[{command}]}}"#).as_bytes());
    let response = String::from_utf8(executed.response()).unwrap();
    let response = response.strip_prefix(r#"{"responses":["#).unwrap();
    response.strip_suffix("]}").unwrap().to_owned()
}

/// Carries out commands that must succeed.
pub(crate) fn succeed(model: &mut Model, commands: &[&str]) {
    for text in commands {
        let response = command(model, text);
        assert!(!response.contains(r#""error""#), "{text}: {response}");
    }
}

pub(crate) const fn who<'a>(username: &'a str, client_id: &'a str) -> Who<'a> {
    Who { username: Some(username), client_id }
}
