use std::path::Path;

use super::super::settings::{SqliteSettings, UserSettings};
use rusqlite::Connection;

use super::*;

fn database(file: &Path) -> Connection {
    let database = Connection::open(file).unwrap();
    database
        .execute_batch(&format!(
            "CREATE TABLE mqtt_user (username TEXT, password_hash TEXT, is_superuser INTEGER);
             CREATE TABLE mqtt_acl (username TEXT, permission TEXT, action TEXT, topic TEXT);
             INSERT INTO mqtt_user VALUES
                 ('ann', '{BCRYPT}', 0), ('root', '{BCRYPT}', 1), ('bad', 'plain', 0),
                 ('none', NULL, 0);
             INSERT INTO mqtt_acl VALUES
                 ('ann', 'allow', 'publish', 'up/%c'), ('ann', 'allow', 'subscribe', 'down/#');"
        ))
        .unwrap();
    database
}

fn settings(file: &Path, cache_lifetime: u64) -> SqliteSettings {
    SqliteSettings {
        file: Some(file.to_owned()),
        acl_query: Some(
            "SELECT permission, action, topic FROM mqtt_acl WHERE username = ?1".to_owned(),
        ),
        asking: Asking { concurrency: 1, ..asking(cache_lifetime) },
        ..SqliteSettings::default()
    }
}

fn users(sqlite: SqliteSettings) -> Arc<dyn Source> {
    source(&UserSettings { sqlite, ..UserSettings::default() })
}

#[tokio::test]
async fn users_rights_and_power_come_from_tables() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.db");
    database(&file);
    let users = users(settings(&file, 10));
    let ann = admitted(check(&*users, "ann", "secret").await);
    assert_eq!(ann.username.as_deref(), Some("ann"));
    assert_eq!(may_publish(&ann, "up/lamp"), Some(true));
    assert_eq!(may_publish(&ann, "up/other"), Some(false));
    assert_eq!(may_subscribe(&ann, "down/+"), Some(true));
    let root = admitted(check(&*users, "root", "secret").await);
    assert_eq!(may_publish(&root, "$CONTROL/x"), Some(true));
    for (name, password) in [("ann", "wrong"), ("ann", ""), ("bad", "plain"), ("none", "")] {
        assert!(matches!(check(&*users, name, password).await, Outcome::No), "{name} {password}");
    }
    assert!(matches!(users.check(&login(Some("ann"), None, "")).await, Outcome::No));
    assert!(matches!(check(&*users, "eve", "secret").await, Outcome::NotMine));
    assert!(matches!(check(&*users, "' OR 1=1 --", "secret").await, Outcome::NotMine));
    let nobody = users.check(&login(None, Some(b"secret"), "lamp")).await;
    assert!(matches!(nobody, Outcome::NotMine));
}

#[tokio::test]
async fn what_is_known_is_remembered_for_a_while() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.db");
    let database = database(&file);
    let remembering = users(settings(&file, 600));
    let asking = users(settings(&file, 0));
    for users in [&remembering, &asking] {
        admitted(check(&**users, "ann", "secret").await);
    }
    database.execute("DELETE FROM mqtt_user", ()).unwrap();
    admitted(check(&*remembering, "ann", "secret").await);
    assert!(matches!(check(&*remembering, "ann", "wrong").await, Outcome::No));
    assert!(matches!(check(&*asking, "ann", "secret").await, Outcome::NotMine));
}

#[tokio::test]
async fn file_that_is_not_there_is_away_until_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.db");
    let users = users(settings(&file, 0));
    assert!(matches!(check(&*users, "ann", "secret").await, Outcome::Unreachable));
    assert!(!file.exists(), "nobody makes a database");
    database(&file);
    admitted(check(&*users, "ann", "secret").await);
}

#[tokio::test]
async fn query_without_end_is_ended_and_the_next_one_is_answered() {
    const FOREVER: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
                           SELECT password_hash FROM mqtt_user, n \
                           WHERE username = ?1 AND (?1 = 'ann' OR x < 0)";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.db");
    database(&file);
    let query = FOREVER.to_owned();
    let users = users(SqliteSettings { query, acl_query: None, ..settings(&file, 0) });
    assert!(matches!(check(&*users, "root", "secret").await, Outcome::Unreachable));
    admitted(check(&*users, "ann", "secret").await);
}
