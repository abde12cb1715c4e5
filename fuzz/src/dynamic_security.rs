//! A file of dynamic security and a request to change it, both of which anybody may have written.

use ferrymq_access::dynamic_security::Model;
use ferrymq_access::password::{Hash, Scheme};
use ferrymq_access::{Action, Who};

/// What stands before the first NUL is the file, the rest is the request. Whatever is in them, what is
/// written of a model is read back as the same model, which decides the same, before the request and
/// after it; a request that says that nothing has changed has changed nothing.
///
/// # Panics
///
/// If one of these does not hold.
pub fn dynamic_security(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let Ok((mut model, mistakes)) = Model::parse("file", file) else { return };
    assert!(mistakes.iter().all(|mistake| !mistake.words.is_empty()), "something is said");
    check(&model);
    let before = model.to_json();
    let who = Who { username: Some("admin"), client_id: "fuzzer" };
    let executed = model.execute(parts.next().unwrap_or_default(), who, &mut hash);
    assert!(executed.response().starts_with(b"{\"responses\":["), "there is a response");
    check(&model);
    assert!(executed.is_changed || model.to_json() == before, "it has changed in silence");
}

fn check(model: &Model) {
    let written = model.to_json();
    let (read, mistakes) = Model::parse("written", &written).expect("what is written is read");
    let odd = mistakes.iter().find(|mistake| !mistake.words.contains("is no topic filter"));
    assert!(odd.is_none(), "what is written makes sense: {odd:?}");
    assert_eq!(read.to_json(), written, "it is the same again");
    for username in [None, Some("admin"), Some("u")] {
        let who = Who { username, client_id: "c" };
        for action in Action::ALL {
            for topic in ["a/b", "a/+", "#", "$CONTROL/x", "$share/g/a"] {
                assert_eq!(model.decide(who, action, topic), read.decide(who, action, topic));
            }
        }
    }
}

/// A hash that costs nothing.
fn hash(password: &[u8]) -> Option<Hash> {
    let scheme = Scheme::pbkdf2(std::num::NonZeroU32::MIN);
    Hash::make(scheme, password, &[7; 12]).ok()
}
