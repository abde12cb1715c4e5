//! Signatures on certificates and on lists of revoked ones.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_parser::asn1_rs::ToDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Version};

/// Whether an authority's certificate says that it is one, as OpenSSL asks: by its basic constraints,
/// without them by its key usage; one of version 1, which has neither, must be its own issuer.
pub(super) fn may_sign(authority: &X509Certificate<'_>) -> bool {
    match (authority.basic_constraints(), authority.key_usage()) {
        (Ok(Some(constraints)), _) => constraints.value.ca,
        (Ok(None), Ok(Some(usage))) => usage.value.key_cert_sign(),
        (Ok(None), Ok(None)) => {
            authority.version() == X509Version::V1
                && authority.issuer().as_raw() == authority.subject().as_raw()
        }
        _ => false,
    }
}

/// Whether `issuer` bears the name of who has signed `certificate`, and has its key.
pub(super) fn is_signed_by(
    certificate: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && has_signed(
            issuer.public_key(),
            certificate.tbs_certificate.as_ref(),
            &certificate.signature_algorithm,
            &certificate.signature_value.data,
            algorithms,
        )
}

/// Whether `signature` on `message` is by `key`.
pub(super) fn has_signed(
    key: &SubjectPublicKeyInfo<'_>,
    message: &[u8],
    algorithm: &AlgorithmIdentifier<'_>,
    signature: &[u8],
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    let Some(identifier) = contents(algorithm) else { return false };
    let mut known = algorithms.all.iter();
    known.any(|known| {
        known.signature_alg_id().as_ref() == identifier && verifies(*known, key, message, signature)
    })
}

/// Whether `key` is of the kind that `algorithm` takes, and has signed `message`.
pub(super) fn verifies(
    algorithm: &dyn SignatureVerificationAlgorithm,
    key: &SubjectPublicKeyInfo<'_>,
    message: &[u8],
    signature: &[u8],
) -> bool {
    contents(&key.algorithm).is_some_and(|kind| kind == algorithm.public_key_alg_id().as_ref())
        && algorithm.verify_signature(&key.subject_public_key.data, message, signature).is_ok()
}

/// The DER form of what stands within an `AlgorithmIdentifier`.
fn contents(identifier: &AlgorithmIdentifier<'_>) -> Option<Vec<u8>> {
    let mut contents = identifier.algorithm.to_der_vec().ok()?;
    if let Some(parameters) = &identifier.parameters {
        contents.extend(parameters.to_der_vec().ok()?);
    }
    Some(contents)
}
