//! `ferrymq cert` as its users meet it: files, words, and peers that believe each other.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ferrymq_transport::Layer;
use ferrymq_transport::tls::{
    ClientLayer, ClientOptions, ClientSettings, ServerLayer, ServerOptions, ServerSettings,
};
use tempfile::TempDir;

fn cert(directory: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ferrymq"))
        .current_dir(directory)
        .arg("cert")
        .args(words)
        .output()
        .expect("the binary runs")
}

fn succeed(directory: &Path, words: &[&str]) -> String {
    let output = cert(directory, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{words:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn fail(directory: &Path, words: &[&str]) -> String {
    let output = cert(directory, words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// A directory with an authority, a broker's certificate for `localhost` and one for `meter`.
fn made() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory for the test");
    succeed(directory.path(), &["ca", "--out", "own"]);
    succeed(directory.path(), &["server", "--ca", "own", "localhost", "127.0.0.1", "::1"]);
    succeed(directory.path(), &["client", "--ca", "own", "meter"]);
    directory
}

#[test]
fn broker_and_client_believe_each_other() {
    let made = made();
    let path = |name: &str| made.path().join("own").join(name);
    let server = ServerSettings::load(&ServerOptions {
        certificate: path("server.crt"),
        key: path("server.key"),
        ca_file: Some(path("ca.crt")),
        require_certificate: true,
        ..ServerOptions::default()
    })
    .expect("a listener can have these");
    assert!(server.warnings().is_empty(), "{:?}", server.warnings());
    let client = ClientSettings::load(&ClientOptions {
        ca_file: Some(path("ca.crt")),
        certificate: Some(path("meter.crt")),
        key: Some(path("meter.key")),
        ..ClientOptions::default()
    })
    .expect("a client can have these");
    for host in ["localhost", "127.0.0.1", "::1"] {
        let (mut up, mut down, mut above) = (Vec::new(), Vec::new(), Vec::new());
        let mut client = ClientLayer::new(&client, host, &mut up).expect("a host");
        let mut server = ServerLayer::new(&server).expect("a connection");
        while !up.is_empty() {
            server.receive(&up, &mut above, &mut down).expect("the broker believes the client");
            up.clear();
            client.receive(&down, &mut above, &mut up).expect("the client believes the broker");
            down.clear();
        }
        let peer = server.peer_certificate().expect("the handshake is over");
        assert_eq!(peer.common_name.as_deref(), Some("meter"));
    }
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let made = made();
    let mode = |name: &str| {
        let metadata = fs::metadata(made.path().join("own").join(name)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    for name in ["ca", "server", "meter"] {
        assert_eq!(mode(&format!("{name}.key")), 0o600, "{name}");
        assert_eq!(mode(&format!("{name}.crt")) & 0o444, 0o444, "{name}");
    }
    let key = made.path().join("own/server.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("it is ours");
    succeed(made.path(), &["server", "--ca", "own", "--force", "localhost"]);
    assert_eq!(mode("server.key"), 0o600);
}

#[test]
fn nothing_is_replaced_unasked() {
    let made = made();
    let read = |name: &str| fs::read(made.path().join("own").join(name)).expect("it is there");
    let before = read("ca.key");
    for words in [
        &["ca", "--out", "own"][..],
        &["server", "--ca", "own", "localhost"],
        &["client", "--ca", "own", "meter"],
    ] {
        let errors = fail(made.path(), words);
        assert!(errors.contains("--force"), "{errors}");
    }
    assert_eq!(read("ca.key"), before);
    succeed(made.path(), &["ca", "--out", "own", "--force"]);
    assert_ne!(read("ca.key"), before);
}

#[test]
fn words_say_what_goes_where() {
    let made = made();
    let words = succeed(made.path(), &["server", "--ca", "own", "--force", "broker.example.org"]);
    let file = |name: &str| {
        let path = made.path().canonicalize().expect("it is there").join("own").join(name);
        path.display().to_string()
    };
    for expected in [
        format!("  certfile {}\n", file("server.crt")),
        format!("  keyfile {}\n", file("server.key")),
        format!("mosquitto_sub -h broker.example.org -p 8883 --cafile {}", file("ca.crt")),
        "mqtts://broker.example.org:8883".into(),
    ] {
        assert!(words.contains(&expected), "{expected}\n{words}");
    }
    let words = succeed(made.path(), &["client", "--ca", "own", "gauge"]);
    for expected in ["require_certificate true\n", "use_identity_as_username true\n", "--cert"] {
        assert!(words.contains(expected), "{expected}\n{words}");
    }
}

#[test]
fn mistakes_are_explained() {
    let made = made();
    let nothing = fail(made.path(), &["server", "localhost"]);
    assert!(nothing.contains("ferrymq cert ca --out"), "{nothing}");
    let own = made.path().join("own");
    fs::copy(own.join("meter.key"), own.join("ca.key")).expect("they can be mixed up");
    let mixed = fail(made.path(), &["client", "--ca", "own", "other"]);
    assert!(mixed.contains("do not match") && mixed.contains("ca.key"), "{mixed}");
    for (name, expected) in [("../ca", "slashes"), ("ca", "`ca`"), ("a\nb", "control character")] {
        let errors = fail(made.path(), &["client", "--ca", "own", name]);
        assert!(errors.contains(expected), "{errors}");
    }
    let url = fail(made.path(), &["server", "--ca", "own", "mqtts://localhost"]);
    assert!(url.contains("without scheme"), "{url}");
}
