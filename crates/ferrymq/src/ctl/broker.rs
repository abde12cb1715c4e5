//! The module for the broker as a whole.

use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;

use super::module::{Module, Task};
use super::response;

pub(super) const MODULE: Module =
    Module { topic: "broker", help: HELP, task, print: response::of_broker };

fn task(command: &str, words: &[String], file: Option<&PathBuf>) -> anyhow::Result<Task> {
    let known = ["listPlugins", "listListeners"];
    let Some(name) = known.into_iter().find(|name| name.eq_ignore_ascii_case(command)) else {
        bail!("Command '{command}' not recognised; `ferrymq ctl broker help` lists all of them.");
    };
    if !words.is_empty() || file.is_some() {
        bail!("Invalid arguments provided. Usage: ferrymq ctl broker {name}");
    }
    Ok(Task::Command(json!({ "command": name })))
}

const HELP: &str = "\
The broker: ferrymq ctl [FLAGS] broker COMMAND

    List the plugins:            listPlugins
    List the listeners:          listListeners
";
