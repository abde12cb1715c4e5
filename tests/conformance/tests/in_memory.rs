//! All rows against the broker's shards, in time that is moved.

mod memory;

use ferrymq_conformance::known::unexplained;
use ferrymq_conformance::{run, tables};
use memory::MemoryTarget;

#[test]
fn shards_keep_every_statement() {
    let outcomes = run(&tables(), "", 2, &|| Box::new(MemoryTarget::new()));
    let broken = unexplained(&outcomes, &[]);
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}
