//! Dynamic security: the file, the commands and the decisions.

mod commands;
mod setting;
