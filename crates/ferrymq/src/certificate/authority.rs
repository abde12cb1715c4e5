//! Keys and what is signed with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, bail};
use ferrymq_transport::tls::{ServerOptions, ServerSettings};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// The most characters of a common name [RFC 5280, appendix A].
pub(super) const NAME_CHARACTERS_MAXIMUM: usize = 64;

/// How long something is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Days(u32);

impl FromStr for Days {
    type Err = anyhow::Error;

    fn from_str(words: &str) -> anyhow::Result<Self> {
        match words.parse() {
            // A hundred years are enough, and dates before 2150 are understood everywhere.
            Ok(days @ 1..=36_500) => Ok(Self(days)),
            _ => bail!("from 1 to 36500 days"),
        }
    }
}

/// What a certificate is good for.
pub(super) enum Purpose<'a> {
    /// A broker that has these names and addresses.
    Server(&'a [String]),
    /// A client of this name.
    Client(&'a str),
}

/// An authority that was read from its directory.
pub(super) struct Authority {
    /// The file of its certificate.
    pub(super) certificate: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// Makes an authority: its certificate and its key, both in PEM form.
pub(super) fn make(name: &str, days: Days) -> anyhow::Result<(String, String)> {
    let mut params = valid_for(days)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // What it signs is for hosts and clients, and not for other authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

impl Authority {
    /// Reads `ca.crt` and `ca.key` of a directory.
    pub(super) fn read(directory: &Path) -> anyhow::Result<Self> {
        let (certificate, key) = (directory.join("ca.crt"), directory.join("ca.key"));
        if !certificate.exists() && !key.exists() {
            bail!(
                "there is no authority in {path}; make one with `ferrymq cert ca --out {path}`, or say \
                 with --ca where it is",
                path = directory.display()
            );
        }
        // A listener would have the same to say of files that are wrong or do not match.
        let options = ServerOptions {
            certificate: certificate.clone(),
            key: key.clone(),
            ..ServerOptions::default()
        };
        for warning in ServerSettings::load(&options)?.warnings() {
            eprintln!("Warning: {warning}");
        }
        let pem = fs::read_to_string(&key).with_context(|| key.display().to_string())?;
        let pair = KeyPair::from_pem(&pem).map_err(|error| {
            anyhow!(
                "the key in {path} cannot sign ({error}); if it is not in PKCS #8 form, write it so: \
                 `openssl pkcs8 -topk8 -nocrypt -in {path}`",
                path = key.display()
            )
        })?;
        let pem =
            fs::read_to_string(&certificate).with_context(|| certificate.display().to_string())?;
        let issuer = Issuer::from_ca_cert_pem(&pem, pair)
            .with_context(|| format!("{} is not an authority's", certificate.display()))?;
        Ok(Self { certificate, issuer })
    }

    /// Makes a certificate with a new key, both in PEM form.
    pub(super) fn sign(
        &self,
        purpose: &Purpose<'_>,
        days: Days,
    ) -> anyhow::Result<(String, String)> {
        let mut params = valid_for(days)?;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        match purpose {
            Purpose::Server(hosts) => {
                // Its names are the alternative ones: nobody has to look at the subject.
                params.subject_alt_names = CertificateParams::new(*hosts)?.subject_alt_names;
                let short = hosts.iter().find(|host| host.len() <= NAME_CHARACTERS_MAXIMUM);
                params
                    .distinguished_name
                    .push(DnType::CommonName, short.map_or("broker", |host| host));
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }
            Purpose::Client(name) => {
                params.distinguished_name.push(DnType::CommonName, *name);
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }
        }
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
    }
}

/// A certificate for nobody, valid for `days` from now.
fn valid_for(days: Days) -> anyhow::Result<CertificateParams> {
    const DAY: Duration = Duration::from_hours(24);
    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let now = date_time_ymd(1970, 1, 1) + since_1970;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    // The clocks of devices are not always right.
    params.not_before = now - DAY;
    params.not_after = now + DAY * days.0;
    Ok(params)
}
