//! Reading and writing packed bytes, of the ledger and of episodes: variable-length integers, and slices of known length.

use crate::date::Date;

/// A cursor that never fails half-way: beyond the end, or at nonsense, it gives zeros and remembers that it did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    bad: bool,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, bad: false }
    }

    /// Whether all was there, and sound.
    pub(crate) const fn is_sound(&self) -> bool {
        !self.bad
    }

    /// Whether nothing is left, or nothing that makes sense.
    pub(crate) const fn is_done(&self) -> bool {
        self.rest.is_empty() || self.bad
    }

    /// How many bytes are left.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Remembers that what was read makes no sense.
    pub(crate) fn spoil(&mut self) {
        self.bad = true;
        self.rest = &[];
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.rest.split_first() else {
            self.spoil();
            return 0;
        };
        self.rest = rest;
        byte
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> u64 {
        let first = self.byte();
        if first < 0x80 {
            return u64::from(first);
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        self.spoil();
        0
    }

    /// A length or position.
    #[inline]
    pub(crate) fn size(&mut self) -> usize {
        usize::try_from(self.varint()).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(crate) fn signed(&mut self) -> i64 {
        let value = self.varint();
        (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
    }

    /// A signed number of 32 bits.
    #[inline]
    pub(crate) fn narrow(&mut self) -> i32 {
        i32::try_from(self.signed()).unwrap_or_else(|_| {
            self.spoil();
            0
        })
    }

    /// A date that was one when it was written.
    pub(crate) fn date(&mut self) -> Date {
        Date::from_days(self.narrow()).unwrap_or_else(|_| {
            self.spoil();
            Date::EPOCH
        })
    }

    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> &'a [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            self.spoil();
            return &[];
        };
        self.rest = rest;
        taken
    }

    pub(crate) fn sixteen(&mut self) -> [u8; 16] {
        self.take(16).try_into().unwrap_or_default()
    }
}

pub(crate) fn put_varint(out: &mut impl Extend<u8>, mut value: u64) {
    while value >= 0x80 {
        out.extend([(value & 0x7f) as u8 | 0x80]);
        value >>= 7;
    }
    out.extend([(value & 0x7f) as u8]);
}

pub(crate) fn put_size(out: &mut impl Extend<u8>, value: usize) {
    put_varint(out, value as u64);
}

pub(crate) fn put_signed(out: &mut impl Extend<u8>, value: i64) {
    put_varint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back() {
        let values = [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN];
        let mut bytes = Vec::new();
        for value in values {
            put_signed(&mut bytes, value);
            put_varint(&mut bytes, value.cast_unsigned());
        }
        let mut reader = Reader::new(&bytes);
        for value in values {
            assert_eq!(reader.signed(), value);
            assert_eq!(reader.varint(), value.cast_unsigned());
        }
        assert!(reader.is_done() && reader.is_sound());
    }

    #[test]
    fn beyond_the_end_there_are_zeros_and_a_stain() {
        let mut reader = Reader::new(&[0x80]);
        assert_eq!(reader.varint(), 0);
        assert_eq!(reader.take(3), b"");
        assert!(!reader.is_sound());
    }
}
