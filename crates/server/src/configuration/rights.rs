//! From what was written of users and rights to what a gatehouse takes.

use std::path::PathBuf;

use super::contents::Configuration;
use super::listener::{Endpoint, ListenerSettings, Protocol};
use super::plugins::{PluginSettings, StockPlugin};
use crate::access::{
    BrokerControl, DYNAMIC_SECURITY, DoorSettings, DynamicSecuritySettings, ListenerWords,
    PluginWords, PolicySettings,
};

impl Configuration {
    /// Who may do what, at each listener.
    pub fn policy(&self) -> PolicySettings {
        let listeners = self.listeners.iter().enumerate();
        let served = listeners.filter(|(_, on)| on.protocol != Protocol::HttpApi);
        PolicySettings {
            doors: served.map(|(index, on)| self.door(index, on)).collect(),
            client_id_prefix: self.global.clientid_prefixes.as_deref().map(Box::from),
            acl_check_subscribe: self.global.acl_check_subscribe,
            broker_control: self.global.enable_control_api.then(|| self.broker_control()),
            logins_queued: self.global.logins_queued,
            login_limits: self.global.login_limits,
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

    /// What the broker tells of itself.
    fn broker_control(&self) -> BrokerControl {
        let listener = |on: &ListenerSettings| {
            let (port, address, path) = match &on.endpoint {
                Endpoint::Tcp { port, host } => (*port, host.as_deref(), None),
                Endpoint::Loopback { port } => (*port, Some("localhost"), None),
                Endpoint::Unix(path) => (0, None, Some(path.to_string_lossy().into())),
            };
            ListenerWords {
                port,
                protocol: on.protocol.as_str(),
                socket_path: path,
                bind_address: address.map(Box::from),
                tls: on.tls.is_on(),
            }
        };
        let plugin = |name, control_endpoints| PluginWords {
            name,
            version: self.persona.version(),
            control_endpoints,
        };
        let mut plugins: Vec<_> = self
            .plugins
            .iter()
            .filter_map(|settings| match settings.plugin {
                StockPlugin::PasswordFile => Some(plugin("password-file", &[][..])),
                StockPlugin::AclFile => Some(plugin("acl-file", &[])),
                StockPlugin::DynamicSecurity => {
                    Some(plugin("dynamic-security", &[DYNAMIC_SECURITY]))
                }
                // Nothing is done in their place.
                StockPlugin::PersistSqlite | StockPlugin::SparkplugAware => None,
            })
            .collect();
        plugins.dedup();
        BrokerControl { listeners: self.listeners.iter().map(listener).collect(), plugins }
    }
}

impl PluginSettings {
    /// Whether it knows users.
    pub(super) fn knows_users(&self) -> bool {
        matches!(self.plugin, StockPlugin::PasswordFile | StockPlugin::DynamicSecurity)
    }
}
