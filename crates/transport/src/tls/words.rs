//! What went wrong between two peers, in words that say what to do.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use crate::error::TransportError;

/// A server's words about a client.
pub(super) fn server(error: &Error) -> TransportError {
    protocol(match error {
        Error::NoCertificatesPresented => "the client has shown no certificate, and \
            require_certificate asks for one; give it a certificate of an authority in cafile or \
            capath"
            .into(),
        Error::InvalidCertificate(error) => {
            format!(
                "the client's certificate is not accepted: {}",
                certificate(error, "cafile or capath")
            )
        }
        Error::AlertReceived(alert) => match alert {
            AlertDescription::UnknownCA | AlertDescription::BadCertificate => format!(
                "the client does not trust this server's certificate (alert {alert:?}); give the client \
                 the certificate of the authority that has signed it"
            ),
            AlertDescription::CertificateUnknown | AlertDescription::CertificateExpired => format!(
                "the client does not accept this server's certificate (alert {alert:?}); is it for the \
                 name that the client uses, and still valid?"
            ),
            alert => format!("the client has ended the connection (alert {alert:?})"),
        },
        error => either(error, "client"),
    })
}

/// A client's words about the server at `host`.
pub(super) fn client(error: &Error, host: &str) -> TransportError {
    protocol(match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "the broker's certificate is not for {host}; connect to the name that it is for, or make one \
             for {host}"
        ),
        Error::InvalidCertificate(error) => {
            format!("the broker's certificate is not accepted: {}", certificate(error, "--cafile"))
        }
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => {
                "the broker wants a certificate; give it with \
                --cert and --key"
                    .into()
            }
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied => format!(
                "the broker does not accept the certificate of --cert (alert {alert:?}), or wants one"
            ),
            AlertDescription::NoApplicationProtocol => {
                "the broker does not speak the protocol of --tls-alpn".into()
            }
            alert => format!("the broker has ended the connection (alert {alert:?})"),
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS; is the port right? Usually 8883 speaks TLS, 1883 does not"
                .into()
        }
        error => either(error, "broker"),
    })
}

/// Fails if `first`, the first byte from a client, is not one that a TLS handshake begins with.
pub(super) fn check_first_byte(first: u8) -> Result<(), TransportError> {
    match first {
        0x16 => Ok(()),
        0x10 => Err(protocol(
            "the client speaks MQTT without TLS; this port wants TLS: is the client's port right, or \
             its TLS not switched on?"
                .into(),
        )),
        b'A'..=b'Z' => Err(protocol(
            "the client speaks HTTP without TLS; this port wants TLS (https:// or wss://)".into(),
        )),
        first => Err(protocol(format!(
            "the client does not speak TLS: its first byte is 0x{first:02x}, and not 0x16"
        ))),
    }
}

/// A host that no certificate can be for.
pub(super) fn no_name(host: &str) -> TransportError {
    protocol(format!("`{host}` is neither a host name nor an IP address"))
}

fn either(error: &Error, peer: &str) -> String {
    match error {
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => format!("the {peer} speaks no version of TLS that is accepted here; see tls_version"),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => {
            format!("the {peer} and this side have no cipher suite in common; see ciphers")
        }
        Error::PeerIncompatible(reason) => {
            format!("the {peer} and this side have too little in common: {reason:?}")
        }
        Error::PeerSentOversizedRecord => {
            format!("the {peer} has sent a record or handshake message that is too large")
        }
        Error::DecryptError => {
            format!("a record of the {peer} cannot be decrypted; was it changed on its way?")
        }
        error => format!("the {peer} breaks the rules of TLS: {error}"),
    }
}

fn certificate(error: &CertificateError, authorities: &str) -> String {
    match error {
        // A bad signature is one of somebody who has the name of an authority, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("who has signed it is not one of the authorities that {authorities} names")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; is the clock right?".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; is the clock right?".into()
        }
        CertificateError::Revoked => "it was revoked".into(),
        CertificateError::UnknownRevocationStatus => {
            "no list in crlfile is of the authority that has signed it".into()
        }
        CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => {
            "the list in crlfile is out of date; make a new one".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its extended key usage is for another purpose".into()
        }
        error => error.to_string(),
    }
}

fn protocol(reason: String) -> TransportError {
    TransportError::Protocol { protocol: "TLS", reason }
}
