//! `ferrymq passwd` as its users meet it: words, exit status, and what is in the file afterwards.
#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ferrymq_access::password::{Check, PasswordFile};
use tempfile::TempDir;

fn empty() -> TempDir {
    tempfile::tempdir().expect("a directory for the test")
}

/// Runs the tool by its name of Mosquitto, with this on standard input.
fn passwd(directory: &Path, words: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferrymq"))
        .arg0("mosquitto_passwd")
        .current_dir(directory)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // It may have ended already, without having read.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn succeed(directory: &Path, words: &[&str], input: &str) -> String {
    let output = passwd(directory, words, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{words:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The exit status and the words on standard error.
fn fail(directory: &Path, words: &[&str], input: &str) -> (i32, String) {
    let output = passwd(directory, words, input);
    let status = output.status.code().expect("an exit status");
    (status, String::from_utf8(output.stderr).expect("UTF-8"))
}

fn text(directory: &Path) -> String {
    fs::read_to_string(directory.join("users")).expect("the file is there")
}

fn is_right(directory: &Path, username: &str, password: &str) -> bool {
    let file = PasswordFile::parse("users", text(directory).as_bytes()).expect("a password file");
    matches!(file.check(username, password.as_bytes()), Check::Right { .. })
}

#[test]
fn users_are_added_updated_and_deleted() {
    let directory = empty();
    let at = directory.path();
    let said = succeed(at, &["-c", "-b", "users", "anna", "one"], "");
    assert_eq!(said, "Adding password for user anna\n");
    assert!(is_right(at, "anna", "one"));
    let said = succeed(at, &["-b", "users", "bert", "-two"], "");
    assert_eq!(said, "Adding password for user bert\n");
    let said = succeed(at, &["users", "anna"], "three\nthree\n");
    assert_eq!(said, "Updating password for user anna\n");
    assert!(is_right(at, "anna", "three") && is_right(at, "bert", "-two"));
    succeed(at, &["-D", "users", "anna"], "");
    assert!(!is_right(at, "anna", "three") && is_right(at, "bert", "-two"));
    let (status, words) = fail(at, &["-D", "users", "anna"], "");
    assert_eq!((status, words.as_str()), (1, "Warning: User anna not found in password file.\n"));
}

#[test]
fn kind_of_hash_is_what_was_asked_for() {
    let rows = [
        (&[][..], "anna:$argon2id$v=19$m=47104,t=1,p=1$"),
        (&["-H", "sha512-pbkdf2"][..], "anna:$7$1000$"),
        (&["-H", "sha512-pbkdf2", "-I", "5"][..], "anna:$7$5$"),
        (&["-H", "scram-sha-256", "-I", "4096"][..], "anna:$scram-sha-256$4096$"),
    ];
    for (flags, beginning) in rows {
        let said =
            succeed(empty().path(), &[flags, &["-c", "-b", "-", "anna", "one"]].concat(), "");
        assert!(said.starts_with(beginning), "{flags:?}: {said}");
    }
    let (status, words) = fail(empty().path(), &["-H", "sha512", "-c", "-b", "-", "a", "b"], "");
    assert_eq!(status, 1);
    assert!(words.contains("too fast to keep passwords safe"), "{words}");
}

#[test]
fn password_from_another_program_may_come_once_or_twice() {
    let directory = empty();
    let at = directory.path();
    for input in ["one", "one\n", "one\r\none\r\n"] {
        succeed(at, &["-c", "users", "anna"], input);
        assert!(is_right(at, "anna", "one"), "{input:?}");
    }
    let (status, words) = fail(at, &["users", "anna"], "one\ntwo\n");
    assert_eq!((status, words.as_str()), (2, "Error: Passwords do not match.\n"));
    let (status, words) = fail(at, &["users", "anna"], "\n\n");
    assert_eq!((status, words.as_str()), (1, "Error: Empty password.\n"));
    assert!(is_right(at, "anna", "one"));
}

#[test]
fn plain_passwords_of_a_file_are_hashed() {
    let directory = empty();
    let at = directory.path();
    fs::write(at.join("users"), "# mine\nanna:one\nbert:two\n").unwrap();
    fs::set_permissions(at.join("users"), fs::Permissions::from_mode(0o640)).unwrap();
    succeed(at, &["-H", "sha512-pbkdf2", "-U", "users"], "");
    assert!(text(at).starts_with("# mine\nanna:$7$1000$"));
    assert!(is_right(at, "anna", "one") && is_right(at, "bert", "two"));
    fs::write(at.join("users"), "anna:one\nbert\n:\n").unwrap();
    let (status, words) = fail(at, &["-U", "users"], "");
    assert_eq!(status, 1);
    assert_eq!(words, "Error: users: line 3 is not `name:password`; mend it or take it out\n");
    assert_eq!(text(at), "anna:one\nbert\n:\n");
}

#[test]
fn new_file_is_for_its_owner_alone_and_an_old_one_keeps_its_mode_and_its_link() {
    let directory = empty();
    let at = directory.path();
    succeed(at, &["-c", "-b", "users", "anna", "one"], "");
    let mode = |name: &str| fs::symlink_metadata(at.join(name)).unwrap().mode();
    assert_eq!(mode("users") & 0o777, 0o600);
    fs::set_permissions(at.join("users"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("users", at.join("link")).unwrap();
    succeed(at, &["-b", "link", "bert", "two"], "");
    assert_eq!(mode("users") & 0o777, 0o640);
    assert!(fs::symlink_metadata(at.join("link")).unwrap().is_symlink());
    assert!(is_right(at, "bert", "two"));
    let left: Vec<_> = fs::read_dir(at).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn file_that_everybody_can_read_gets_a_warning() {
    let directory = empty();
    let at = directory.path();
    succeed(at, &["-c", "-b", "users", "anna", "one"], "");
    fs::set_permissions(at.join("users"), fs::Permissions::from_mode(0o644)).unwrap();
    let output = passwd(at, &["-b", "users", "anna", "two"], "");
    assert!(output.status.success());
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(words, "Warning: users can be read by everybody; `chmod o= users` ends that\n");
}

#[test]
fn wrong_words_change_nothing_and_fail_with_one() {
    let directory = empty();
    let at = directory.path();
    let rows = [
        (&[][..], "required"),
        (&["users"][..], "missing"),
        (&["-b", "users", "anna"][..], "missing"),
        (&["-c", "-D", "users", "anna"][..], "cannot be used with"),
        (&["-c", "-U", "users"][..], "cannot be used with"),
        (&["-b", "-D", "users", "anna"][..], "cannot be used with"),
        (&["-x", "users", "anna"][..], "no flag"),
        (&["-b", "users", "anna", "a", "b"][..], "a word too many"),
        (&["-b", "users", "anna", "a"][..], "-c begins a new one"),
        (&["-H", "argon2id", "-I", "5", "-b", "users", "a", "b"][..], "-I is for"),
        (&["-H", "md5", "users", "a"][..], "sha512-pbkdf2"),
        (&["-c", "-b", "users", "an:na", "a"][..], "neither `:`"),
    ];
    for (words, part) in rows {
        let (status, said) = fail(at, words, "");
        assert_eq!(status, 1, "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
    }
    assert_eq!(fs::read_dir(at).unwrap().count(), 0);
}
