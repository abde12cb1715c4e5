//! What a certificate says about whom it names.

use std::fmt::Write;

use x509_parser::asn1_rs::{Any, Tag, ToDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_X509_COMMON_NAME, Oid};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName, X509Name};

/// Who a peer is, by its certificate, which an authority that is trusted has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The first common name of the subject, if it has one that is text without control characters.
    pub common_name: Option<Box<str>>,
    /// The whole subject, as OpenSSL writes it with `-nameopt RFC2253`: the last part first, such as
    /// `CN=meter,OU=Ferries,C=NO`.
    pub subject: Box<str>,
}

impl PeerCertificate {
    /// Reads a certificate in DER form.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let name = certificate.subject();
        Some(Self { common_name: common_name(name), subject: subject(name).into() })
    }
}

/// The first common name, if it is text that can be a user name.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<Box<str>> {
    let attribute = name.iter_by_oid(&OID_X509_COMMON_NAME).next()?;
    let text = text(attribute.attr_value())?;
    let is_plain = !text.is_empty() && !text.chars().any(char::is_control);
    is_plain.then(|| text.into())
}

/// The subject as OpenSSL's `XN_FLAG_RFC2253` has it.
fn subject(name: &X509Name<'_>) -> String {
    // OpenSSL walks through everything from the end, also through what stands in one place.
    let set = |set: &RelativeDistinguishedName<'_>| {
        let mut attributes: Vec<String> = set.iter().map(attribute).collect();
        attributes.reverse();
        attributes.join("+")
    };
    let mut sets: Vec<String> = name.iter_rdn().map(set).collect();
    sets.reverse();
    sets.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let known = short_name(attribute.attr_type());
    let value = attribute.attr_value();
    match (known, text(value)) {
        (Some(name), Some(text)) => format!("{name}={}", escaped(&text)),
        (known, _) => {
            let name = known.map_or_else(|| attribute.attr_type().to_id_string(), str::to_owned);
            format!("{name}=#{}", dumped(value))
        }
    }
}

/// The short names that OpenSSL has for what is found in subjects.
const SHORT_NAMES: &[(&[u64], &str)] = &[
    (&[2, 5, 4, 3], "CN"),
    (&[2, 5, 4, 4], "SN"),
    (&[2, 5, 4, 5], "serialNumber"),
    (&[2, 5, 4, 6], "C"),
    (&[2, 5, 4, 7], "L"),
    (&[2, 5, 4, 8], "ST"),
    (&[2, 5, 4, 9], "street"),
    (&[2, 5, 4, 10], "O"),
    (&[2, 5, 4, 11], "OU"),
    (&[2, 5, 4, 12], "title"),
    (&[2, 5, 4, 13], "description"),
    (&[2, 5, 4, 15], "businessCategory"),
    (&[2, 5, 4, 16], "postalAddress"),
    (&[2, 5, 4, 17], "postalCode"),
    (&[2, 5, 4, 18], "postOfficeBox"),
    (&[2, 5, 4, 20], "telephoneNumber"),
    (&[2, 5, 4, 41], "name"),
    (&[2, 5, 4, 42], "GN"),
    (&[2, 5, 4, 43], "initials"),
    (&[2, 5, 4, 44], "generationQualifier"),
    (&[2, 5, 4, 45], "x500UniqueIdentifier"),
    (&[2, 5, 4, 46], "dnQualifier"),
    (&[2, 5, 4, 65], "pseudonym"),
    (&[2, 5, 4, 97], "organizationIdentifier"),
    (&[0, 9, 2342, 19_200_300, 100, 1, 1], "UID"),
    (&[0, 9, 2342, 19_200_300, 100, 1, 3], "mail"),
    (&[0, 9, 2342, 19_200_300, 100, 1, 25], "DC"),
    (&[1, 2, 840, 113_549, 1, 9, 1], "emailAddress"),
    (&[1, 2, 840, 113_549, 1, 9, 2], "unstructuredName"),
    (&[1, 2, 840, 113_549, 1, 9, 8], "unstructuredAddress"),
];

fn short_name(identifier: &Oid<'_>) -> Option<&'static str> {
    let parts: Vec<u64> = identifier.iter()?.collect();
    SHORT_NAMES.iter().find(|(known, _)| *known == parts).map(|(_, name)| *name)
}

/// The text of a string of any of the kinds that names are made of.
fn text(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => String::from_utf8(value.data.to_vec()).ok(),
        // OpenSSL takes T61String as Latin-1, too.
        Tag::PrintableString
        | Tag::Ia5String
        | Tag::VisibleString
        | Tag::NumericString
        | Tag::T61String => Some(value.data.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (units, rest) = value.data.as_chunks::<2>();
            let units: Vec<u16> = units.iter().copied().map(u16::from_be_bytes).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        Tag::UniversalString => {
            let (units, rest) = value.data.as_chunks::<4>();
            let text = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            rest.is_empty().then(|| text.collect())?
        }
        _ => None,
    }
}

/// Escaped as RFC 2253 wants it, with everything outside of ASCII as bytes of UTF-8.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                escaped.push('\\');
                escaped.push(char::from(byte));
            }
            b'#' | b' ' if place == 0 => {
                escaped.push('\\');
                escaped.push(char::from(byte));
            }
            b' ' if place == last => escaped.push_str("\\ "),
            0x20..=0x7e => escaped.push(char::from(byte)),
            byte => {
                escaped.push('\\');
                escaped.push_str(&hex(&[byte]).to_uppercase());
            }
        }
    }
    escaped
}

/// A value in hexadecimal, with tag and length.
fn dumped(value: &Any<'_>) -> String {
    hex(&value.to_der_vec().unwrap_or_default()).to_uppercase()
}

/// Two digits for each byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        // A string takes everything.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn of_subject(attributes: Vec<(DnType, DnValue)>) -> PeerCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind, value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        PeerCertificate::of(certificate.der()).unwrap()
    }

    #[test]
    fn subject_is_written_as_openssl_does() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/fixtures/names.crt");
        let peer = PeerCertificate::of(&CertificateDer::from_pem_file(file).unwrap()).unwrap();
        assert_eq!(peer.common_name.as_deref(), Some("second"));
        assert_eq!(
            &*peer.subject,
            r#"CN=Ferry 1+CN=second,DC=org,street=Gate 1,title=Dr,SN=Nordmann,GN=Kari,\
serialNumber=7,emailAddress=x@example.org,UID=b+OU=a,O=\#Ferry \"and\" \<more\>\; \\ x,\
L=\ \C3\85lesund\ ,ST=M\C3\B8re\, og Romsdal,C=NO"#
                .replace("\\\n", "")
        );
    }

    #[test]
    fn unknown_kinds_of_names_are_dumped() {
        let unknown = DnType::CustomDnType(vec![1, 2, 3, 4, 5]);
        let peer = of_subject(vec![(unknown, DnValue::Utf8String("unknown".into()))]);
        assert_eq!(&*peer.subject, "1.2.3.4.5=#0C07756E6B6E6F776E");
        assert_eq!(peer.common_name, None);
    }

    #[test]
    fn common_name_is_text_without_control_characters() {
        let rows = [
            ("meter 7", Some("meter 7")),
            ("Ålesund", Some("Ålesund")),
            ("a\0b", None),
            ("a\nb", None),
            ("", None),
        ];
        for (name, expected) in rows {
            let peer = of_subject(vec![(DnType::CommonName, DnValue::Utf8String(name.into()))]);
            assert_eq!(peer.common_name.as_deref(), expected, "{name:?}");
        }
        let wide = DnValue::BmpString("Ålesund".try_into().unwrap());
        let peer = of_subject(vec![(DnType::CommonName, wide)]);
        assert_eq!(peer.common_name.as_deref(), Some("Ålesund"));
    }

    #[test]
    fn bytes_that_are_no_certificate_name_nobody() {
        for length in 0..64 {
            assert_eq!(PeerCertificate::of(&vec![0x30; length]), None);
        }
    }
}
