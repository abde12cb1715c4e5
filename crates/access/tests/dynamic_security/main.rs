//! Dynamic security: the file, the commands and the decisions.

mod commands;
mod decisions;
mod files;
mod model;
mod setting;
