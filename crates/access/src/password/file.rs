//! The file that says which users there are: a line `name:hash` for each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hint::black_box;
use std::ops::ControlFlow;

use super::hash::Hash;
use crate::mistake::{Mistake, Mistakes};
use crate::scram::StoredKeys;

/// The users of a password file.
#[derive(Clone, Debug, Default)]
pub struct PasswordFile {
    users: HashMap<Box<str>, Hash>,
    /// Costs what the hashes of this file usually cost. None if there is no user.
    decoy: Option<Hash>,
}

/// What a password file says about a name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// They belong together.
    Right {
        /// The [`Hash::stamp`] of what was checked.
        stamp: u64,
    },
    /// The user has another password.
    WrongPassword,
    /// There is no such user.
    UnknownUser,
}

impl PasswordFile {
    /// Reads a file. The name is for the mistakes; hashes are not verified here, so that many users
    /// cost little.
    ///
    /// As with Mosquitto, a line that begins with `#` is a comment, and one without `:` is nothing.
    ///
    /// # Errors
    ///
    /// All mistakes; of a file with very many the first.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Vec<Mistake>> {
        let mut lines: HashMap<Box<str>, usize> = HashMap::new();
        let mut users = HashMap::new();
        let mut mistakes = Mistakes::of(name);
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let (user, hash) = match parse_line(line) {
                Ok(Some(user)) => user,
                Ok(None) => continue,
                Err(words) => match mistakes.note(number, words) {
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(()) => break,
                },
            };
            match lines.entry(user) {
                Entry::Occupied(first) => {
                    let (user, first) = (first.key(), first.get());
                    let words = format!(
                        "the user {user:?} is in line {first} already; one of the two must go"
                    );
                    if mistakes.note(number, words).is_break() {
                        break;
                    }
                }
                Entry::Vacant(vacant) => {
                    users.insert(vacant.key().clone(), hash);
                    vacant.insert(number);
                }
            }
        }
        let users = mistakes.or(users)?;
        let decoy = usual(&users).map(Hash::decoy);
        Ok(Self { users, decoy })
    }

    /// Whether name and password belong together. It takes the time that the user's hash asks for;
    /// a user that does not exist takes what is usual in this file.
    pub fn check(&self, username: &str, password: &[u8]) -> Check {
        match self.users.get(username) {
            Some(hash) if hash.verify(password) => Check::Right { stamp: hash.stamp() },
            Some(_) => Check::WrongPassword,
            None => {
                if let Some(decoy) = &self.decoy {
                    black_box(decoy.verify(password));
                }
                Check::UnknownUser
            }
        }
    }

    /// The [`Hash::stamp`] of a user, if there is one: what [`Check::Right`] would say now.
    pub fn stamp(&self, username: &str) -> Option<u64> {
        self.users.get(username).map(Hash::stamp)
    }

    /// The keys for SCRAM-SHA-256 of a user that has such.
    pub fn scram_keys(&self, username: &str) -> Option<StoredKeys> {
        self.users.get(username)?.scram_keys()
    }

    /// Keys for SCRAM-SHA-256 of any user that has such: decoys are made like them.
    pub fn any_scram_keys(&self) -> Option<StoredKeys> {
        self.users.values().find_map(Hash::scram_keys)
    }

    /// The names of the users, in no order.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &str> {
        self.users.keys().map(AsRef::as_ref)
    }
}

/// The longest password file that should be read: room for about half a million users. This is for
/// whoever reads it; [`PasswordFile::parse`] takes what it is given.
pub const MAXIMUM_FILE_BYTES: u64 = 128 << 20;

/// A name and its hash, nothing, or what is wrong.
fn parse_line(line: &[u8]) -> Result<Option<(Box<str>, Hash)>, String> {
    if line.starts_with(b"#") || !line.contains(&b':') {
        return Ok(None);
    }
    let line = str::from_utf8(line)
        .map_err(|_| "the line is not UTF-8, as a user name of MQTT must be".to_owned())?;
    let mut parts = line.split(':').map(str::trim_ascii);
    let user = parts.next().unwrap_or_default();
    if user.is_empty() {
        return Err("there is no user name in front of the colon".into());
    }
    if user.len() > MAX_NAME_LENGTH {
        return Err(format!("the user name is longer than {MAX_NAME_LENGTH} octets"));
    }
    let hash = Hash::parse(parts.next().unwrap_or_default())
        .map_err(|error| format!("the user {user:?}: {error}"))?;
    Ok(Some((Box::from(user), hash)))
}

/// The hash whose cost most users have.
fn usual(users: &HashMap<Box<str>, Hash>) -> Option<&Hash> {
    let mut costs: HashMap<[u32; 4], (usize, &Hash)> = HashMap::new();
    for hash in users.values() {
        costs.entry(hash.cost()).or_insert((0, hash)).0 += 1;
    }
    // The costs decide between equals, so that it is the same at every start.
    let most = costs.into_iter().max_by_key(|(cost, (count, _))| (*count, *cost))?;
    Some(most.1.1)
}

/// What a string of MQTT can hold.
const MAX_NAME_LENGTH: usize = 65_535;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::password::hash::Scheme;

    fn line(user: &str, password: &str, iterations: u32) -> String {
        let scheme = Scheme::pbkdf2(NonZeroU32::new(iterations).unwrap());
        let hash = Hash::make(scheme, password.as_bytes(), &[9; 12]).unwrap();
        format!("{user}:{}\n", *hash.to_text())
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = PasswordFile::parse("users", text.as_bytes()).unwrap_err();
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn name_and_password_must_belong_together() {
        let text = format!("# users\n\n{}{}nothing\n", line("anna", "a", 2), line("bert", "b", 2));
        let file = PasswordFile::parse("users", text.replace('\n', "\r\n").as_bytes()).unwrap();
        assert_eq!(file.users().len(), 2);
        let stamp = file.stamp("anna").unwrap();
        assert_eq!(file.check("anna", b"a"), Check::Right { stamp });
        assert_eq!(file.check("anna", b"b"), Check::WrongPassword);
        assert_eq!(file.check("Anna", b"a"), Check::UnknownUser);
        assert_eq!(file.check("", b""), Check::UnknownUser);
        assert_eq!(file.stamp("carl"), None);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let good = line("anna", "a", 2);
        let text = format!("{good}anna:$6$x\n:x\nbert:plain\n{good}carl:\n");
        assert_eq!(
            mistakes(&text),
            [
                "users:2: the user \"anna\": the hash is not complete; set the password again with \
                 `ferrymq passwd`",
                "users:3: there is no user name in front of the colon",
                "users:4: the user \"bert\": the password is not hashed; `ferrymq passwd -U FILE` \
                 hashes all passwords of a file",
                "users:5: the user \"anna\" is in line 1 already; one of the two must go",
                "users:6: the user \"carl\": the password is not hashed; `ferrymq passwd -U FILE` \
                 hashes all passwords of a file",
            ]
        );
    }

    #[test]
    fn unknown_user_costs_what_most_users_cost() {
        let text = [line("a", "", 5), line("b", "", 7), line("c", "", 5)].concat();
        let file = PasswordFile::parse("users", text.as_bytes()).unwrap();
        assert_eq!(file.decoy.unwrap().cost(), [7, 5, 0, 0]);
        assert_eq!(PasswordFile::parse("users", b"").unwrap().decoy, None);
    }
}
