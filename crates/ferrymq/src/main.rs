//! The MQTT system in one binary: broker, publisher and subscriber.

fn main() {}
