//! A password file as a source of users.

use std::sync::Arc;

use ferrymq_access::password::{Check, PasswordFile};
use ferrymq_broker::{Asker, Principal};

use super::login::Login;
use super::source::{Checking, Outcome, Source};

/// The users of a password file.
#[derive(Debug)]
pub(super) struct PasswordFileSource(Arc<PasswordFile>);

impl PasswordFileSource {
    pub(super) fn new(file: PasswordFile) -> Self {
        Self(Arc::new(file))
    }
}

impl Source for PasswordFileSource {
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a> {
        Box::pin(async move {
            let Some(username) = login.username.clone() else {
                return Outcome::NotMine;
            };
            // Whether there is such a user is not told by the time that this takes.
            let Some(password) = login.password.clone() else {
                return Outcome::NotMine;
            };
            let (file, name) = (Arc::clone(&self.0), username.clone());
            match login.compute(move || file.check(&name, &password)).await {
                Ok(Check::Right { stamp }) => {
                    let username = Some(username);
                    Outcome::Yes(Principal { username, stamp, ..Principal::default() })
                }
                Ok(Check::WrongPassword) => Outcome::No,
                Ok(Check::UnknownUser) => Outcome::NotMine,
                Err(_) => Outcome::Busy,
            }
        })
    }

    fn grants_rights(&self) -> bool {
        false
    }

    fn still_stands(&self, asker: &Asker<'_>) -> bool {
        let stamp = asker.username.and_then(|username| self.0.stamp(username));
        stamp.is_some_and(|stamp| asker.principal.is_some_and(|it| it.stamp == stamp))
    }
}
