//! Ids made of names: UUIDs of version 5.

use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

/// The UUID of a name, given in parts, in a namespace, as [`Uuid::new_v5`] makes it, but with the processor's own instructions for SHA-1: an
/// event's id is made of all that it says, and portable code would spend more on it than on the rest of the event.
pub(crate) fn id(namespace: &Uuid, name: &[&[u8]]) -> Uuid {
    let begun = Sha1::new().chain_update(namespace.as_bytes());
    let hash = name.iter().fold(begun, Sha1::chain_update);
    let hash: [u8; 20] = hash.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    Builder::from_sha1_bytes(first).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_standard() {
        let namespace = Uuid::from_u128(0x5d2f_6a3b_9c1e_4f07_8b44_d0e7_a95c_1386);
        for length in [0, 1, 39, 40, 63, 64, 200] {
            let name = vec![b'n'; length];
            assert_eq!(id(&namespace, &[&name[..length / 2], &name[length / 2..]]), Uuid::new_v5(&namespace, &name));
        }
    }
}
