//! Frames of HTTP/2, and of the gRPC messages in them as much as tells a settlement from anything else.

/// What a client says before its first frame: `PRI * HTTP/2.0` and so on.
pub(super) const PREFACE_BYTES: usize = 24;
/// Length in three bytes, kind, flags, stream in four.
const HEAD_BYTES: usize = 9;
/// The kind of a frame with content.
const DATA: u8 = 0;
/// Before each message of gRPC: whether it is compressed, which ours never are, and its length in four bytes.
const PREFIX_BYTES: usize = 5;

/// The first byte of a `StreamRequest` that settles: field 2 is one settlement, field 5 several.
pub(super) const SETTLEMENT: [u8; 2] = [field(2), field(5)];
/// The first byte of a `StreamResponse` that answers it: field 3 is one result, field 6 several.
pub(super) const SETTLED: [u8; 2] = [field(3), field(6)];

/// The tag of a field that is a message.
const fn field(number: u8) -> u8 {
    number << 3 | 2
}

/// The length of the first frame, if it is whole.
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let &[high, middle, low, ..] = bytes else { return None };
    let end = HEAD_BYTES + u32::from_be_bytes([0, high, middle, low]) as usize;
    (bytes.len() >= end).then_some(end)
}

/// Whether a message in the frame begins with one of these bytes. A message that goes on in the next frame is known by its
/// beginning.
pub(super) fn brings(frame: &[u8], first: &[u8]) -> bool {
    if frame.get(3) != Some(&DATA) {
        return false;
    }
    let mut content = frame.get(HEAD_BYTES..).unwrap_or_default();
    while let Some((&[0, a, b, c, d], message)) = content.split_first_chunk::<PREFIX_BYTES>() {
        if message.first().is_some_and(|byte| first.contains(byte)) {
            return true;
        }
        content = message.get(u32::from_be_bytes([a, b, c, d]) as usize..).unwrap_or_default();
    }
    false
}
