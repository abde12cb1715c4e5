//! A password file that anybody may have written.

use std::num::NonZeroU32;

use ferrymq_access::password::{Hash, PasswordFile, PasswordLines, Scheme};

/// What is said about a file names a line of it; a user can be set in any file, and is in it
/// afterwards with that hash, if the rest is right. No password is checked: that is slow on purpose.
///
/// # Panics
///
/// If one of these does not hold.
pub fn password_file(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').count();
    let before = PasswordFile::parse("users", data);
    if let Err(mistakes) = &before {
        assert!(!mistakes.is_empty(), "refused without a mistake");
        for mistake in mistakes {
            assert!((1..=lines).contains(&mistake.line), "there is no line {}", mistake.line);
        }
    }
    let scheme = Scheme::pbkdf2(NonZeroU32::MIN);
    let hash = Hash::make(scheme, b"secret", &[7; 12]).expect("the scheme is right");
    assert_eq!(Hash::parse(&hash.to_text()), Ok(hash.clone()), "what is written is read");
    let mut edited = PasswordLines::new(data.to_vec());
    edited.set("anna", &hash).expect("the name is right");
    if let Ok(before) = before {
        let after = PasswordFile::parse("users", edited.as_bytes()).expect("it was right before");
        assert_eq!(after.stamp("anna"), Some(hash.stamp()));
        for username in before.users().filter(|username| *username != "anna") {
            assert_eq!(after.stamp(username), before.stamp(username), "{username} is another");
        }
    }
}
