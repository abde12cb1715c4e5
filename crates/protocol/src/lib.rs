//! The rules that one MQTT peer keeps towards another, without I/O.
