//! Lists of certificates that were revoked.
//!
//! As OpenSSL does for Mosquitto, only the client's own certificate is looked for, there must be a
//! list of who has signed it, and the list must not be out of date.

use std::collections::HashSet;
use std::path::Path;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::tls::error::SettingsError;
use crate::tls::files::{Authorities, Files};
use crate::tls::signature::{has_signed, is_signed_by};

/// What the authorities have revoked.
#[derive(Debug)]
pub(super) struct Revocations {
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    /// The certificate of the authority that has made this list.
    issuer: CertificateDer<'static>,
    /// The last second of it, in Unix time.
    valid_until: Option<i64>,
    serial_numbers: HashSet<Box<[u8]>>,
}

impl Revocations {
    /// Reads a file of lists that `authorities` have made.
    pub(super) fn load(
        files: &mut Files,
        path: &Path,
        authorities: &Authorities,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<Self, SettingsError> {
        let unusable = |reason: String| SettingsError::Revocations { path: path.into(), reason };
        let mut lists = Vec::new();
        for der in files.revocations(path)? {
            let (_, list) = CertificateRevocationList::from_der(&der)
                .map_err(|error| unusable(error.to_string()))?;
            // Deltas, and lists of a part of the certificates, bear a mark that must be understood.
            if list.extensions().iter().any(|extension| extension.critical) {
                return Err(unusable("only complete lists of one authority are understood".into()));
            }
            let issuer = issuer(&list, authorities, algorithms).ok_or_else(|| {
                unusable(format!(
                    "`{}` has made it, whose certificate is not among those of cafile and capath",
                    list.issuer()
                ))
            })?;
            lists.push(List {
                issuer,
                valid_until: list.next_update().map(|time| time.timestamp()),
                serial_numbers: list
                    .iter_revoked_certificates()
                    .map(|revoked| number(revoked.raw_serial()).into())
                    .collect(),
            });
        }
        Ok(Self { lists })
    }

    /// Fails if `certificate` was revoked, or if nobody can tell.
    pub(super) fn check(
        &self,
        certificate: &X509Certificate<'_>,
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let mut result = Err(CertificateError::UnknownRevocationStatus);
        for list in &self.lists {
            let is_of_issuer = X509Certificate::from_der(&list.issuer)
                .is_ok_and(|(_, issuer)| is_signed_by(certificate, &issuer, algorithms));
            if !is_of_issuer {
                continue;
            }
            if list.serial_numbers.contains(number(certificate.raw_serial())) {
                return Err(CertificateError::Revoked.into());
            }
            if list.valid_until.is_none_or(|last| now <= last) {
                result = Ok(());
            } else if result.is_err() {
                result = Err(CertificateError::ExpiredRevocationList);
            }
        }
        Ok(result?)
    }
}

/// The certificate of who has made `list`.
fn issuer(
    list: &CertificateRevocationList<'_>,
    authorities: &Authorities,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Option<CertificateDer<'static>> {
    let has_made = |der: &&CertificateDer<'static>| {
        X509Certificate::from_der(der).is_ok_and(|(_, authority)| {
            authority.subject().as_raw() == list.issuer().as_raw()
                && has_signed(
                    authority.public_key(),
                    list.tbs_cert_list.as_ref(),
                    &list.signature_algorithm,
                    &list.signature_value.data,
                    algorithms,
                )
        })
    };
    authorities.certificates.iter().find(has_made).cloned()
}

/// A serial number without zeros in front.
fn number(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}
