//! When certificates end: read from the certificate itself (RFC 5280, 4.1), since rustls keeps it to itself.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls::pki_types::CertificateDer;

use super::{Error, certificates};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Publishes when the certificate in a file ends, of something that reads the file by itself and keeps what it has read.
pub fn tell(certificate: &'static str, file: &Path) -> Result<(), Error> {
    publish(certificate, of_chain(&certificates(file)?));
    Ok(())
}

/// Publishes when what is in force ends.
pub(super) fn publish(certificate: &'static str, ends: Option<Timestamp>) {
    if let Some(ends) = ends {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a double")]
        let ends = ends.as_second() as f64;
        metrics::gauge!("homeroom_certificate_expires_timestamp_seconds", "certificate" => certificate).set(ends);
    }
}

/// When the first of a chain ends; nothing when none says so in a way that can be read.
pub(super) fn of_chain(chain: &[CertificateDer<'_>]) -> Option<Timestamp> {
    chain.iter().filter_map(|certificate| not_after(certificate)).min()
}

/// The end of a certificate's validity.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if rest.first() == Some(&VERSION) {
        rest = take(rest)?.2;
    }
    // Before the validity: serial number, signature algorithm, issuer.
    for _ in 0..3 {
        rest = take(rest)?.2;
    }
    let (validity, _) = expect(SEQUENCE, rest)?;
    let (_, _, rest) = take(validity)?;
    let (tag, text, _) = take(rest)?;
    time(tag, text)
}

/// What is in the next value of this kind, and what comes behind it.
fn expect(wanted: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, inside, rest) = take(der)?;
    (tag == wanted).then_some((inside, rest))
}

/// The next value of DER: its tag, what is in it, and what comes behind it.
fn take(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // The length of the length; four bytes are more than any certificate has.
        let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let big_endian = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
        ((length.len() <= 4).then(|| length.iter().fold(0, big_endian))?, rest)
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    Some((tag, inside, rest))
}

/// `YYMMDDHHMMSSZ`, of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let digits = match tag {
        UTC_TIME if text.len() == 12 && text.bytes().next()? >= b'5' => format!("19{text}"),
        UTC_TIME if text.len() == 12 => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    // Beyond what can be told it is as good as never.
    Some(TimeZone::UTC.to_timestamp(time).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn ending(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(1960, 1, 1);
        params.not_after = date_time_ymd(year, 2, 3);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_says_when_it_ends() {
        for year in [1970, 1999, 2026, 2049, 2050, 4096] {
            let told = not_after(&ending(year)).map(|end| end.to_string());
            assert_eq!(told, Some(format!("{year}-02-03T00:00:00Z")));
        }
    }

    #[test]
    fn a_chain_ends_with_its_first() {
        let told = of_chain(&[ending(2031), ending(2027), ending(2029)]).map(|end| end.to_string());
        assert_eq!(told.as_deref(), Some("2027-02-03T00:00:00Z"));
    }

    proptest! {
        #[test]
        fn bytes_that_are_no_certificate_have_no_end_and_do_no_harm(cut in 0usize..400, at in 0usize..400, byte: u8) {
            let mut der = ending(2030).to_vec();
            der.truncate(cut);
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            not_after(&der);
        }
    }
}
