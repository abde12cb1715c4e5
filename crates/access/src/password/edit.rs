//! The lines of a password file, to be changed and written again.
//!
//! What is not changed stays as it is, octet by octet: comments, order, and lines that another
//! program may understand.

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use super::hash::Hash;

/// The lines of a password file. They may hold passwords that are not hashed yet, and are
/// overwritten in the end.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordLines {
    bytes: Zeroizing<Vec<u8>>,
}

/// What setting a password did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// The user was there and has another password now.
    Updated,
    /// The user is new.
    Added,
}

/// Why a file was not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// No line has a password for that name.
    #[error("there is no user {0:?} in the file")]
    UnknownUser(Box<str>),
    /// This cannot be the name of a user.
    #[error("a user name has 1 to 65535 octets, and neither `:` nor control characters")]
    Name,
    /// The name would make its line a comment.
    #[error("a user name cannot begin with #: its line would be a comment")]
    Comment,
    /// A line that is neither a comment nor empty has no name and password.
    #[error("line {0} is not `name:password`; mend it or take it out")]
    Corrupt(usize),
}

impl PasswordLines {
    /// The lines of a file.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes) }
    }

    /// What is to be written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Sets the hash of a user.
    pub fn set(&mut self, username: &str, hash: &Hash) -> Result<Edited, EditError> {
        check_name(username)?;
        let text = hash.to_text();
        let line = Zeroizing::new(format!("{username}:{}", *text));
        let mut edited = Edited::Added;
        let mut changed = self.rewrite(|_, found| {
            let is_first = found.is_some_and(|(name, _)| name == username.as_bytes())
                && edited == Edited::Added;
            if !is_first {
                return Ok(Line::Same);
            }
            edited = Edited::Updated;
            Ok::<_, EditError>(Line::Other(Zeroizing::new(line.as_bytes().to_vec())))
        })?;
        if edited == Edited::Added {
            if changed.last().is_some_and(|last| *last != b'\n') {
                extend(&mut changed, b"\n");
            }
            extend(&mut changed, line.as_bytes());
            extend(&mut changed, b"\n");
        }
        self.bytes = changed;
        Ok(edited)
    }

    /// Takes a user out.
    pub fn remove(&mut self, username: &str) -> Result<(), EditError> {
        let mut is_found = false;
        let changed = self.rewrite(|_, found| match found {
            Some((name, _)) if name == username.as_bytes() => {
                is_found = true;
                Ok(Line::Gone)
            }
            _ => Ok::<_, EditError>(Line::Same),
        })?;
        if !is_found {
            return Err(EditError::UnknownUser(Box::from(username)));
        }
        self.bytes = changed;
        Ok(())
    }

    /// Hashes what is not hashed: each password is what stands between its colon and the next. The
    /// number of passwords that were hashed.
    pub fn hash_all<E: From<EditError>>(
        &mut self,
        mut make: impl FnMut(&[u8]) -> Result<Hash, E>,
    ) -> Result<usize, E> {
        let mut count = 0;
        let changed = self.rewrite(|number, found| {
            let Some((name, password)) = found else {
                return Ok(Line::Same);
            };
            if name.is_empty() || password.is_empty() {
                return Err(E::from(EditError::Corrupt(number)));
            }
            // A user that logs in with a known hash cannot be meant: the file was hashed before.
            if str::from_utf8(password).is_ok_and(|text| Hash::parse(text).is_ok()) {
                return Ok(Line::Same);
            }
            let text = make(password)?.to_text();
            count += 1;
            Ok(Line::Other(Zeroizing::new([name, b":", text.as_bytes()].concat())))
        })?;
        self.bytes = changed;
        Ok(count)
    }

    /// The lines as `change` has them, which sees the number of each line, and name and password
    /// if it has them.
    fn rewrite<E>(
        &self,
        mut change: impl FnMut(usize, Option<(&[u8], &[u8])>) -> Result<Line, E>,
    ) -> Result<Zeroizing<Vec<u8>>, E> {
        let mut changed = Zeroizing::new(Vec::with_capacity(self.bytes.len()));
        for (number, line) in (1..).zip(self.bytes.split_inclusive(|byte| *byte == b'\n')) {
            match change(number, name_and_password(line))? {
                Line::Same => extend(&mut changed, line),
                Line::Gone => {}
                Line::Other(other) => {
                    extend(&mut changed, &other);
                    extend(&mut changed, b"\n");
                }
            }
        }
        Ok(changed)
    }
}

enum Line {
    Same,
    Gone,
    Other(Zeroizing<Vec<u8>>),
}

fn name_and_password(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if line.starts_with(b"#") {
        return None;
    }
    let mut parts = line.split(|byte| *byte == b':').map(<[u8]>::trim_ascii);
    Some((parts.next()?, parts.next()?))
}

fn check_name(name: &str) -> Result<(), EditError> {
    let is_name = (1..=usize::from(u16::MAX)).contains(&name.len())
        && !name.contains(|c: char| c == ':' || c.is_control())
        && name.trim_ascii() == name;
    if !is_name {
        return Err(EditError::Name);
    }
    if name.starts_with('#') { Err(EditError::Comment) } else { Ok(()) }
}

/// A vector that grows leaves its old memory behind: it is overwritten first.
fn extend(bytes: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    if bytes.capacity() - bytes.len() < more.len() {
        let mut larger = Vec::with_capacity(2 * (bytes.len() + more.len()));
        larger.extend_from_slice(bytes);
        bytes.zeroize();
        *bytes = Zeroizing::new(larger);
    }
    bytes.extend_from_slice(more);
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::password::{Check, PasswordFile, Scheme};

    fn hash(password: &[u8]) -> Hash {
        Hash::make(Scheme::pbkdf2(NonZeroU32::MIN), password, &[3; 12]).unwrap()
    }

    fn hash_all(lines: &mut PasswordLines) -> Result<usize, EditError> {
        lines.hash_all(|password| Ok(hash(password)))
    }

    fn text(lines: &PasswordLines) -> &str {
        str::from_utf8(lines.as_bytes()).unwrap()
    }

    #[test]
    fn user_is_added_updated_and_removed_and_the_rest_stays() {
        let mut lines = PasswordLines::new(b"# mine\r\nold\n".to_vec());
        let a = hash(b"a");
        let b = hash(b"b");
        assert_eq!(lines.set("anna", &a), Ok(Edited::Added));
        assert_eq!(lines.set("bert", &a), Ok(Edited::Added));
        assert_eq!(lines.set("anna", &b), Ok(Edited::Updated));
        let expected = format!("# mine\r\nold\nanna:{}\nbert:{}\n", *b.to_text(), *a.to_text());
        assert_eq!(text(&lines), expected);
        assert_eq!(lines.remove("anna"), Ok(()));
        assert_eq!(lines.remove("anna"), Err(EditError::UnknownUser("anna".into())));
        assert_eq!(text(&lines), format!("# mine\r\nold\nbert:{}\n", *a.to_text()));
    }

    #[test]
    fn file_without_a_last_newline_gets_a_line_of_its_own() {
        let mut lines = PasswordLines::new(b"# end".to_vec());
        lines.set("anna", &hash(b"a")).unwrap();
        assert!(text(&lines).starts_with("# end\nanna:$7$"));
    }

    #[test]
    fn plain_passwords_are_hashed_once() {
        let mut lines = PasswordLines::new(b"# plain\nanna:a\n\nbert: b \n".to_vec());
        assert_eq!(hash_all(&mut lines), Ok(2));
        assert_eq!(hash_all(&mut lines), Ok(0));
        let file = PasswordFile::parse("users", lines.as_bytes()).unwrap();
        assert!(matches!(file.check("anna", b"a"), Check::Right { .. }));
        assert!(matches!(file.check("bert", b"b"), Check::Right { .. }));
        assert!(text(&lines).starts_with("# plain\nanna:$7$"));
    }

    #[test]
    fn line_without_a_password_is_named_and_nothing_is_changed() {
        let before = PasswordLines::new(b"anna:a\nbert:\n".to_vec());
        let mut lines = before.clone();
        assert_eq!(hash_all(&mut lines), Err(EditError::Corrupt(2)));
        assert!(lines == before);
    }

    #[test]
    fn names_that_a_file_cannot_hold_are_refused() {
        let mut lines = PasswordLines::default();
        for name in ["", "a:b", "a\nb", " a", "a\u{7f}"] {
            let hash = hash(b"a");
            assert_eq!(lines.set(name, &hash), Err(EditError::Name), "{name:?}");
        }
        assert_eq!(lines.set("#a", &hash(b"a")), Err(EditError::Comment));
        assert_eq!(lines.as_bytes(), b"");
    }
}
