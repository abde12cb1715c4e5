//! An asynchronous MQTT client that reconnects and resumes.
