//! From what was written of users and rights to what a gatehouse takes.

use std::path::PathBuf;

use super::contents::Configuration;
use super::listener::{ListenerSettings, Protocol};
use super::plugins::{PluginSettings, StockPlugin};
use crate::access::{DoorSettings, DynamicSecuritySettings, PolicySettings};

impl Configuration {
    /// Who may do what, at each listener.
    pub fn policy(&self) -> PolicySettings {
        let listeners = self.listeners.iter().enumerate();
        let served = listeners.filter(|(_, on)| on.protocol != Protocol::HttpApi);
        PolicySettings {
            doors: served.map(|(index, on)| self.door(index, on)).collect(),
            client_id_prefix: self.global.clientid_prefixes.as_deref().map(Box::from),
            acl_check_subscribe: self.global.acl_check_subscribe,
            logins_queued: self.global.logins_queued,
            patience: self.global.limits.answer_timeout,
        }
    }

    fn door(&self, index: usize, on: &ListenerSettings) -> DoorSettings {
        let general = &self.global.security;
        let security = if self.global.per_listener_settings { &on.security } else { general };
        let plugins = |plugin: StockPlugin, option: &str| -> Vec<PathBuf> {
            let meant = self.plugins.iter().filter(|it| it.plugin == plugin && it.is_for(index));
            meant.filter_map(|it| it.option(option)).map(PathBuf::from).collect()
        };
        let mut password_files: Vec<PathBuf> = security.password_file.iter().cloned().collect();
        password_files.extend(plugins(StockPlugin::PasswordFile, "password_file"));
        let mut acl_files: Vec<PathBuf> = security.acl_file.iter().cloned().collect();
        acl_files.extend(plugins(StockPlugin::AclFile, "acl_file"));
        DoorSettings {
            listener: on.endpoint.to_string().into(),
            allow_anonymous: on
                .security
                .allow_anonymous
                .or(general.allow_anonymous)
                .unwrap_or(false),
            password_files,
            acl_files,
            users: security.users.clone(),
            dynamic_security: self.dynamic_security(index),
        }
    }
}

impl Configuration {
    /// Where dynamic security is kept that works for the listener of this index; the last one holds.
    fn dynamic_security(&self, index: usize) -> Option<DynamicSecuritySettings> {
        let is_meant = |plugin: &&PluginSettings| {
            plugin.plugin == StockPlugin::DynamicSecurity && plugin.is_for(index)
        };
        let plugin = self.plugins.iter().rfind(is_meant)?;
        Some(DynamicSecuritySettings {
            file: plugin.option("config_file").map(PathBuf::from)?,
            password_init_file: plugin.option("password_init_file").map(PathBuf::from),
        })
    }
}

impl PluginSettings {
    /// Whether it knows users.
    pub(super) fn knows_users(&self) -> bool {
        matches!(self.plugin, StockPlugin::PasswordFile | StockPlugin::DynamicSecurity)
    }
}
