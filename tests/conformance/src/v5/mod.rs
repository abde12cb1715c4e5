//! MQTT 5.0: a row for each normative statement, chapter by chapter.

mod behaviour;
mod connect;
mod encoding;
mod leaving;
mod publish;
mod subscribe;

use crate::row::Table;
use crate::wire::Version::V5_0;

pub(crate) const TABLES: [Table; 6] = [
    Table::new("MQTT 5.0, chapters 1 and 2: data and packet format", V5_0, encoding::ROWS),
    Table::new("MQTT 5.0, 3.1 and 3.2: CONNECT and CONNACK", V5_0, connect::ROWS),
    Table::new("MQTT 5.0, 3.3 to 3.7: PUBLISH and its acknowledgements", V5_0, publish::ROWS),
    Table::new("MQTT 5.0, 3.8 to 3.11: SUBSCRIBE and UNSUBSCRIBE", V5_0, subscribe::ROWS),
    Table::new("MQTT 5.0, 3.12 to 3.15: PINGREQ, DISCONNECT, AUTH", V5_0, leaving::ROWS),
    Table::new("MQTT 5.0, chapters 4 and 6: behaviour and WebSocket", V5_0, behaviour::ROWS),
];
