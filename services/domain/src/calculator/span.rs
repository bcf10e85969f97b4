//! Stretches of a day, put together.

use smallvec::SmallVec;

use super::fact::Span;

pub(super) type Spans = SmallVec<[Span; 8]>;

/// Spans without the parts that lie in others; both in order, and none touches the next.
pub(super) fn without(spans: &Spans, others: &Spans) -> Spans {
    let mut rest = Spans::new();
    for span in spans {
        let mut begin = span.begin;
        for other in others.iter().filter(|other| other.begin < span.end && other.end > span.begin) {
            rest.push(Span { begin, end: other.begin });
            begin = other.end;
        }
        rest.push(Span { begin, end: span.end });
    }
    rest.retain(|span| span.minutes() > 0);
    rest
}

/// Puts spans in order and joins those that touch.
pub(super) fn join(spans: &mut Spans) {
    spans.retain(|span| span.minutes() > 0);
    spans.sort_unstable_by_key(|span| span.begin);
    let mut joined = Spans::new();
    for span in spans.iter() {
        match joined.last_mut().filter(|last: &&mut Span| span.begin <= last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => joined.push(*span),
        }
    }
    *spans = joined;
}

/// Puts what lies between two neighbours into the spans, when it is no longer than that; tells which stretches those are. The spans
/// are in order, and none touches the next.
pub(super) fn bridge(spans: &mut Spans, longest: i32) -> Spans {
    let between = spans.array_windows::<2>().map(|[before, after]| Span { begin: before.end, end: after.begin });
    let bridged: Spans = between.filter(|gap| gap.minutes() <= longest).collect();
    spans.extend_from_slice(&bridged);
    join(spans);
    bridged
}

/// Whether spans, in order, reach to both ends of a stretch.
pub(super) fn are_around(spans: &Spans, gap: Span) -> bool {
    spans.iter().any(|span| span.begin < gap.begin && span.end >= gap.begin)
        && spans.iter().any(|span| span.begin <= gap.end && span.end > gap.end)
}

/// So many minutes of spans, which are in order, from their first one on, or the last so many.
pub(super) fn lay(spans: &Spans, minutes: i32, at_the_end: bool) -> Spans {
    let mut left = minutes;
    let mut laid = Spans::new();
    for at in 0..spans.len() {
        let span = spans[if at_the_end { spans.len() - 1 - at } else { at }];
        let part = left.clamp(0, span.minutes());
        left -= part;
        laid.push(if at_the_end {
            Span { begin: span.end - part, ..span }
        } else {
            Span { end: span.begin + part, ..span }
        });
    }
    laid
}

/// Minutes of spans together.
pub(super) fn minutes(spans: &Spans) -> i32 {
    spans.iter().map(|span| span.minutes()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(of: &[(i32, i32)]) -> Spans {
        of.iter().map(|&(begin, end)| Span { begin, end }).collect()
    }

    #[test]
    fn a_gap_is_bridged_up_to_its_limit() {
        let mut day = spans(&[(0, 50), (55, 100), (130, 180)]);
        assert_eq!(bridge(&mut day, 5), spans(&[(50, 55)]));
        assert_eq!(day, spans(&[(0, 100), (130, 180)]));
        assert!(are_around(&spans(&[(0, 50), (55, 60)]), Span { begin: 50, end: 55 }));
        assert!(!are_around(&spans(&[(0, 50), (56, 60)]), Span { begin: 50, end: 55 }));
    }

    #[test]
    fn minutes_are_laid_from_either_end_and_over_breaks() {
        let day = spans(&[(0, 50), (100, 150)]);
        assert_eq!(lay(&day, 60, false), spans(&[(0, 50), (100, 110)]));
        assert_eq!(lay(&day, 60, true), spans(&[(100, 150), (40, 50)]));
    }
}
