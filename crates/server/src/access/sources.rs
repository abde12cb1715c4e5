//! Users that are known elsewhere than in Mosquitto's files: tokens, services, databases.

mod error;
mod files;
mod guard;
mod http;
mod http_answer;
mod jwt;
mod postgresql;
mod remembered;
mod rights;
mod scram;
mod settings;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use super::source::Source;

pub use error::SourceError;
pub(super) use scram::ScramExchange;
pub use settings::{
    Asking, HttpFormat, HttpSettings, JwtSettings, PostgresqlSettings, SqliteSettings,
    UserSettings, WithoutAnswer,
};

impl UserSettings {
    /// The sources, in the order in which they are asked. Whoever is asked over a network is not
    /// asked yet.
    ///
    /// # Errors
    ///
    /// What cannot be used.
    pub fn sources(&self) -> Result<Vec<Arc<dyn Source>>, SourceError> {
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        if let Some(tokens) = jwt::Jwt::new(&self.jwt)? {
            sources.push(Arc::new(tokens));
        }
        if let Some(service) = http::HttpService::new(&self.http)? {
            sources.push(Arc::new(service));
        }
        if let Some(database) = postgresql::Postgresql::new(&self.postgresql)? {
            let asking = &self.postgresql.asking;
            let identity = (&self.postgresql.url, &self.postgresql.query);
            let users = sql::Users::new("PostgreSQL", database, asking, &identity);
            sources.push(Arc::new(users));
        }
        if let Some(database) = sqlite::Sqlite::new(&self.sqlite)? {
            let asking = &self.sqlite.asking;
            let identity = (&self.sqlite.file, &self.sqlite.query);
            let users = sql::Users::new("SQLite", database, asking, &identity);
            sources.push(Arc::new(users));
        }
        Ok(sources)
    }

    /// The files that were read: if one changes, the sources are to be made anew.
    pub fn files(&self) -> Vec<PathBuf> {
        let tls = [&self.http.cafile, &self.http.certfile, &self.http.keyfile];
        let others =
            [&self.jwt.secret_file, &self.http.header_file, &self.postgresql.password_file];
        let files = tls.into_iter().chain(others).chain([&self.postgresql.cafile]);
        files.flatten().chain(&self.jwt.key_files).cloned().collect()
    }

    /// Whether there is any.
    pub fn is_any(&self) -> bool {
        let jwt = !self.jwt.key_files.is_empty() || self.jwt.secret_file.is_some();
        jwt || self.http.url.is_some()
            || self.postgresql.url.is_some()
            || self.sqlite.file.is_some()
    }
}
