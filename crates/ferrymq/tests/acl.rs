//! `ferrymq acl` as its users meet it.

use std::fs;
use std::process::Command;

const FILE: &str = "topic read news/#\nuser anna\ntopic home/#\ntopic deny home/safe\n\
                    pattern write devices/%c\n";

/// The exit status, and what is said on standard output and standard error.
fn acl(text: &str, words: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().expect("a directory for the test");
    fs::write(directory.path().join("acl"), text).expect("the file is written");
    fs::write(directory.path().join("users"), "").expect("the file is written");
    let output = Command::new(env!("CARGO_BIN_EXE_ferrymq"))
        .arg("acl")
        .args(words)
        .current_dir(directory.path())
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let status = output.status.code().expect("an exit status");
    (status, text(output.stdout), text(output.stderr))
}

#[test]
fn check_says_which_line_decides() {
    let rows = [
        (
            &["-u", "anna", "publish", "home/lamp"][..],
            0,
            "user anna may publish to home/lamp\nacl:3: topic readwrite home/#\n",
        ),
        (
            &["-u", "anna", "receive", "home/safe"][..],
            1,
            "user anna may not receive from home/safe\nacl:4: topic deny home/safe\n",
        ),
        (
            &["-i", "meter", "publish", "devices/meter"][..],
            0,
            "a client without a user name may publish to devices/meter\n\
             acl:5: pattern write devices/%c\n",
        ),
        (
            &["subscribe", "#"][..],
            1,
            "a client without a user name may not subscribe to #\nno line allows it\n",
        ),
        (
            &["-i", "+", "publish", "devices/x"][..],
            1,
            "a client without a user name may not publish to devices/x\npatterns are not for a user \
             name or client identifier with + or # in it\n",
        ),
    ];
    for (words, status, said) in rows {
        let words = [&["check", "acl"], words].concat();
        assert_eq!(acl(FILE, &words), (status, said.to_owned(), String::new()), "{words:?}");
    }
    let (status, _, errors) = acl(FILE, &["check", "acl", "publish", "a/#"]);
    assert_eq!(status, 1);
    assert!(errors.starts_with("Error: \"a/#\": "), "{errors}");
}

#[test]
fn explain_says_who_may() {
    let (status, said, _) = acl(FILE, &["explain", "acl", "home/safe"]);
    assert_eq!(status, 0);
    assert_eq!(
        said,
        "acl:4: topic deny home/safe\n  user anna may neither publish nor receive\n\
         acl:3: topic readwrite home/#\n  user anna may publish and receive\n"
    );
    let (_, said, _) = acl(FILE, &["explain", "acl", "devices/meter"]);
    assert_eq!(
        said,
        "acl:5: pattern write devices/%c\n  whoever has %c for client identifier may publish, \
         unless a line for the user says something else\n"
    );
    let (_, said, _) = acl(FILE, &["explain", "acl", "other"]);
    assert_eq!(said, "no line is about other: nobody may publish to it or receive from it\n");
}

#[test]
fn lint_says_what_looks_wrong() {
    assert_eq!(acl(FILE, &["lint", "acl"]), (0, String::new(), String::new()));
    let (status, said, _) = acl(FILE, &["lint", "acl", "--password-file", "users"]);
    assert_eq!(status, 1);
    assert_eq!(said, "acl:2: the user \"anna\" is not in the password file\n");
}

#[test]
fn all_mistakes_of_a_file_are_said() {
    let (status, said, errors) = acl("topci a\ntopic raed b\n", &["lint", "acl"]);
    assert_eq!((status, said.as_str()), (1, ""));
    assert_eq!(
        errors,
        "Error: acl cannot be used\nacl:1: \"topci\" is not known; did you mean topic?\n\
         acl:2: \"raed\" is no access type; did you mean read?\n"
    );
}
