//! Headers in one column: for each, name and value, each with its length in four bytes before it.

use bytes::{Buf, Bytes};

/// Appends the headers to a buffer.
pub(super) fn encode(headers: &[(String, Bytes)], into: &mut Vec<u8>) {
    for (name, value) in headers {
        for part in [name.as_bytes(), value] {
            // A record is smaller than 1 MB, so a part is too.
            into.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            into.extend_from_slice(part);
        }
    }
}

/// The headers in a column's bytes; none when they are not what [`encode`] writes.
pub(super) fn decode(mut column: Bytes) -> Option<Vec<(String, Bytes)>> {
    let mut headers = Vec::new();
    while !column.is_empty() {
        let name = String::from_utf8(part(&mut column)?.to_vec()).ok()?;
        headers.push((name, part(&mut column)?));
    }
    Some(headers)
}

fn part(column: &mut Bytes) -> Option<Bytes> {
    let length = column.try_get_u32().ok()? as usize;
    (length <= column.len()).then(|| column.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_as_written_in_order_and_with_repeats() {
        let headers = vec![
            ("traceparent".to_owned(), Bytes::from_static(b"00-ab-cd-01")),
            ("empty".to_owned(), Bytes::new()),
            ("traceparent".to_owned(), Bytes::from_static(&[0, 255])),
        ];
        let mut column = Vec::new();
        encode(&headers, &mut column);
        assert_eq!(decode(Bytes::from(column)), Some(headers));
    }

    #[test]
    fn a_cut_column_is_refused() {
        let mut column = Vec::new();
        encode(&[("name".to_owned(), Bytes::from_static(b"value"))], &mut column);
        for length in 1..column.len() {
            assert_eq!(decode(Bytes::copy_from_slice(&column[..length])), None, "{length}");
        }
    }
}
