//! An authority with its files, and two peers without a network.

use std::fs;
use std::io::IoSlice;
use std::path::{Path, PathBuf};

use ferrymq_transport::tls::{
    ClientLayer, ClientOptions, ClientSettings, ServerLayer, ServerOptions, ServerSettings,
};
use ferrymq_transport::{Layer, TransportError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, date_time_ymd,
};
use tempfile::TempDir;

/// An authority, and a directory for what it has signed.
pub(crate) struct Authority {
    pub(crate) directory: TempDir,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority, whose certificate is the file `ca.crt`.
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Ferry Authority");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let authority =
            Self { directory: TempDir::new().unwrap(), issuer: Issuer::new(params, key) };
        authority.write("ca.crt", &certificate.pem());
        authority
    }

    /// Where the file `name` is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// Signs a certificate, and writes it and its key to `NAME.crt` and `NAME.key`.
    pub(crate) fn sign(&self, name: &str, params: &CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.crt"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// Signs a list of the certificates with these serial numbers, and writes it to `revoked.crl`.
    pub(crate) fn revoke(&self, serial_numbers: &[u64]) {
        let revoked = |serial_number: &u64| RevokedCertParams {
            serial_number: (*serial_number).into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2120, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: serial_numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        self.write("revoked.crl", &params.signed_by(&self.issuer).unwrap().pem().unwrap());
    }

    /// A server with a certificate for `host`.
    pub(crate) fn server_options(&self, host: &str) -> ServerOptions {
        self.sign("server", &CertificateParams::new([host.to_owned()]).unwrap());
        ServerOptions {
            certificate: self.path("server.crt"),
            key: self.path("server.key"),
            ..ServerOptions::default()
        }
    }

    /// A client that trusts this authority.
    pub(crate) fn client_options(&self) -> ClientOptions {
        ClientOptions { ca_file: Some(self.path("ca.crt")), ..ClientOptions::default() }
    }

    /// A server that lets in whom this authority has signed and not revoked.
    pub(crate) fn strict_server_options(&self, host: &str) -> ServerOptions {
        ServerOptions {
            require_certificate: true,
            ca_file: Some(self.path("ca.crt")),
            revocations: Some(self.path("revoked.crl")),
            ..self.server_options(host)
        }
    }

    /// A client that shows a certificate for `name`.
    pub(crate) fn named_client_options(&self, name: &str) -> ClientOptions {
        self.client_options_with(name, &named(name))
    }

    /// A client that shows a certificate that says `params`.
    pub(crate) fn client_options_with(
        &self,
        name: &str,
        params: &CertificateParams,
    ) -> ClientOptions {
        self.sign(name, params);
        ClientOptions {
            certificate: Some(self.path(&format!("{name}.crt"))),
            key: Some(self.path(&format!("{name}.key"))),
            ..self.client_options()
        }
    }
}

/// What a certificate for `name` says.
pub(crate) fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A file that OpenSSL has made.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls/fixtures").join(name)
}

/// A server and a client, and the bytes that are on their way.
pub(crate) struct Pair {
    pub(crate) server: ServerLayer,
    pub(crate) client: ClientLayer,
    pub(crate) to_server: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

impl Pair {
    /// Two peers that have said nothing yet.
    pub(crate) fn new(server: &ServerSettings, client: &ClientSettings, host: &str) -> Self {
        let mut to_server = Vec::new();
        let client = ClientLayer::new(client, host, &mut to_server).unwrap();
        let server = ServerLayer::new(server).unwrap();
        Self { server, client, to_server, to_client: Vec::new() }
    }

    /// Carries bytes until none are left. What they mean to the server and to the client comes back.
    pub(crate) fn carry(&mut self) -> Result<(Vec<u8>, Vec<u8>), (Side, TransportError)> {
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        while !self.to_server.is_empty() || !self.to_client.is_empty() {
            let bytes = std::mem::take(&mut self.to_server);
            self.server
                .receive(&bytes, &mut at_server, &mut self.to_client)
                .map_err(|error| (Side::Server, error))?;
            let bytes = std::mem::take(&mut self.to_client);
            self.client
                .receive(&bytes, &mut at_client, &mut self.to_server)
                .map_err(|error| (Side::Client, error))?;
        }
        Ok((at_server, at_client))
    }

    /// Carries `bytes` from the client, and returns what came.
    pub(crate) fn client_says(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.client.send(&[IoSlice::new(bytes)], &mut self.to_server);
        self.carry().unwrap().0
    }

    /// Carries `bytes` from the server, and returns what came.
    pub(crate) fn server_says(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.server.send(&[IoSlice::new(bytes)], &mut self.to_client);
        self.carry().unwrap().1
    }
}

/// Who has found something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}
