//! Whose program this is.

/// Which program's defaults hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persona {
    /// Ours.
    #[default]
    Ferrymq,
    /// Those of Mosquitto 2.1, for who has been invoked by that name.
    Mosquitto,
}

impl Persona {
    /// The version that programs are told.
    pub fn version(self) -> &'static str {
        match self {
            Self::Ferrymq => env!("CARGO_PKG_VERSION"),
            Self::Mosquitto => MOSQUITTO_VERSION,
        }
    }
}

/// The version of Mosquitto whose behaviour ours is under its name.
pub const MOSQUITTO_VERSION: &str = "2.1.2";
