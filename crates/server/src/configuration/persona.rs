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
