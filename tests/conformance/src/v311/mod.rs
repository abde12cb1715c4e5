//! MQTT 3.1.1: a row for each normative statement, chapter by chapter.
//!
//! Two labels are misprinted in the specification, 3.1.2.7 and 3-8.3-4; the rows spell them like
//! the others.

mod behaviour;
mod connect;
mod encoding;
mod publish;
mod subscribe;

use crate::row::Table;
use crate::wire::Version::V3_1_1;

pub(crate) const TABLES: [Table; 5] = [
    Table::new("MQTT 3.1.1, chapters 1 and 2: data and packet format", V3_1_1, encoding::ROWS),
    Table::new("MQTT 3.1.1, 3.1 and 3.2: CONNECT and CONNACK", V3_1_1, connect::ROWS),
    Table::new("MQTT 3.1.1, 3.3 to 3.7: PUBLISH and its acknowledgements", V3_1_1, publish::ROWS),
    Table::new("MQTT 3.1.1, 3.8 to 3.14: SUBSCRIBE to DISCONNECT", V3_1_1, subscribe::ROWS),
    Table::new("MQTT 3.1.1, chapters 4 to 7: behaviour", V3_1_1, behaviour::ROWS),
];
