//! One test per scenario, library and version.

/// Declares a test of each named `fn(Library, Version)` for every library and
/// version: `mqttjs::v3::wildcards` and so on.
#[macro_export]
macro_rules! scenarios {
    ($($scenario:ident),+ $(,)?) => {
        $crate::scenarios!(@library mqttjs MqttJs $($scenario)+);
        $crate::scenarios!(@library paho Paho $($scenario)+);
        $crate::scenarios!(@library aiomqtt Aiomqtt $($scenario)+);
        $crate::scenarios!(@library mosquitto Mosquitto $($scenario)+);
        $crate::scenarios!(@library rumqttc Rumqttc $($scenario)+);
    };
    (@library $module:ident $library:ident $($scenario:ident)+) => {
        mod $module {
            mod v3 {
                $(#[test]
                fn $scenario() {
                    super::super::$scenario($crate::Library::$library, $crate::Version::V3);
                })+
            }
            mod v5 {
                $(#[test]
                fn $scenario() {
                    super::super::$scenario($crate::Library::$library, $crate::Version::V5);
                })+
            }
        }
    };
}
