//! Mosquitto's own plugins, whose work we do ourselves. They are known by the names of their files.

use std::path::Path;

use super::origin::Origin;

/// A plugin of Mosquitto whose work we do ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockPlugin {
    /// `mosquitto_password_file`: what `password_file` does.
    PasswordFile,
    /// `mosquitto_acl_file`: what `acl_file` does.
    AclFile,
    /// `mosquitto_dynamic_security`.
    DynamicSecurity,
    /// `mosquitto_persist_sqlite`: what `persistence` does.
    PersistSqlite,
    /// `mosquitto_sparkplug_aware`.
    SparkplugAware,
}

/// A line that loads a plugin, with its options.
#[derive(Clone, Debug)]
pub struct PluginSettings {
    /// Which one.
    pub plugin: StockPlugin,
    /// For whom it works.
    pub reach: Reach,
    /// Its options, without what they begin with, and their values.
    pub options: Vec<(Box<str>, Box<str>)>,
    /// The line.
    pub origin: Origin,
}

/// For whom a plugin works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// For all listeners.
    All,
    /// For the listener of this index.
    Listener(usize),
    /// For the listeners of these indices, which have asked for it by this name.
    Named(Box<str>, Vec<usize>),
}

impl StockPlugin {
    const ALL: [Self; 5] = [
        Self::PasswordFile,
        Self::AclFile,
        Self::DynamicSecurity,
        Self::PersistSqlite,
        Self::SparkplugAware,
    ];

    /// The name of its file, without what it ends with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PasswordFile => "mosquitto_password_file",
            Self::AclFile => "mosquitto_acl_file",
            Self::DynamicSecurity => "mosquitto_dynamic_security",
            Self::PersistSqlite => "mosquitto_persist_sqlite",
            Self::SparkplugAware => "mosquitto_sparkplug_aware",
        }
    }

    /// The one with this file.
    pub(super) fn of_file(path: &str) -> Option<Self> {
        // A file written on another system keeps its separators.
        let file = path.rsplit(['/', '\\']).next()?;
        let stem = Path::new(file).file_stem()?.to_str()?;
        Self::ALL.into_iter().find(|plugin| plugin.name() == stem)
    }

    /// The options that it takes. Without the first one, if it `needs_option`, it cannot work.
    pub(super) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::PasswordFile => &["password_file"],
            Self::AclFile => &["acl_file"],
            Self::DynamicSecurity => &["config_file", "password_init_file"],
            Self::PersistSqlite => &["db_file", "sync", "flush_period", "page_size"],
            Self::SparkplugAware => &[],
        }
    }

    /// Whether it cannot work without the first of its options.
    pub(super) const fn needs_option(self) -> bool {
        matches!(self, Self::PasswordFile | Self::AclFile | Self::DynamicSecurity)
    }

    /// What there is to say to everybody who uses it.
    pub(super) const fn remark(self) -> Option<&'static str> {
        match self {
            Self::PasswordFile | Self::AclFile | Self::DynamicSecurity => None,
            Self::PersistSqlite => Some(
                "nothing is kept in SQLite: the broker has a log of its own, and persistence and \
                 persistence_location say whether and where",
            ),
            Self::SparkplugAware => Some(
                "certificates of Sparkplug are not kept for those who come later; all other \
                 messages of Sparkplug go through as they are",
            ),
        }
    }
}

impl PluginSettings {
    /// Whether it works for the listener of this index.
    pub fn is_for(&self, listener: usize) -> bool {
        match &self.reach {
            Reach::All => true,
            Reach::Listener(index) => *index == listener,
            Reach::Named(_, indices) => indices.contains(&listener),
        }
    }

    /// Whether listeners ask for it by this name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        matches!(&self.reach, Reach::Named(own, _) if **own == *name)
    }

    /// The value of one of its options; the last one holds.
    pub fn option(&self, name: &str) -> Option<&str> {
        let given = self.options.iter().rev().find(|(option, _)| **option == *name);
        given.map(|(_, value)| &**value)
    }
}

/// What is said of a plugin that is none of Mosquitto's own.
pub(super) fn foreign(path: &str) -> String {
    format!(
        "{path} cannot be loaded: it is a program for Mosquitto. Users and rights can come from \
         password_file, acl_file and Mosquitto's own plugins, whose work is built in"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_plugins_are_known_wherever_their_files_are() {
        let rows = [
            ("/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so", "dynamic_security"),
            ("mosquitto_password_file.so", "password_file"),
            (r"C:\Program Files\Mosquitto\mosquitto_acl_file.dll", "acl_file"),
            ("/opt/lib/mosquitto_persist_sqlite.dylib", "persist_sqlite"),
            ("/usr/lib/mosquitto_sparkplug_aware.so", "sparkplug_aware"),
        ];
        for (path, name) in rows {
            let found = StockPlugin::of_file(path).map(StockPlugin::name);
            assert_eq!(found, Some(format!("mosquitto_{name}").as_str()), "{path}");
        }
        for path in ["", "/", "go-auth.so", "/mosquitto_acl_file.so/x", "mosquitto_acl_file2.so"] {
            assert_eq!(StockPlugin::of_file(path), None, "{path}");
        }
    }
}
