//! `ferrymq store` as its users meet it: exit status, standard output, the words on standard error.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Written by Mosquitto 2.0.11.
fn mosquitto_db() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/fixtures/mosquitto_v6.db")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory for the test")
}

/// Runs `ferrymq store` with small files.
fn store(data: &Path, words: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferrymq"))
        .arg("store")
        .args(words)
        .args(["--segment-bytes", "65536", "--data"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Whoever finds an error early does not read to the end.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("the binary ends")
}

fn succeed(data: &Path, words: &[&str], input: &[u8]) -> String {
    let output = store(data, words, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn fail(data: &Path, words: &[&str], input: &[u8]) -> String {
    let output = store(data, words, input);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn mosquitto_db_moves_here_and_on_to_another_directory() {
    let (one, other) = (directory(), directory());
    let file = mosquitto_db();
    let file = file.to_str().expect("UTF-8");
    let would_be = succeed(one.path(), &["import", "--check", file], b"");
    assert!(would_be.starts_with("can be imported: 5 sessions"), "{would_be}");
    let imported = store(one.path(), &["import", file], b"");
    assert!(imported.status.success());
    let words = String::from_utf8_lossy(&imported.stderr);
    assert!(words.contains("left out: 3 messages"), "{words}");
    let exported = succeed(one.path(), &["export"], b"");
    assert_eq!(exported, include_str!("../../server/tests/fixtures/mosquitto_v6.ndjson"));
    // Through a pipe.
    succeed(other.path(), &["import"], exported.as_bytes());
    assert_eq!(succeed(other.path(), &["export"], b""), exported);
    assert!(succeed(other.path(), &["compact"], b"").contains("now"));
    assert_eq!(succeed(other.path(), &["export"], b""), exported);
    let summary = succeed(other.path(), &["inspect", "--json"], b"");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["sessions"], 5);
    assert_eq!(summary["largest_queues"][0]["client_id"], "phone-1");
    assert!(succeed(other.path(), &["inspect"], b"").contains("phone-1"));
}

#[test]
fn second_import_says_how_it_could_go_on() {
    let directory = directory();
    let file = mosquitto_db();
    let file = file.to_str().expect("UTF-8");
    succeed(directory.path(), &["import", file], b"");
    let words = fail(directory.path(), &["import", file], b"");
    assert!(words.contains("\"phone-1\"") && words.contains("--replace"), "{words}");
    let again = succeed(directory.path(), &["import", "--replace", file], b"");
    assert!(again.contains("(5 in place of others)"), "{again}");
}

#[test]
fn export_does_not_write_over_a_file() {
    let directory = directory();
    succeed(directory.path(), &["import"], b"{\"type\":\"export\",\"format\":1}\n");
    let file = directory.path().join("export");
    let path = file.to_str().expect("UTF-8");
    succeed(directory.path(), &["export", path], b"");
    assert_eq!(fs::read(&file).expect("it is there"), b"{\"type\":\"export\",\"format\":1}\n");
    let words = fail(directory.path(), &["export", path], b"");
    assert!(words.contains("choose a file that is not there yet"), "{words}");
}

#[test]
fn damage_is_named_with_file_and_offset() {
    let directory = directory();
    succeed(directory.path(), &["import", mosquitto_db().to_str().expect("UTF-8")], b"");
    assert!(succeed(directory.path(), &["verify"], b"").contains("can be read"));
    let files = fs::read_dir(directory.path().join("log")).expect("a log");
    let segment = files
        .map(|file| file.expect("a file").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .expect("a segment");
    let mut bytes = fs::read(&segment).expect("a segment");
    let place = bytes.windows(8).position(|part| part == b"queued-2").expect("a payload");
    bytes[place] ^= 1;
    fs::write(&segment, bytes).expect("it is ours");
    let output = store(directory.path(), &["verify"], b"");
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stdout);
    let name = segment.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    assert!(words.contains(name) && words.contains("is damaged at byte"), "{words}");
    assert!(fail(directory.path(), &["compact"], b"").contains("is damaged at byte"));
}

#[test]
fn wrong_input_is_answered_with_advice() {
    let directory = directory();
    let rows: [(&[&str], &[u8], &str); 4] = [
        (&["inspect"], b"", "there is no log in"),
        (&["import", "/no/such/file"], b"", "/no/such/file cannot be read"),
        (&["import"], b"hello\n", "this is no export of FerryMQ"),
        (&["import"], b"\x00\xB5\x00mosquitto db\0\0\0\0\0\0\0\x63", "format version 99"),
    ];
    for (words, input, advice) in rows {
        let errors = fail(directory.path(), words, input);
        assert!(errors.contains(advice), "{words:?}: {errors}");
    }
}
