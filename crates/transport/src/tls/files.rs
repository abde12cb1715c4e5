//! Certificates, keys and lists of revoked certificates, read from files in PEM form.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::tls::error::SettingsError;
use crate::tls::signature::may_sign;

/// The most that is read of one file. A bundle of all authorities of the Web has 300 KB.
const FILE_BYTES_MAXIMUM: u64 = 16 * 1024 * 1024;

/// What is read, and remembers which files that were.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Every file and directory that was looked at.
    pub(super) seen: Vec<PathBuf>,
    /// What is allowed and hardly meant.
    pub(super) warnings: Vec<String>,
}

impl Files {
    /// All certificates of a file, at least one.
    pub(super) fn certificates(
        &mut self,
        path: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
        let certificates = parse_certificates(path, &self.read(path)?)?;
        if certificates.is_empty() {
            return Err(SettingsError::NoCertificate { path: path.into() });
        }
        Ok(certificates)
    }

    /// All certificates of all files in a directory, at least one.
    fn certificates_in(
        &mut self,
        directory: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
        self.seen.push(directory.into());
        let unreadable = |error| SettingsError::Read { path: directory.into(), error };
        let mut paths = fs::read_dir(directory)
            .and_then(|entries| {
                entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()
            })
            .map_err(unreadable)?;
        paths.sort_unstable();
        let mut certificates = Vec::new();
        for path in paths.iter().filter(|path| path.is_file()) {
            certificates.extend(parse_certificates(path, &self.read(path)?)?);
        }
        // `openssl rehash` puts a link beside every file.
        certificates.sort_unstable_by(|a: &CertificateDer<'_>, b| a.as_ref().cmp(b.as_ref()));
        certificates.dedup();
        if certificates.is_empty() {
            return Err(SettingsError::NoCertificateInDirectory { path: directory.into() });
        }
        Ok(certificates)
    }

    /// The certificates of `file` and of all files in `directory`.
    pub(super) fn authorities(
        &mut self,
        file: Option<&Path>,
        directory: Option<&Path>,
    ) -> Result<Authorities, SettingsError> {
        let mut authorities = Authorities::default();
        if let Some(file) = file {
            let certificates = self.certificates(file)?;
            authorities.add(file, certificates)?;
        }
        if let Some(directory) = directory {
            let certificates = self.certificates_in(directory)?;
            authorities.add(directory, certificates)?;
        }
        Ok(authorities)
    }

    /// The private key of a file.
    pub(super) fn key(&mut self, path: &Path) -> Result<PrivateKeyDer<'static>, SettingsError> {
        let bytes = self.read(path)?;
        self.warn_if_world_readable(path);
        let text = String::from_utf8_lossy(&bytes);
        // `Proc-Type: 4,ENCRYPTED` is how OpenSSL marked keys before PKCS #8.
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains(",ENCRYPTED") {
            return Err(SettingsError::EncryptedKey { path: path.into() });
        }
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
            PemError::NoItemsFound => SettingsError::NoKey { path: path.into() },
            error => SettingsError::Pem { path: path.into(), reason: error.to_string() },
        })
    }

    /// The lists of revoked certificates of a file, at least one.
    pub(super) fn revocations(
        &mut self,
        path: &Path,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, SettingsError> {
        let bytes = self.read(path)?;
        let lists = CertificateRevocationListDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| SettingsError::Pem { path: path.into(), reason: error.to_string() })?;
        if lists.is_empty() {
            return Err(SettingsError::NoRevocations { path: path.into() });
        }
        Ok(lists)
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, SettingsError> {
        self.seen.push(path.into());
        let unreadable = |error| SettingsError::Read { path: path.into(), error };
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAXIMUM + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAXIMUM {
            let maximum_bytes = FILE_BYTES_MAXIMUM;
            return Err(SettingsError::TooLarge { path: path.into(), maximum_bytes });
        }
        Ok(bytes)
    }

    #[cfg(unix)]
    fn warn_if_world_readable(&mut self, path: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let Ok(metadata) = fs::metadata(path) else { return };
        if metadata.permissions().mode() & 0o004 != 0 {
            self.warnings.push(format!(
                "everybody on this machine can read the private key {path}; do `chmod o-r {path}`",
                path = path.display()
            ));
        }
    }

    #[cfg(not(unix))]
    fn warn_if_world_readable(&mut self, _: &Path) {}
}

/// Whose certificates are believed, and whose signatures on other certificates.
#[derive(Debug)]
pub(super) struct Authorities {
    /// Those who may sign others.
    pub(super) roots: RootCertStore,
    /// All of them, whole.
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

impl Default for Authorities {
    fn default() -> Self {
        Self { roots: RootCertStore::empty(), certificates: Vec::new() }
    }
}

impl Authorities {
    /// Adds what was found at `path`.
    fn add(
        &mut self,
        path: &Path,
        certificates: Vec<CertificateDer<'static>>,
    ) -> Result<(), SettingsError> {
        let unusable = |reason: String| SettingsError::Certificate { path: path.into(), reason };
        for der in &certificates {
            let (_, certificate) =
                X509Certificate::from_der(der).map_err(|error| unusable(error.to_string()))?;
            // webpki would let any of them sign.
            if may_sign(&certificate) {
                self.roots.add(der.clone()).map_err(|error| unusable(error.to_string()))?;
            }
        }
        self.certificates.extend(certificates);
        Ok(())
    }

    /// Adds what the operating system trusts. What of it cannot be understood is left out.
    pub(super) fn add_os(&mut self) -> Result<(), SettingsError> {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let reason =
                found.errors.first().map_or_else(|| "none was found".into(), ToString::to_string);
            return Err(SettingsError::NoOsCertificates { reason });
        }
        self.roots.add_parsable_certificates(found.certs.iter().cloned());
        self.certificates.extend(found.certs);
        Ok(())
    }
}

fn parse_certificates(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| SettingsError::Pem { path: path.into(), reason: error.to_string() })
}
