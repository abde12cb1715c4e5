//! Manual pages and completions as those get them who package the program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ferrymq_server::configuration::options;
use tempfile::TempDir;

#[test]
fn each_command_and_each_link_has_a_page_in_its_section() {
    let manual = manual();
    let names: BTreeSet<String> = ["man1", "man5", "man8"]
        .into_iter()
        .flat_map(|section| fs::read_dir(manual.path().join(section)).expect("the section exists"))
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    for name in [
        "ferrymq.1",
        "ferrymq-serve.1",
        "ferrymq-config.1",
        "ferrymq-config-check.1",
        "ferrymq-pub.1",
        "ferrymq-completions.1",
        "mosquitto_pub.1",
        "mosquitto_sub.1",
        "mosquitto_rr.1",
        "mosquitto_ctrl.1",
        "mosquitto_passwd.1",
        "ferrymq.conf.5",
        "mosquitto.conf.5",
        "mosquitto.8",
    ] {
        assert!(names.contains(name), "there is no page {name}: {names:?}");
    }
    // What is hidden is for those who work on the program.
    assert!(!names.contains("ferrymq-config-reference.1"));
}

#[test]
fn page_of_a_link_goes_by_the_links_name() {
    let manual = manual();
    let link = page(&manual, "man1/mosquitto_sub.1");
    assert!(link.contains("\nmosquitto_sub \\- Subscribe to topics"), "{link}");
    assert!(!link.contains("\\fBferrymq sub"), "{link}");
    assert!(page(&manual, "man1/ferrymq-sub.1").contains("\\fBferrymq sub\\fR"));
}

#[test]
fn page_of_the_configuration_has_every_option() {
    let page = page(&manual(), "man5/ferrymq.conf.5");
    for option in options() {
        let line = format!("\n\\fB{}\\fR", option.name());
        assert!(page.contains(&line), "{} is not on the page", option.name());
    }
}

#[test]
fn flags_of_the_configuration_are_on_the_page_of_the_broker_alone() {
    let manual = manual();
    let flag = "\\-\\-max\\-packet\\-size";
    assert!(page(&manual, "man1/ferrymq-serve.1").contains(flag));
    assert!(!page(&manual, "man1/ferrymq.1").contains(flag));
}

#[test]
fn completions_know_the_commands_and_their_flags() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = ferrymq(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let text = String::from_utf8(output.stdout).expect("a script is text");
        for word in ["serve", "completions", "retained-only", "max-packet-size"] {
            assert!(text.contains(word), "{shell} does not know {word}");
        }
    }
    let fish = String::from_utf8(ferrymq(&["completions", "fish"]).stdout).expect("text");
    assert!(!fish.contains(" ciphers-tls1.3="), "fish would complete nothing");
    let output = ferrymq(&["completions", "bsh"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bash"));
}

fn manual() -> TempDir {
    let directory = tempfile::tempdir().expect("there is room for files");
    let output = ferrymq(&["manual", &directory.path().to_string_lossy()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    directory
}

fn page(manual: &TempDir, name: impl AsRef<Path>) -> String {
    let path = manual.path().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ferrymq(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrymq"));
    command.args(words).output().expect("the program was built with this test")
}
