//! What all connections of a listener, or of a client, share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::ServerSessionMemoryCache;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, KeyLog, ServerConfig, SupportedProtocolVersion, version};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::tls::ciphers;
use crate::tls::error::SettingsError;
use crate::tls::files::Files;
use crate::tls::key_log::KeyLogFile;
use crate::tls::options::{ClientOptions, ServerOptions, TlsVersion};
use crate::tls::revocations::Revocations;
use crate::tls::verify::{Anybody, ClientVerifier, Dates, ServerVerifier};

/// What a listener needs for TLS. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    config: Arc<ServerConfig>,
    read: Arc<Files>,
}

/// What a client needs for TLS. It is cheap to clone, and clones resume each other's sessions.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    config: Arc<ClientConfig>,
    read: Arc<Files>,
}

/// Sessions of TLS 1.2 that can be resumed by clients that do not know tickets. Tickets need no
/// memory here.
const RESUMABLE_SESSIONS_MAXIMUM: usize = 1_024;

impl ServerSettings {
    /// Reads the files that `options` names.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] says what is wrong with which file, and what to do.
    pub fn load(options: &ServerOptions) -> Result<Self, SettingsError> {
        let mut files = Files::default();
        let provider = provider(
            options.ciphers.as_deref(),
            options.ciphers_tls13.as_deref(),
            &mut files.warnings,
        )?;
        let key = certified_key(&mut files, &provider, &options.certificate, &options.key)?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(options.minimum_version, None))
            .map_err(|error| setup(&error))?;
        let builder = if options.require_certificate {
            builder.with_client_cert_verifier(client_verifier(&mut files, &provider, options)?)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        config.ticketer = ring::Ticketer::new().map_err(|error| setup(&error))?;
        config.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS_MAXIMUM);
        // A client that comes back has one connection, and gets its next ticket then.
        config.send_tls13_tickets = 1;
        if let Some(key_log) = key_log(options.key_log.as_deref(), &mut files.warnings)? {
            config.key_log = key_log;
        }
        Ok(Self { config: Arc::new(config), read: Arc::new(files) })
    }

    /// What is allowed and hardly meant, such as a certificate that has expired, in whole sentences.
    pub fn warnings(&self) -> &[String] {
        &self.read.warnings
    }

    /// The files and directories that were read: if one changes, new settings are to be made.
    pub fn files(&self) -> &[PathBuf] {
        &self.read.seen
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

impl ClientSettings {
    /// Reads the files that `options` names.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] says what is wrong with which file, and what to do.
    pub fn load(options: &ClientOptions) -> Result<Self, SettingsError> {
        let mut files = Files::default();
        let list = options.ciphers.as_deref();
        let provider = client_provider(list, &mut files.warnings)?;
        let key = match (&options.certificate, &options.key) {
            (Some(certificate), Some(key)) => {
                Some(certified_key(&mut files, &provider, certificate, key)?)
            }
            (None, None) => None,
            _ => return Err(SettingsError::HalfOfAPair),
        };
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions(options.minimum_version, options.maximum_version))
            .map_err(|error| setup(&error))?
            .dangerous()
            .with_custom_certificate_verifier(server_verifier(&mut files, provider, options)?);
        let mut config = match key {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.extend(options.alpn.as_ref().map(|name| name.as_bytes().to_vec()));
        if let Some(key_log) = key_log(options.key_log.as_deref(), &mut files.warnings)? {
            config.key_log = key_log;
        }
        Ok(Self { config: Arc::new(config), read: Arc::new(files) })
    }

    /// What is allowed and hardly meant, such as a certificate that has expired, in whole sentences.
    pub fn warnings(&self) -> &[String] {
        &self.read.warnings
    }

    /// The same for libraries that speak TLS themselves.
    pub fn rustls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

fn client_verifier(
    files: &mut Files,
    provider: &Arc<CryptoProvider>,
    options: &ServerOptions,
) -> Result<Arc<dyn ClientCertVerifier>, SettingsError> {
    let authorities = files.authorities(options.ca_file.as_deref(), options.ca_path.as_deref())?;
    if authorities.certificates.is_empty() {
        return Err(SettingsError::NoAuthority);
    }
    let algorithms = &provider.signature_verification_algorithms;
    let revocations = options
        .revocations
        .as_ref()
        .map(|path| Revocations::load(files, path, &authorities, algorithms))
        .transpose()?;
    let dates = if options.ignore_client_dates { Dates::SomeMoment } else { Dates::Now };
    let verifier = ClientVerifier::new(authorities, revocations, dates, provider);
    Ok(Arc::new(verifier.map_err(|error| setup(&error))?))
}

fn server_verifier(
    files: &mut Files,
    provider: Arc<CryptoProvider>,
    options: &ClientOptions,
) -> Result<Arc<dyn ServerCertVerifier>, SettingsError> {
    if options.insecure {
        return Ok(Arc::new(Anybody(provider)));
    }
    let mut authorities =
        files.authorities(options.ca_file.as_deref(), options.ca_path.as_deref())?;
    if options.os_certificates || authorities.certificates.is_empty() {
        authorities.add_os()?;
    }
    let verifier = ServerVerifier::new(authorities, &provider);
    Ok(Arc::new(verifier.map_err(|error| setup(&error))?))
}

/// A certificate with the certificates that lead to its authority, and its key.
fn certified_key(
    files: &mut Files,
    provider: &CryptoProvider,
    certificate: &Path,
    key: &Path,
) -> Result<CertifiedKey, SettingsError> {
    let chain = files.certificates(certificate)?;
    let signer = provider.key_provider.load_private_key(files.key(key)?).map_err(|error| {
        SettingsError::UnusableKey { path: key.into(), reason: error.to_string() }
    })?;
    let first = parse(certificate, chain.first().map_or(&[], AsRef::as_ref))?;
    let of_certificate = &first.public_key().subject_public_key.data;
    let public_key = signer.public_key();
    let of_key = public_key.as_ref().and_then(|key| SubjectPublicKeyInfo::from_der(key).ok());
    if of_key.is_some_and(|(_, of_key)| of_key.subject_public_key.data != *of_certificate) {
        return Err(SettingsError::KeyMismatch {
            certificate: certificate.into(),
            key: key.into(),
        });
    }
    for der in &chain {
        warn_of_dates(certificate, &parse(certificate, der)?, &mut files.warnings);
    }
    Ok(CertifiedKey::new(chain, signer))
}

fn parse<'a>(path: &Path, der: &'a [u8]) -> Result<X509Certificate<'a>, SettingsError> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|error| {
        SettingsError::Certificate { path: path.into(), reason: error.to_string() }
    })
}

fn warn_of_dates(path: &Path, certificate: &X509Certificate<'_>, warnings: &mut Vec<String>) {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let validity = certificate.validity();
    let subject = certificate.subject();
    let path = path.display();
    if validity.not_after.timestamp() < now {
        warnings.push(format!(
            "the certificate {subject} in {path} has expired: it was valid until {}; those who verify \
             it will refuse to connect",
            validity.not_after
        ));
    } else if validity.not_before.timestamp() > now {
        warnings.push(format!(
            "the certificate {subject} in {path} is not valid before {}; is the clock right?",
            validity.not_before
        ));
    }
}

fn provider(
    ciphers: Option<&str>,
    ciphers_tls13: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Arc<CryptoProvider>, SettingsError> {
    let mut cipher_suites = Vec::new();
    for (version, list) in [(TlsVersion::V1_3, ciphers_tls13), (TlsVersion::V1_2, ciphers)] {
        let chosen = ciphers::choose(version, list)?;
        cipher_suites.extend(chosen.suites);
        warnings.extend(chosen.unknown.iter().map(|word| {
            format!("no cipher suite that is known here is called `{word}`; it is left out")
        }));
    }
    Ok(Arc::new(CryptoProvider { cipher_suites, ..ring::default_provider() }))
}

/// Clients have one list for both versions. What it says of one does not touch the other.
fn client_provider(
    list: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<Arc<CryptoProvider>, SettingsError> {
    let words = list.unwrap_or_default().split(':');
    let (v1_3, v1_2): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("TLS_"));
    let some = |words: Vec<&str>| Some(words.join(":")).filter(|words| !words.is_empty());
    provider(some(v1_2).as_deref(), some(v1_3).as_deref(), warnings)
}

/// The versions between `minimum` and `maximum`, 1.2 and 1.3 if nothing is said.
fn versions(
    minimum: Option<TlsVersion>,
    maximum: Option<TlsVersion>,
) -> Vec<&'static SupportedProtocolVersion> {
    let range = minimum.unwrap_or(TlsVersion::V1_2)..=maximum.unwrap_or(TlsVersion::V1_3);
    let all = [(TlsVersion::V1_3, &version::TLS13), (TlsVersion::V1_2, &version::TLS12)];
    all.into_iter().filter(|(version, _)| range.contains(version)).map(|(_, known)| known).collect()
}

fn key_log(
    path: Option<&Path>,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<dyn KeyLog>>, SettingsError> {
    let Some(path) = path else { return Ok(None) };
    warnings.push(format!(
        "the secrets of all TLS connections are written to {path}: who reads it can read them all",
        path = path.display()
    ));
    Ok(Some(Arc::new(KeyLogFile::open(path)?)))
}

fn setup(error: &rustls::Error) -> SettingsError {
    SettingsError::Setup { reason: error.to_string() }
}
