//! The stream's own bytes: what identifies it, and what other systems are fed.

use super::{Case, Mark, date, mix};

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The key: the student.
pub(crate) fn key(mark: &Mark) -> String {
    format!("d1:{:07}", mark.student)
}

/// The value: a protobuf message, its fields in order of their numbers, zeros left out.
pub(crate) fn value(mark: &Mark) -> Vec<u8> {
    let day = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(date(mark.day)));
    let mut bytes = Vec::with_capacity(96);
    text(&mut bytes, 1, "sis");
    text(&mut bytes, 2, &format!("s{:07}/{day}/day", mark.student));
    number(&mut bytes, 3, mark.revision);
    number(&mut bytes, 4, u64::from(date(mark.day).unsigned_abs()));
    number(&mut bytes, 5, mark.code as u64);
    number(&mut bytes, 6, mark.recorded_at);
    text(&mut bytes, 7, &key(mark));
    text(&mut bytes, 8, &format!("d1/sch-{:04}", mark.student / 500));
    bytes
}

/// Of all keys and values in order.
pub(crate) fn hash(case: Case) -> u64 {
    case.marks().fold(0, |hash, mark| mix(hash ^ fnv(fnv(FNV_START, key(&mark).as_bytes()), &value(&mark))))
}

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

fn text(bytes: &mut Vec<u8>, field: u64, text: &str) {
    varint(bytes, field << 3 | 2);
    varint(bytes, text.len() as u64);
    bytes.extend(text.bytes());
}

fn number(bytes: &mut Vec<u8>, field: u64, number: u64) {
    if number != 0 {
        varint(bytes, field << 3);
        varint(bytes, number);
    }
}

fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        bytes.push(number.to_le_bytes()[0] | 128);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{D, H, N};

    #[test]
    fn the_first_events_are_those_that_others_were_fed() {
        let first = D.mark(0);
        assert_eq!(key(&first), "d1:0000000");
        assert_eq!(
            hex::encode(value(&first)),
            "0a03736973121773303030303030302f323032352d30382d32352f646179180120e59e012803308080e7e1a9a28f033a0a64313a30303030303030420b64312f7363682d30303030"
        );
        let later = D.mark(1_234_567);
        assert_eq!(key(&later), "d1:0198267");
        assert_eq!(
            hex::encode(value(&later)),
            "0a03736973121773303139383236372f323032352d30382d32392f646179180120e99e01280130d8febeaeaea28f033a0a64313a30313938323637420b64312f7363682d30333936"
        );
    }

    /// The whole streams take seconds when optimised and half a minute when not: `homeroom-load rules` looks at them each time.
    #[test]
    fn the_beginning_of_each_stream_is_that_of_the_definition() {
        let hashes = [D, H, N].map(|case| hash(Case { events: 60_000, ..case }));
        assert_eq!(
            hashes.map(|hash| format!("{hash:016x}")),
            ["27c4f964bc941dd0", "7af2e71866ed50c3", "6d7f4bc5582364f1"]
        );
    }
}
