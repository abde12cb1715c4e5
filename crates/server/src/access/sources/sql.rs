//! Users in a database, whichever it is.

use std::fmt;
use std::future::Future;
use std::hash::{Hash as _, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ferrymq_access::password::Hash;
use ferrymq_access::{Grant, Grants, Who};
use ferrymq_broker::{Asker, Principal};
use siphasher::sip::SipHasher13;
use tokio::time::Instant;

use super::guard::{Guard, Trouble};
use super::remembered::Remembered;
use super::rights::Granted;
use super::settings::Asking;
use crate::access::login::Login;
use crate::access::source::{Checking, Outcome, Source};

/// A database that can be asked for a user.
pub(super) trait Database: fmt::Debug + Send + Sync + 'static {
    /// What is known of a user, if it is there.
    fn find<'a>(&'a self, username: &'a str, client_id: &'a str) -> Finding<'a>;

    /// Whether it is asked for rights.
    fn knows_rights(&self) -> bool;
}

/// A [`Database::find`] that is under way.
pub(super) type Finding<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Row>, Trouble>> + Send + 'a>>;

/// What a database says of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The text of the hash of the password; none: nobody can log in as this user.
    pub(super) hash: Option<String>,
    /// Whether the user may do everything.
    pub(super) is_superuser: bool,
    /// Permission, action and filter of each rule; none: nobody asks for them.
    pub(super) rules: Option<Vec<[String; 3]>>,
}

/// Users in a database.
#[derive(Debug)]
pub(super) struct Users<D> {
    database: D,
    /// What it is called in the log.
    name: &'static str,
    guard: Guard,
    known: Mutex<Known>,
    /// Whether it was said that there are hashes or rules that cannot be read.
    is_told: AtomicBool,
    stamp: u64,
}

#[derive(Debug)]
struct Known {
    /// By user name and client identifier.
    users: Remembered<(Box<str>, Box<str>), Arc<User>>,
    /// A hash like those that are there: users that are not there cost as much.
    decoy: Option<Arc<Hash>>,
}

/// A user, understood.
#[derive(Debug)]
struct User {
    hash: Arc<Hash>,
    is_superuser: bool,
    rules: Option<Vec<Grant>>,
}

impl<D: Database> Users<D> {
    /// The users of a database. `identity` is another one if others might be meant by the same
    /// names.
    pub(super) fn new(
        name: &'static str,
        database: D,
        asking: &Asking,
        identity: &impl std::hash::Hash,
    ) -> Self {
        let mut hasher = SipHasher13::new();
        (name, identity).hash(&mut hasher);
        let users = Remembered::new(asking.cache_lifetime, asking.cache_entries);
        Self {
            database,
            name,
            guard: Guard::new(name, asking),
            known: Mutex::new(Known { users, decoy: None }),
            is_told: AtomicBool::new(false),
            stamp: hasher.finish(),
        }
    }

    async fn outcome(&self, login: &Login) -> Outcome {
        let Some(username) = login.username.as_deref() else {
            return Outcome::NotMine;
        };
        let user = match self.user(username, &login.client_id).await {
            Ok(user) => user,
            Err(outcome) => return outcome,
        };
        let decoy = self.decoy(user.as_deref());
        let hash = user.as_ref().map(|user| Arc::clone(&user.hash)).or(decoy);
        let password = login.password.clone();
        let is_right = match (hash, password) {
            (Some(hash), Some(password)) => {
                match login.compute(move || hash.verify(&password)).await {
                    Ok(is_right) => is_right,
                    Err(_) => return Outcome::Busy,
                }
            }
            _ => false,
        };
        match user {
            None => Outcome::NotMine,
            Some(user) if is_right => self.principal(&user, username, &login.client_id),
            Some(_) => Outcome::No,
        }
    }

    /// What is known of a user; `None`: it is not there.
    async fn user(&self, username: &str, client_id: &str) -> Result<Option<Arc<User>>, Outcome> {
        let key = (Box::from(username), Box::from(client_id));
        let remembered = self.known().users.get(&key, Instant::now());
        if remembered.is_some() {
            return Ok(remembered);
        }
        let row = self.guard.ask(self.database.find(username, client_id)).await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let user = Arc::new(self.understood(row)?);
        self.known().users.put(key, Arc::clone(&user), Instant::now());
        Ok(Some(user))
    }

    fn understood(&self, row: Row) -> Result<User, Outcome> {
        let hash = row.hash.ok_or(Outcome::No)?;
        let hash = Hash::parse(hash.trim()).map_err(|error| self.mistake(&error))?;
        let rules = row.rules.map(|rules| {
            let rules = rules
                .iter()
                .map(|[permission, action, filter]| Grant::new(permission, action, filter));
            rules.collect::<Result<_, _>>()
        });
        let rules = rules.transpose().map_err(|error| self.mistake(&error))?;
        Ok(User { hash: Arc::new(hash), is_superuser: row.is_superuser, rules })
    }

    /// Says once that the database holds what cannot be used: it may be so for all users.
    fn mistake(&self, error: &dyn fmt::Display) -> Outcome {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("{}: a user cannot be let in: {error}", self.name);
        }
        Outcome::No
    }

    /// A hash that costs as much as that of a user that is there.
    fn decoy(&self, user: Option<&User>) -> Option<Arc<Hash>> {
        let mut known = self.known();
        if let (None, Some(user)) = (&known.decoy, user) {
            known.decoy = Some(Arc::new(user.hash.decoy()));
        }
        known.decoy.clone()
    }

    fn principal(&self, user: &User, username: &str, client_id: &str) -> Outcome {
        let rights = match (user.is_superuser, &user.rules) {
            (true, _) => Some(Granted::Everything),
            (false, None) => None,
            (false, Some(rules)) => {
                let who = Who { username: Some(username), client_id };
                match Grants::new(rules.clone(), who) {
                    Ok(grants) => Some(Granted::Rules(grants)),
                    Err(error) => return self.mistake(&error),
                }
            }
        };
        Outcome::Yes(Principal {
            username: Some(Box::from(username)),
            rights: rights.map(Granted::shared),
            expires: None,
            stamp: self.stamp,
        })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Database> Source for Users<D> {
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a> {
        Box::pin(self.outcome(login))
    }

    fn grants_rights(&self) -> bool {
        self.database.knows_rights()
    }

    fn still_stands(&self, asker: &Asker<'_>) -> bool {
        asker.principal.is_some_and(|principal| principal.stamp == self.stamp)
    }
}
