//! Why settings cannot be made, in words that say what to do.

use std::io;
use std::path::PathBuf;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file is not there or may not be read.
    #[error("{path} cannot be read ({error}); {advice}", path = path.display(), advice = advice(error))]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file is far larger than any certificates are.
    #[error(
        "{path} is larger than {maximum_bytes} bytes; is this the right file?", path = path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        maximum_bytes: u64,
    },
    /// A file holds no certificate.
    #[error(
        "{path} holds no certificate; it must be in PEM form, with a line \
         `-----BEGIN CERTIFICATE-----`. From DER it is made with `openssl x509 -inform DER -in {path}`",
        path = path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A directory holds no file with a certificate.
    #[error(
        "the directory {path} holds no file with a certificate in PEM form", path = path.display()
    )]
    NoCertificateInDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// What stands between BEGIN and END cannot be understood.
    #[error("{path} is not a valid PEM file: {reason}", path = path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate cannot be understood.
    #[error("{path} holds a certificate that cannot be understood: {reason}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file holds no private key.
    #[error(
        "{path} holds no private key; it must be in PEM form, with a line \
         `-----BEGIN PRIVATE KEY-----`", path = path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A private key is encrypted.
    #[error(
        "the key in {path} is encrypted, and nobody is there to type its pass phrase; write it without \
         one, readable by this user alone: `(umask 077; openssl pkey -in {path} -out KEY)`",
        path = path.display()
    )]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// A private key of a kind that is not known.
    #[error(
        "the key in {path} cannot be used ({reason}); RSA with 2048 to 4096 bits, ECDSA P-256 and \
         P-384, and Ed25519 can", path = path.display()
    )]
    UnusableKey {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key is not that of the certificate.
    #[error(
        "certificate and key do not match: the key in {key} is not that of the first certificate in \
         {certificate}", key = key.display(), certificate = certificate.display()
    )]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A client has a certificate and no key, or a key and no certificate.
    #[error("a certificate needs its key and a key its certificate; give both, or neither")]
    HalfOfAPair,
    /// Certificates are required, and nobody is trusted to give any.
    #[error(
        "require_certificate is true, and no authority is named: no client could ever connect; name it \
         with cafile or capath"
    )]
    NoAuthority,
    /// A file holds no list of revoked certificates.
    #[error(
        "{path} holds no list of revoked certificates; it must be in PEM form, with a line \
         `-----BEGIN X509 CRL-----`", path = path.display()
    )]
    NoRevocations {
        /// The file.
        path: PathBuf,
    },
    /// A list of revoked certificates cannot be understood.
    #[error("the list of revoked certificates {path} cannot be used: {reason}", path = path.display())]
    Revocations {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No cipher suite is left.
    #[error("none of the ciphers `{list}` is known; known are {known}")]
    NoCiphers {
        /// What was asked for.
        list: String,
        /// What could be.
        known: String,
    },
    /// A version that is not spoken.
    #[error(
        "the TLS version `{words}` is not spoken; tlsv1.2 and tlsv1.3 are (what is said is the lowest \
         that is accepted)"
    )]
    UnknownVersion {
        /// What was asked for.
        words: String,
    },
    /// The secrets cannot be written.
    #[error("the file for the secrets of TLS {path} cannot be opened: {error}", path = path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// The operating system's certificates cannot be found.
    #[error(
        "the operating system has no certificates that could be trusted ({reason}); install its package \
         `ca-certificates`, or name the authority with --cafile"
    )]
    NoOsCertificates {
        /// What went wrong.
        reason: String,
    },
    /// The TLS library refuses what it was told.
    #[error("TLS cannot be set up: {reason}")]
    Setup {
        /// What it says.
        reason: String,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => {
            "the user of this process needs the right to read it and to enter its directories"
        }
        _ => "is it a regular file?",
    }
}
