//! The flags that say where a broker is and how it is reached, and the transport that they
//! describe.

mod url;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use ferrymq_client::{SocksProxy, TlsOptions, TlsSettings, TlsVersion, Transport};

use self::url::BrokerUrl;

/// Where a broker is, and how it is reached.
#[derive(Args, Debug)]
pub(crate) struct NetworkArguments {
    /// The host to connect to; localhost without it
    #[arg(short = 'h', long, allow_hyphen_values = true)]
    host: Option<String>,
    /// The port to connect to; 1883, and 8883 with --cafile or --capath
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Everything at once: `SCHEME://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC`; the scheme is mqtt, mqtts,
    /// ws or wss
    #[arg(short = 'L', long, value_parser = url::broker)]
    pub(crate) url: Option<BrokerUrl>,
    /// Connect to this Unix socket
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Speak MQTT over WebSocket
    #[arg(long)]
    ws: bool,
    /// The local address to connect from
    #[arg(short = 'A', value_name = "ADDRESS")]
    bind_address: Option<String>,
    /// Go through a SOCKS5 proxy: `socks5h://[USER[:PASSWORD]@]HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = url::proxy)]
    proxy: Option<SocksProxy>,
    /// Send small packets at once, which this client always does
    #[arg(long)]
    nodelay: bool,
    /// Look up where the broker is in the name service: not supported
    #[arg(short = 'S')]
    srv: bool,
    #[command(flatten)]
    tls: TlsArguments,
}

/// Whom to trust, and how to speak TLS.
#[derive(Args, Debug)]
struct TlsArguments {
    /// The certificates of the authorities that are trusted (PEM)
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// A directory of such files
    #[arg(long, value_name = "DIRECTORY")]
    capath: Option<PathBuf>,
    /// The certificate of this client (PEM); needs --key
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of this client (PEM, not encrypted); needs --cert
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Trust also whom the operating system trusts
    #[arg(long)]
    tls_use_os_certs: bool,
    /// Believe whoever answers: no certificate is verified
    #[arg(long)]
    insecure: bool,
    /// The lowest version of TLS: tlsv1.2 or tlsv1.3
    #[arg(long, value_name = "VERSION")]
    tls_version: Option<TlsVersion>,
    /// The protocol to ask for, such as mqtt
    #[arg(long, value_name = "PROTOCOL")]
    tls_alpn: Option<String>,
    /// The cipher suites, as OpenSSL names them, with colons between them
    #[arg(long)]
    ciphers: Option<String>,
    /// Write the secrets of the connection to this file, to read a recording of it
    #[arg(long, value_name = "FILE")]
    tls_keylog: Option<PathBuf>,
    /// Speak no TLS, whatever the port
    #[arg(long)]
    no_tls: bool,
    /// A key that both sides know: not supported
    #[arg(long, value_name = "KEY")]
    psk: Option<String>,
    /// The name of that key: not supported
    #[arg(long, value_name = "NAME")]
    psk_identity: Option<String>,
    /// The kind of the private key: pem alone is supported
    #[arg(long, value_name = "KIND")]
    keyform: Option<String>,
    /// An OpenSSL engine: not supported
    #[arg(long, value_name = "ENGINE")]
    tls_engine: Option<String>,
    /// The password of an OpenSSL engine's key: not supported
    #[arg(long, value_name = "SHA1")]
    tls_engine_kpass_sha1: Option<String>,
}

impl NetworkArguments {
    /// The host to connect to.
    fn host(&self) -> &str {
        let of_url = || self.url.as_ref().map(|url| &*url.host);
        self.host.as_deref().or_else(of_url).unwrap_or("localhost")
    }

    /// The port to connect to.
    fn port(&self) -> u16 {
        let without = if self.tls.names_authorities() { 8883 } else { 1883 };
        self.port.or_else(|| self.url.as_ref().map(|url| url.port)).unwrap_or(without)
    }

    /// Who is connected to, for people.
    pub(crate) fn broker(&self) -> Broker {
        match &self.unix {
            Some(path) => Broker::Unix(path.clone()),
            None => Broker::Tcp { host: self.host().into(), port: self.port() },
        }
    }

    /// The transport that was described.
    pub(crate) fn transport(&self) -> anyhow::Result<Transport> {
        if self.srv {
            bail!("-S is not supported: this client makes no SRV look-ups; name the host with -h");
        }
        let mut transport = match &self.unix {
            Some(path) => Transport::unix(path.clone()),
            None => Transport::tcp(self.host(), self.port()),
        };
        if let Some(address) = &self.bind_address {
            transport = transport.local_address(address.as_str());
        }
        if let Some(proxy) = &self.proxy {
            transport = transport.socks_proxy(proxy.clone());
        }
        if self.speaks_tls() {
            transport = transport.tls(self.tls.settings()?);
        }
        if self.ws || self.url.as_ref().is_some_and(|url| url.is_websocket) {
            transport = transport.websocket(WEBSOCKET_PATH).context("cannot speak WebSocket")?;
        }
        Ok(transport)
    }

    /// Whether what is said goes over a network as it is.
    pub(crate) fn is_readable_by_others(&self) -> bool {
        let host = self.host();
        let is_here = host == "localhost"
            || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        !(self.speaks_tls() || self.unix.is_some() || is_here)
    }

    fn speaks_tls(&self) -> bool {
        let url_does = self.url.as_ref().is_some_and(|url| url.is_tls);
        let port_does = self.unix.is_none() && self.port() == 8883;
        let flags_do = self.tls.names_authorities() || self.tls.tls_use_os_certs;
        !self.tls.no_tls && (url_does || port_does || flags_do)
    }
}

impl TlsArguments {
    const fn names_authorities(&self) -> bool {
        self.cafile.is_some() || self.capath.is_some()
    }

    fn settings(&self) -> anyhow::Result<TlsSettings> {
        if self.psk.is_some() || self.psk_identity.is_some() {
            bail!(
                "--psk is not supported: the TLS of this client has no keys that both sides know; \
                 use certificates (`ferrymq cert` makes them)"
            );
        }
        if self.tls_engine.is_some()
            || self.tls_engine_kpass_sha1.is_some()
            || self.keyform.as_ref().is_some_and(|kind| kind != "pem")
        {
            bail!("OpenSSL engines are not supported; give the private key as a PEM file by --key");
        }
        if self.cert.is_some() != self.key.is_some() {
            bail!("Both certfile and keyfile must be provided if one of them is set.");
        }
        let options = TlsOptions {
            ca_file: self.cafile.clone(),
            ca_path: self.capath.clone(),
            os_certificates: self.tls_use_os_certs,
            certificate: self.cert.clone(),
            key: self.key.clone(),
            insecure: self.insecure,
            minimum_version: self.tls_version,
            alpn: self.tls_alpn.clone(),
            ciphers: self.ciphers.clone(),
            key_log: self.tls_keylog.clone(),
            ..TlsOptions::default()
        };
        TlsSettings::load(&options).context("Problem setting TLS options")
    }
}

/// Who is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl std::fmt::Display for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What is asked for where a URL has the topic in the place of the path.
const WEBSOCKET_PATH: &str = "/mqtt";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    #[command(disable_help_flag = true)]
    struct Line {
        #[command(flatten)]
        network: NetworkArguments,
    }

    fn parse(words: &str) -> NetworkArguments {
        Line::try_parse_from(format!("x {words}").trim().split(' ')).unwrap().network
    }

    #[test]
    fn host_port_and_tls_are_those_of_mosquittos_clients() {
        let rows = [
            ("", "localhost:1883", false),
            ("-h a -p 7", "a:7", false),
            ("-h ::1", "[::1]:1883", false),
            ("-p 8883", "localhost:8883", true),
            ("-p 8883 --no-tls", "localhost:8883", false),
            ("--cafile ca.crt", "localhost:8883", true),
            ("--capath certs -p 7", "localhost:7", true),
            ("--tls-use-os-certs", "localhost:1883", true),
            ("--insecure", "localhost:1883", false),
            ("-L mqtt://b/t", "b:1883", false),
            ("-L mqtts://b/t", "b:8883", true),
            ("-L ws://b:80/t", "b:80", false),
            ("-L wss://b/t", "b:8883", true),
            ("-L mqtts://b/t --no-tls -p 9", "b:9", false),
            ("-L mqtt://b/t -h c", "c:1883", false),
            ("--unix /s", "/s", false),
        ];
        for (words, broker, speaks_tls) in rows {
            let network = parse(words);
            assert_eq!(network.broker().to_string(), broker, "{words}");
            assert_eq!(network.speaks_tls(), speaks_tls, "{words}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let rows = [
            ("-S", "-S is not supported"),
            ("-p 8883 --psk 00 --psk-identity me", "use certificates"),
            ("-p 8883 --tls-engine pkcs11", "OpenSSL engines are not supported"),
            ("-p 8883 --key k --keyform engine", "OpenSSL engines are not supported"),
            ("-p 8883 --cert c", "Both certfile and keyfile"),
            ("--cafile /no/such/file", "/no/such/file"),
        ];
        for (words, advice) in rows {
            let error = format!("{:#}", parse(words).transport().unwrap_err());
            assert!(error.contains(advice), "{words}: {error}");
        }
    }
}
