//! What a module is, and what modules have in common.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::Value;

/// What the words of a module ask for.
pub(super) enum Task {
    /// A command for the broker.
    Command(Value),
    /// Everything is done, and this is to be told.
    Done(String),
}

/// Part of what can be administered.
pub(super) struct Module {
    /// What comes after `$CONTROL/`.
    pub(super) topic: &'static str,
    /// What a command is, and with what it can do.
    pub(super) help: &'static str,
    pub(super) task:
        fn(command: &str, words: &[String], file: Option<&PathBuf>) -> anyhow::Result<Task>,
    /// What is printed of the response to a command.
    pub(super) print: fn(command: &str, data: &Value) -> Option<String>,
}

/// Asks for a password twice. `None`: nothing was typed.
pub(super) fn typed_password(username: &str) -> anyhow::Result<Option<String>> {
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt).context("cannot ask for a password on the terminal")
    };
    let password = ask(format!("New password for {username}: "))?;
    if password != ask(format!("Reenter password for {username}: "))? {
        bail!("Passwords do not match.");
    }
    Ok(Some(password).filter(|password| !password.is_empty()))
}
