use std::fs;
use std::path::PathBuf;

use super::super::settings::{PostgresqlSettings, UserSettings, WithoutAnswer};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::postgresql_cluster::Cluster;
use super::*;

/// A cluster with users, and the file of its certificate.
fn cluster() -> (Cluster, tempfile::TempDir, PathBuf) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cluster = Cluster::start(&cert.pem(), &signing_key.serialize_pem());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    fs::write(&file, cert.pem()).unwrap();
    cluster.execute(&format!(
        "CREATE TABLE mqtt_user (username varchar(100), password_hash text, is_superuser bool);
         CREATE TABLE mqtt_acl (username text, permission text, action text, topic text);
         INSERT INTO mqtt_user VALUES
             ('ann', '{BCRYPT}', false), ('root', '{BCRYPT}', true), ('none', NULL, NULL);
         INSERT INTO mqtt_acl VALUES
             ('ann', 'allow', 'publish', 'up/%c'), ('ann', 'deny', 'all', '#');
         CREATE ROLE broker LOGIN PASSWORD 'of the broker';
         GRANT SELECT ON mqtt_user, mqtt_acl TO broker;"
    ));
    (cluster, directory, file)
}

fn users(postgresql: PostgresqlSettings) -> Arc<dyn Source> {
    source(&UserSettings { postgresql, ..UserSettings::default() })
}

fn near(cluster: &Cluster, cache_lifetime: u64) -> PostgresqlSettings {
    PostgresqlSettings {
        url: Some(cluster.local()),
        acl_query: Some(
            "SELECT permission, action, topic FROM mqtt_acl WHERE username = $1".to_owned(),
        ),
        asking: asking(cache_lifetime),
        ..PostgresqlSettings::default()
    }
}

#[tokio::test]
async fn users_rights_and_power_come_from_tables() {
    let (cluster, ..) = cluster();
    let users = users(near(&cluster, 10));
    let ann = admitted(check(&*users, "ann", "secret").await);
    assert_eq!(ann.username.as_deref(), Some("ann"));
    assert_eq!(may_publish(&ann, "up/lamp"), Some(true));
    assert_eq!(may_publish(&ann, "up/other"), Some(false));
    let root = admitted(check(&*users, "root", "secret").await);
    assert_eq!(may_publish(&root, "$CONTROL/x"), Some(true));
    for (name, password) in [("ann", "wrong"), ("none", "")] {
        assert!(matches!(check(&*users, name, password).await, Outcome::No), "{name}");
    }
    assert!(matches!(check(&*users, "eve", "secret").await, Outcome::NotMine));
    assert!(matches!(check(&*users, "' OR ''='", "secret").await, Outcome::NotMine));
}

#[tokio::test]
async fn over_a_network_it_is_tls_with_a_certificate_that_is_believed() {
    let (cluster, directory, certificate) = cluster();
    let password = directory.path().join("password");
    fs::write(&password, "of the broker\n").unwrap();
    let far = |cafile| PostgresqlSettings {
        url: Some(cluster.remote()),
        password_file: Some(password.clone()),
        cafile,
        ..near(&cluster, 0)
    };
    admitted(check(&*users(far(Some(certificate))), "ann", "secret").await);
    let unknown = users(far(None));
    assert!(matches!(check(&*unknown, "ann", "secret").await, Outcome::Unreachable));
    let plain = PostgresqlSettings {
        url: Some(format!("{}&sslmode=disable", cluster.remote())),
        ..far(None)
    };
    let plain = users(plain);
    assert!(matches!(check(&*plain, "ann", "secret").await, Outcome::Unreachable), "the server");
}

#[tokio::test]
async fn database_that_ends_is_away_until_it_is_back() {
    let (cluster, ..) = cluster();
    let asking_always = users(near(&cluster, 0));
    let remembering = users(near(&cluster, 600));
    let next = PostgresqlSettings {
        asking: Asking { without_answer: WithoutAnswer::Next, ..asking(0) },
        ..near(&cluster, 0)
    };
    let next = users(next);
    for users in [&asking_always, &remembering, &next] {
        admitted(check(&**users, "ann", "secret").await);
    }
    cluster.down();
    assert!(matches!(check(&*asking_always, "ann", "secret").await, Outcome::Unreachable));
    assert!(matches!(check(&*next, "ann", "secret").await, Outcome::NotMine));
    admitted(check(&*remembering, "ann", "secret").await);
    cluster.up();
    for users in [&asking_always, &remembering, &next] {
        admitted(check(&**users, "ann", "secret").await);
    }
}

#[tokio::test]
async fn query_that_takes_too_long_is_not_waited_for() {
    let (cluster, ..) = cluster();
    let query = "SELECT password_hash, is_superuser FROM mqtt_user \
                 WHERE username = $1 AND ($1 <> 'root' OR pg_sleep(60) IS NOT NULL)";
    let slow = PostgresqlSettings { query: query.to_owned(), ..near(&cluster, 0) };
    let users = users(slow);
    assert!(matches!(check(&*users, "root", "secret").await, Outcome::Unreachable));
    admitted(check(&*users, "ann", "secret").await);
}

#[test]
fn password_in_the_address_is_refused() {
    for url in ["postgresql://me:secret@host/db", "host=h password=secret", "user=me", "x"] {
        let postgresql =
            PostgresqlSettings { url: Some(url.to_owned()), ..PostgresqlSettings::default() };
        let settings = UserSettings { postgresql, ..UserSettings::default() };
        let error = refusal(&settings);
        assert!(error.to_string().starts_with("postgresql_url: "), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
