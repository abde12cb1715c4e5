//! The running binary driven by the clients of other projects.
