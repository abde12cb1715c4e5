//! What is said about TLS in a configuration or on a command line.

use std::path::PathBuf;
use std::str::FromStr;

use crate::tls::error::SettingsError;

/// What a listener is to do, in the words of Mosquitto's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerOptions {
    /// `certfile`: the certificate of the server, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// `keyfile`: the private key of the certificate; not encrypted.
    pub key: PathBuf,
    /// `cafile`: the authorities whose clients are trusted.
    pub ca_file: Option<PathBuf>,
    /// `capath`: a directory of files like `ca_file`, with any names.
    pub ca_path: Option<PathBuf>,
    /// `require_certificate`: who has no certificate of these authorities does not come in. Without
    /// it clients are not asked for one.
    pub require_certificate: bool,
    /// `disable_client_cert_date_checks`: a client's certificate may have expired, or not be valid
    /// yet, if at some moment it and those who have signed it are all valid.
    pub ignore_client_dates: bool,
    /// `crlfile`: the lists of certificates that were revoked.
    pub revocations: Option<PathBuf>,
    /// `tls_version`: the lowest version that is spoken; 1.2 if nothing is said.
    pub minimum_version: Option<TlsVersion>,
    /// `ciphers`: the cipher suites of TLS 1.2, as OpenSSL names them.
    pub ciphers: Option<String>,
    /// `ciphers_tls1.3`: the cipher suites of TLS 1.3, as OpenSSL names them.
    pub ciphers_tls13: Option<String>,
    /// `--tls-keylog`: a file to which the secrets of every connection are written, to read what
    /// was recorded on the network. It makes TLS worthless against whoever reads the file.
    pub key_log: Option<PathBuf>,
}

/// What a client is to do, in the words of Mosquitto's clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// `--cafile`: the authorities that are trusted.
    pub ca_file: Option<PathBuf>,
    /// `--capath`: a directory of files like `ca_file`, with any names.
    pub ca_path: Option<PathBuf>,
    /// `--tls-use-os-certs`: the authorities that the operating system trusts, too. They are also
    /// trusted if neither `ca_file` nor `ca_path` is there.
    pub os_certificates: bool,
    /// `--cert`: the client's certificate, followed by those that lead to its authority.
    pub certificate: Option<PathBuf>,
    /// `--key`: the private key of the certificate; not encrypted.
    pub key: Option<PathBuf>,
    /// `--insecure`: whoever answers is believed. Nothing of the certificate is verified.
    pub insecure: bool,
    /// `--tls-version`: the lowest version that is spoken; 1.2 if nothing is said.
    pub minimum_version: Option<TlsVersion>,
    /// The highest version that is spoken; 1.3 if nothing is said.
    pub maximum_version: Option<TlsVersion>,
    /// `--tls-alpn`: the protocol that is asked for, such as `mqtt`.
    pub alpn: Option<String>,
    /// `--ciphers`: the cipher suites, as OpenSSL names them; names of TLS 1.2 and of 1.3.
    pub ciphers: Option<String>,
    /// `--tls-keylog`: see [`ServerOptions::key_log`].
    pub key_log: Option<PathBuf>,
}

/// A version of TLS that can be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2, written `tlsv1.2`.
    V1_2,
    /// TLS 1.3, written `tlsv1.3`.
    V1_3,
}

impl FromStr for TlsVersion {
    type Err = SettingsError;

    fn from_str(words: &str) -> Result<Self, SettingsError> {
        match words {
            "tlsv1.2" => Ok(Self::V1_2),
            "tlsv1.3" => Ok(Self::V1_3),
            _ => Err(SettingsError::UnknownVersion { words: words.into() }),
        }
    }
}
