//! Which partition a key belongs to: murmur2, as Kafka's Java client has it, so that a student has the same partition in every log.

use crate::topic::Partition;

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The partition of a key among `partitions`, of which there is at least one.
pub fn partition_of(key: &[u8], partitions: i32) -> Partition {
    // Java's `toPositive` drops the sign bit; a positive number of 31 bits fits.
    let positive = (murmur2(key) & 0x7fff_ffff).cast_signed();
    Partition(positive % partitions.max(1))
}

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(key: &[u8]) -> u32 {
    // Kafka's keys are shorter than 2 GiB; the hash takes the length modulo 2^32 in any case.
    #[expect(clippy::cast_possible_truncation, reason = "only the low bits are hashed")]
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_are_those_of_the_java_client() {
        let vectors: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn a_negative_hash_loses_its_sign_and_keeps_its_bits() {
        // toPositive(-973932308) is 1173551340.
        assert_eq!(partition_of(b"21", 12), Partition(1_173_551_340 % 12));
        assert_eq!(partition_of(b"anything", 1), Partition(0));
    }
}
