//! Opening a client of each library.

use crate::client::{Client, Library, Options};
use crate::driver::Driver;
use crate::mosquitto::Mosquitto;
use crate::rumqtt::Rumqtt;

impl Library {
    /// Connects and subscribes; returns when the broker has acknowledged both.
    ///
    /// # Panics
    /// When it refuses, or does not answer within `PATIENCE`, twice that over a
    /// connection that may be cut.
    pub fn open(self, options: Options) -> Box<dyn Client> {
        assert!(self.speaks(&options.transport), "{self:?} has no {:?}", options.transport);
        match self {
            Self::MqttJs | Self::Paho | Self::Aiomqtt => Box::new(Driver::open(self, &options)),
            Self::Mosquitto => Box::new(Mosquitto::open(options)),
            Self::Rumqttc => Box::new(Rumqtt::open(options)),
        }
    }
}
