//! Who is believed.
//!
//! webpki decides first, by the rules of the Web. What it refuses and OpenSSL accepts is then looked
//! at again, because the instructions that Mosquitto's users have followed for years make such
//! certificates:
//!
//! - version 1, which `openssl x509 -req` makes: believed if an authority itself has signed it;
//! - a certificate that is in the authorities' file itself, such as one that is self-signed;
//! - a name in the subject's common name alone: believed if there are no alternative names.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use crate::tls::certificate::common_name;
use crate::tls::files::Authorities;
use crate::tls::revocations::Revocations;
use crate::tls::signature::{is_signed_by, may_sign, verifies};

/// A server's verifier of clients.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    /// Not there if none of the authorities may sign: then only they themselves are believed.
    webpki: Option<Arc<dyn ClientCertVerifier>>,
    trust: Trust,
    revocations: Option<Revocations>,
    dates: Dates,
}

/// When certificates must be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dates {
    /// All of them now.
    Now,
    /// All of them at some moment, which may be past or ahead.
    SomeMoment,
}

impl ClientVerifier {
    /// Believes those whom `authorities` have signed and `revocations` do not name.
    pub(super) fn new(
        authorities: Authorities,
        revocations: Option<Revocations>,
        dates: Dates,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let (roots, trust) = Trust::new(authorities, provider);
        let webpki = roots
            .map(|roots| WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)))
            .map(|builder| builder.build().map_err(|error| Error::General(error.to_string())))
            .transpose()?;
        Ok(Self { webpki, trust, revocations, dates })
    }

    /// Whether the certificate leads to an authority, and all on the way are valid at this moment.
    fn verify_at(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        moment: UnixTime,
    ) -> Result<(), Error> {
        let verified = match &self.webpki {
            Some(webpki) => webpki.verify_client_cert(end_entity, intermediates, moment),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        match verified {
            Ok(_) => Ok(()),
            Err(error) => self.trust.look_again(end_entity, moment, error),
        }
    }

    /// The same at any moment: first now, then at the next end of a life that stood in the way.
    fn verify_sometime(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut moment = now;
        for _ in 0..MOMENTS {
            moment = match self.verify_at(end_entity, intermediates, moment) {
                Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                    not_after,
                    ..
                })) => not_after,
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) => not_before,
                verified => return verified,
            };
        }
        self.verify_at(end_entity, intermediates, now)
    }
}

/// How many moments are tried. Lives that have one in common need few.
const MOMENTS: usize = 8;

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.as_ref().map_or(&[], |webpki| webpki.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.dates {
            Dates::Now => self.verify_at(end_entity, intermediates, now)?,
            Dates::SomeMoment => self.verify_sometime(end_entity, intermediates, now)?,
        }
        if let Some(revocations) = &self.revocations {
            revocations.check(&parse(end_entity)?, now, &self.trust.algorithms)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls12_signature(message, certificate, signature, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls13_signature(message, certificate, signature, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

/// A client's verifier of servers.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    /// Not there if none of the authorities may sign: then only they themselves are believed.
    webpki: Option<Arc<WebPkiServerVerifier>>,
    trust: Trust,
}

impl ServerVerifier {
    /// Believes those whom `authorities` have signed, for the names that are in the certificate.
    pub(super) fn new(
        authorities: Authorities,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let (roots, trust) = Trust::new(authorities, provider);
        let webpki = roots
            .map(|roots| WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)))
            .map(|builder| builder.build().map_err(|error| Error::General(error.to_string())))
            .transpose()?;
        Ok(Self { webpki, trust })
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.webpki {
            Some(webpki) => {
                webpki.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        match verified {
            Ok(verified) => Ok(verified),
            // webpki asks for the name last.
            Err(
                error @ Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                ),
            ) => check_common_name(end_entity, name, error),
            Err(error) => {
                self.trust.look_again(end_entity, now, error)?;
                match ParsedCertificate::try_from(end_entity)
                    .and_then(|certificate| verify_server_name(&certificate, name))
                {
                    Ok(()) => Ok(ServerCertVerified::assertion()),
                    Err(_) => check_common_name(
                        end_entity,
                        name,
                        CertificateError::NotValidForName.into(),
                    ),
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls12_signature(message, certificate, signature, &self.trust.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_tls13_signature(message, certificate, signature, &self.trust.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}

/// Believes whoever answers and has the key of the certificate, which can say anything.
#[derive(Debug)]
pub(super) struct Anybody(pub(super) Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        check_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        check_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whose signatures are trusted.
#[derive(Debug)]
struct Trust {
    authorities: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    fn new(
        authorities: Authorities,
        provider: &CryptoProvider,
    ) -> (Option<Arc<RootCertStore>>, Self) {
        let Authorities { roots, certificates } = authorities;
        let algorithms = provider.signature_verification_algorithms;
        let roots = (!roots.is_empty()).then(|| Arc::new(roots));
        (roots, Self { authorities: certificates, algorithms })
    }

    /// Looks at a certificate that webpki has refused with `error`.
    fn look_again(
        &self,
        end_entity: &CertificateDer<'_>,
        now: UnixTime,
        error: Error,
    ) -> Result<(), Error> {
        let Ok(certificate) = parse(end_entity) else { return Err(error) };
        if self.authorities.contains(end_entity) {
            return check_dates(&certificate, now);
        }
        if certificate.issuer().as_raw() == certificate.subject().as_raw() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        if certificate.version() == X509Version::V3 {
            return Err(error);
        }
        check_dates(&certificate, now)?;
        let mut authorities = self.authorities.iter().filter_map(|authority| parse(authority).ok());
        let signer = authorities
            .find(|authority| {
                may_sign(authority) && is_signed_by(&certificate, authority, &self.algorithms)
            })
            .ok_or(CertificateError::UnknownIssuer)?;
        check_dates(&signer, now)
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    X509Certificate::from_der(certificate)
        .map(|(_, certificate)| certificate)
        .map_err(|_| CertificateError::BadEncoding.into())
}

fn check_dates(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let validity = certificate.validity();
    let not_before = moment(validity.not_before.timestamp());
    let not_after = moment(validity.not_after.timestamp());
    if now < not_before {
        Err(CertificateError::NotValidYetContext { time: now, not_before }.into())
    } else if now > not_after {
        Err(CertificateError::ExpiredContext { time: now, not_after }.into())
    } else {
        Ok(())
    }
}

fn moment(timestamp: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(timestamp).unwrap_or(0)))
}

/// Fails with `error` if the certificate has alternative names, or if its common name is not `name`.
fn check_common_name(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    error: Error,
) -> Result<ServerCertVerified, Error> {
    let certificate = parse(certificate)?;
    let has_no_others = matches!(certificate.subject_alternative_name(), Ok(None));
    match common_name(certificate.subject()) {
        Some(common_name) if has_no_others && is_for(&common_name, &name.to_str()) => {
            Ok(ServerCertVerified::assertion())
        }
        _ => Err(error),
    }
}

/// Whether `pattern`, which may begin with `*.` for any first label, is for `host` [RFC 6125, 6.4].
fn is_for(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(pattern), Some((_, rest))) => {
            pattern.contains('.') && pattern.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

/// Whether the peer has the key of its certificate.
fn check_tls12_signature(
    message: &[u8],
    der: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = parse(der)?;
    if certificate.version() == X509Version::V3 {
        return verify_tls12_signature(message, der, signature, algorithms);
    }
    let key = certificate.public_key();
    let of_scheme = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signature.scheme);
    let mut known = of_scheme.flat_map(|(_, known)| known.iter());
    match known.any(|known| verifies(*known, key, message, signature.signature())) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// Whether the peer has the key of its certificate.
fn check_tls13_signature(
    message: &[u8],
    der: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = parse(der)?;
    if certificate.version() == X509Version::V3 {
        return verify_tls13_signature(message, der, signature, algorithms);
    }
    let key = SubjectPublicKeyInfoDer::from(certificate.public_key().raw);
    verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcard_stands_for_one_label_of_a_name() {
        let rows = [
            ("broker.example.org", "broker.example.org", true),
            ("Broker.Example.ORG", "broker.example.org", true),
            ("*.example.org", "broker.example.org", true),
            ("*.example.org", "a.broker.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.org", "example.org", false),
            ("*", "localhost", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("broker.example.org", "broker.example.com", false),
        ];
        for (pattern, host, expected) in rows {
            assert_eq!(is_for(pattern, host), expected, "{pattern} for {host}");
        }
    }
}
