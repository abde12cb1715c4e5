//! The project's chores: what CI runs, tidiness, generated reports.

fn main() {}
