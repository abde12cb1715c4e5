//! Users in an SQLite database. It is asked on a thread of its own, because a disk may be slow.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, InterruptHandle, OpenFlags, Row as SqliteRow, Rows, Statement};
use tokio::sync::oneshot;

use super::error::SourceError;
use super::guard::Trouble;
use super::settings::SqliteSettings;
use super::sql::{Database, Finding, Row};

/// A database in a file.
pub(super) struct Sqlite {
    questions: Sender<Question>,
    interrupt: Arc<Mutex<Option<InterruptHandle>>>,
    knows_rights: bool,
}

struct Question {
    username: Box<str>,
    client_id: Box<str>,
    answer: oneshot::Sender<Result<Option<Row>, Trouble>>,
}

/// What the thread has.
struct Reader {
    file: PathBuf,
    query: String,
    acl_query: Option<String>,
    timeout: Duration,
    interrupt: Arc<Mutex<Option<InterruptHandle>>>,
}

/// Ends what the database computes for somebody who does not wait any more.
struct Patience<'a> {
    interrupt: &'a Mutex<Option<InterruptHandle>>,
    is_answered: bool,
}

impl Sqlite {
    /// What is to be asked where; `None`: nothing.
    pub(super) fn new(settings: &SqliteSettings) -> Result<Option<Self>, SourceError> {
        let Some(file) = settings.file.clone() else {
            return Ok(None);
        };
        let interrupt = Arc::new(Mutex::new(None));
        let reader = Reader {
            file,
            query: settings.query.clone(),
            acl_query: settings.acl_query.clone(),
            timeout: settings.asking.timeout,
            interrupt: Arc::clone(&interrupt),
        };
        let (questions, asked) = channel();
        thread::Builder::new()
            .name("sqlite".to_owned())
            .spawn(move || reader.answer(&asked))
            .map_err(|source| SourceError::Thread { option: "sqlite_file", source })?;
        Ok(Some(Self { questions, interrupt, knows_rights: settings.acl_query.is_some() }))
    }

    async fn ask(&self, username: &str, client_id: &str) -> Result<Option<Row>, Trouble> {
        let ended = || Trouble::new("the thread that reads it has ended");
        let (answer, answered) = oneshot::channel();
        let question =
            Question { username: Box::from(username), client_id: Box::from(client_id), answer };
        self.questions.send(question).map_err(|_| ended())?;
        let mut patience = Patience { interrupt: &self.interrupt, is_answered: false };
        let answer = answered.await;
        patience.is_answered = true;
        answer.map_err(|_| ended())?
    }
}

impl Database for Sqlite {
    fn find<'a>(&'a self, username: &'a str, client_id: &'a str) -> Finding<'a> {
        Box::pin(self.ask(username, client_id))
    }

    fn knows_rights(&self) -> bool {
        self.knows_rights
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        let interrupt = self.interrupt.lock().unwrap_or_else(PoisonError::into_inner);
        if let (false, Some(interrupt)) = (self.is_answered, &*interrupt) {
            interrupt.interrupt();
        }
    }
}

impl Reader {
    /// Answers until nobody can ask any more.
    fn answer(&self, questions: &Receiver<Question>) {
        let mut connection = None;
        while let Ok(Question { username, client_id, answer }) = questions.recv() {
            if answer.is_closed() {
                continue;
            }
            let row = self.find(&mut connection, &username, &client_id);
            if row.is_err() {
                // The file may be another one by now.
                connection = None;
            }
            // Nobody may wait any more.
            let _ = answer.send(row.map_err(|error| Trouble::new(error.to_string())));
        }
    }

    fn find(
        &self,
        connection: &mut Option<Connection>,
        username: &str,
        client_id: &str,
    ) -> Result<Option<Row>, Error> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(self.open(&self.file)?),
        };
        let mut statement = connection.prepare_cached(&self.query)?;
        let Some((hash, is_superuser)) = first(&mut bound(&mut statement, username, client_id)?)?
        else {
            return Ok(None);
        };
        let rules = match &self.acl_query {
            None => None,
            Some(query) => {
                let mut statement = connection.prepare_cached(query)?;
                Some(rules(&mut bound(&mut statement, username, client_id)?)?)
            }
        };
        Ok(Some(Row { hash, is_superuser, rules }))
    }

    fn open(&self, file: &Path) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(self.timeout)?;
        let handle = connection.get_interrupt_handle();
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(connection)
    }
}

/// The rows of a query: `?1` is the user name, `?2` the client identifier.
fn bound<'a>(
    statement: &'a mut Statement<'_>,
    username: &str,
    client_id: &str,
) -> Result<Rows<'a>, Error> {
    for (index, value) in (1..=statement.parameter_count()).zip([username, client_id]) {
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(statement.raw_query())
}

/// Hash and power of the first row, if there is one.
fn first(rows: &mut Rows<'_>) -> Result<Option<(Option<String>, bool)>, Error> {
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((row.get(0)?, is_true(row))))
}

fn is_true(row: &SqliteRow<'_>) -> bool {
    match row.get_ref(1) {
        Ok(ValueRef::Integer(number)) => number != 0,
        _ => false,
    }
}

fn rules(rows: &mut Rows<'_>) -> Result<Vec<[String; 3]>, Error> {
    let mut rules = Vec::new();
    while let Some(row) = rows.next()? {
        rules.push([row.get(0)?, row.get(1)?, row.get(2)?]);
    }
    Ok(rules)
}
