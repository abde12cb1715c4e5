//! Every normative statement of MQTT that can be observed at a server.
