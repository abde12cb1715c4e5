//! From a message to those who asked for it: the MQTT broker, without I/O.
