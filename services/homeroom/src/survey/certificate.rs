//! Until when certificates are good that the configuration names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use homeroom_chassis::config::Setting;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::files;

/// Keys whose files hold certificates.
const KEYS: [&str; 4] = [".tls.cert", ".client-ca", "ca-file", "cert-file"];

/// A file of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The file.
    pub(crate) file: PathBuf,
    /// When the first of its certificates ends; or why that is not known.
    pub(crate) ends: Result<Timestamp, String>,
}

/// Those that the configuration names.
pub(super) fn named(outline: &[(String, Setting)]) -> Vec<Certificate> {
    let named: BTreeSet<PathBuf> = files(outline, &KEYS).map(|(_, path)| path).collect();
    named.into_iter().map(|file| Certificate { ends: first_end(&file), file }).collect()
}

fn first_end(file: &Path) -> Result<Timestamp, String> {
    let text = std::fs::read(file).map_err(|error| error.to_string())?;
    let mut first: Option<Timestamp> = None;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        let end = not_after(&certificate).ok_or("it is no certificate")?;
        first = Some(first.map_or(end, |first| first.min(end)));
    }
    first.ok_or_else(|| "it holds no certificate in PEM".to_owned())
}

/// A part of DER: its tag, what it holds, and what comes after it.
struct Part<'a> {
    tag: u8,
    held: &'a [u8],
    rest: &'a [u8],
}

fn part(der: &[u8]) -> Option<Part<'_>> {
    let (&tag, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = match first {
        short @ 0..=0x7f => (usize::from(short), der),
        long => {
            let (bytes, der) = der.split_at_checked(usize::from(long & 0x7f))?;
            // A certificate of four gigabytes is none.
            let length =
                bytes.iter().try_fold(0_u32, |sum, byte| sum.checked_mul(256)?.checked_add(u32::from(*byte)))?;
            (usize::try_from(length).ok()?, der)
        }
    };
    let (held, rest) = der.split_at_checked(length)?;
    Some(Part { tag, held, rest })
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which the first kind of certificate has not.
const VERSION: u8 = 0xa0;

/// `notAfter` (RFC 5280, 4.1): of the part that is signed, behind version, serial number, algorithm and issuer.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let signed = part(part(certificate)?.held)?.held;
    let first = part(signed)?;
    let serial = if first.tag == VERSION { part(first.rest)? } else { first };
    let algorithm = part(Some(serial).filter(|it| it.tag == INTEGER)?.rest)?;
    let issuer = part(algorithm.rest)?;
    let validity = part(issuer.rest)?.held;
    let end = part(part(validity)?.rest)?;
    let text = std::str::from_utf8(end.held).ok()?.strip_suffix('Z')?;
    let text = match end.tag {
        // Two digits of the year: from 50 on they are of the last century.
        UTC_TIME if text >= "5" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let there = DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
    TimeZone::UTC.to_timestamp(there).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 3650`, and its end read with
    /// `openssl x509 -enddate`.
    const SAMPLE: &str = include_str!("certificate/sample.pem");

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), SAMPLE).expect("written");
        let end = first_end(file.path()).expect("read");
        assert_eq!(end.to_string(), "2036-11-23T10:37:21Z");
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n")
            .expect("written");
        assert_eq!(first_end(file.path()), Err("it is no certificate".to_owned()));
        std::fs::write(file.path(), "").expect("written");
        assert!(first_end(file.path()).is_err());
    }

    #[test]
    fn nothing_that_is_cut_off_is_read_beyond_its_end() {
        let whole = CertificateDer::from_pem_slice(SAMPLE.as_bytes()).expect("a certificate");
        for length in 0..whole.len() {
            not_after(whole.get(..length).expect("shorter"));
        }
    }
}
