//! Users in a PostgreSQL database.

use std::error::Error as _;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use ferrymq_transport::tls::{ClientOptions, ClientSettings};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::row::Row as PostgresqlRow;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::SourceError;
use super::files;
use super::guard::Trouble;
use super::settings::PostgresqlSettings;
use super::sql::{Database, Finding, Row};

/// Connections to a database, as many as there are questions at a time.
pub(super) struct Postgresql {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    query: String,
    acl_query: Option<String>,
    idle: Mutex<Vec<Connected>>,
}

/// A connection on which the questions are prepared.
struct Connected {
    client: Client,
    user: Statement,
    rules: Option<Statement>,
}

impl Postgresql {
    /// What is to be asked where; `None`: nothing. Nobody is connected yet.
    pub(super) fn new(settings: &PostgresqlSettings) -> Result<Option<Self>, SourceError> {
        let Some(url) = &settings.url else {
            return Ok(None);
        };
        let wrong = |words: String| SourceError::Value { option: URL, words: words.into() };
        let mut config = Config::from_str(url).map_err(|error| wrong(chain(&error)))?;
        if config.get_password().is_some() {
            let words = "a password does not belong here, where many can read it; write it into a \
                         file, and that into postgresql_password_file";
            return Err(wrong(words.to_owned()));
        }
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host".to_owned()));
        }
        if let Some(path) = &settings.password_file {
            config.password(files::read_text(path)?.as_bytes());
        }
        config.application_name("ferrymq").connect_timeout(settings.asking.timeout);
        let tls = tls(&mut config, settings)?;
        let (query, acl_query) = (settings.query.clone(), settings.acl_query.clone());
        Ok(Some(Self { config, tls, query, acl_query, idle: Mutex::default() }))
    }

    async fn ask(&self, username: &str, client_id: &str) -> Result<Option<Row>, Trouble> {
        // A connection may have gone without anybody having noticed.
        if let Some(connected) = self.take() {
            match connected.ask(username, client_id).await {
                Err(error) if error.is_closed() => {}
                answer => return self.answered(connected, answer),
            }
        }
        let connected = self.connect().await.map_err(|error| Trouble::new(chain(&error)))?;
        let answer = connected.ask(username, client_id).await;
        self.answered(connected, answer)
    }

    fn take(&self) -> Option<Connected> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connected| !connected.client.is_closed());
        idle.pop()
    }

    fn answered(
        &self,
        connected: Connected,
        answer: Result<Option<Row>, Error>,
    ) -> Result<Option<Row>, Trouble> {
        if !connected.client.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connected);
        }
        answer.map_err(|error| Trouble::new(chain(&error)))
    }

    async fn connect(&self) -> Result<Connected, Error> {
        let client = if let Some(tls) = self.tls.clone() {
            let (client, connection) = self.config.connect(tls).await?;
            tokio::spawn(async move { note(connection.await) });
            client
        } else {
            let (client, connection) = self.config.connect(NoTls).await?;
            tokio::spawn(async move { note(connection.await) });
            client
        };
        let user = prepare(&client, &self.query).await?;
        let rules = match &self.acl_query {
            Some(query) => Some(prepare(&client, query).await?),
            None => None,
        };
        Ok(Connected { client, user, rules })
    }
}

impl Database for Postgresql {
    fn find<'a>(&'a self, username: &'a str, client_id: &'a str) -> Finding<'a> {
        Box::pin(self.ask(username, client_id))
    }

    fn knows_rights(&self) -> bool {
        self.acl_query.is_some()
    }
}

impl fmt::Debug for Postgresql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgresql").field("query", &self.query).finish_non_exhaustive()
    }
}

impl Connected {
    async fn ask(&self, username: &str, client_id: &str) -> Result<Option<Row>, Error> {
        let both: [&(dyn ToSql + Sync); 2] = [&username, &client_id];
        let of = |statement: &Statement| both.get(..statement.params().len()).unwrap_or_default();
        let Some(row) = self.client.query_opt(&self.user, of(&self.user)).await? else {
            return Ok(None);
        };
        let rules = match &self.rules {
            None => None,
            Some(statement) => {
                let rows = self.client.query(statement, of(statement)).await?;
                Some(rows.iter().map(rule).collect::<Result<Vec<_>, _>>()?)
            }
        };
        Ok(Some(Row { hash: row.try_get(0)?, is_superuser: is_true(&row, 1)?, rules }))
    }
}

async fn prepare(client: &Client, query: &str) -> Result<Statement, Error> {
    // As text, whatever type the database would guess: `$1` is the user name, `$2` the client
    // identifier.
    let types = [Type::TEXT, Type::TEXT];
    let count = if query.contains("$2") { 2 } else { 1 };
    client.prepare_typed(query, types.get(..count).unwrap_or_default()).await
}

fn rule(row: &PostgresqlRow) -> Result<[String; 3], Error> {
    Ok([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?])
}

/// Whether a column says yes, if there is one.
fn is_true(row: &PostgresqlRow, index: usize) -> Result<bool, Error> {
    let Some(column) = row.columns().get(index) else {
        return Ok(false);
    };
    Ok(match *column.type_() {
        Type::INT2 => row.try_get::<_, Option<i16>>(index)?.is_some_and(|number| number != 0),
        Type::INT4 => row.try_get::<_, Option<i32>>(index)?.is_some_and(|number| number != 0),
        Type::INT8 => row.try_get::<_, Option<i64>>(index)?.is_some_and(|number| number != 0),
        _ => row.try_get::<_, Option<bool>>(index)?.unwrap_or(false),
    })
}

/// How the connection is protected: over a network by TLS, unless the address says that it is not.
fn tls(
    config: &mut Config,
    settings: &PostgresqlSettings,
) -> Result<Option<MakeRustlsConnect>, SourceError> {
    let is_near = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
    if is_near || config.get_ssl_mode() == SslMode::Disable {
        config.ssl_mode(SslMode::Disable);
        return Ok(None);
    }
    config.ssl_mode(SslMode::Require);
    let options = ClientOptions { ca_file: settings.cafile.clone(), ..ClientOptions::default() };
    let loaded = ClientSettings::load(&options)
        .map_err(|source| SourceError::Tls { option: "postgresql_cafile", source })?;
    Ok(Some(MakeRustlsConnect::new(loaded.rustls().as_ref().clone())))
}

fn note(end: Result<(), Error>) {
    if let Err(error) = end {
        tracing::debug!("a connection to PostgreSQL has ended: {}", chain(&error));
    }
}

/// An error with its causes: the words of the database are behind the first.
fn chain(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

const URL: &str = "postgresql_url";
