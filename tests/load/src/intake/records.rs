//! The marks that are sent: as our door takes them, and as the bridge does, with the same content.

/// A mark of one student and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    student: u64,
    day: u64,
    code: &'static str,
    revision: u64,
}

const STUDENTS: u64 = 300_000;
/// A seventeenth each; the other fourteen are present.
const CODES: [&str; 3] = ["absent-unexcused", "absent-excused", "tardy"];

impl Mark {
    /// Bodies of so many marks each, the same in every run; each part has its own.
    pub(crate) fn bodies(part: usize, bodies: usize, batch: usize) -> impl Iterator<Item = Vec<Self>> {
        let mut chance = Chance(20_250_825 + part as u64);
        (0..bodies as u64).map(move |body| {
            let mark = |_| Self {
                student: chance.below(STUDENTS),
                day: 13 + chance.below(5),
                code: usize::try_from(chance.below(17)).ok().and_then(|n| CODES.get(n)).copied().unwrap_or("present"),
                revision: 1_756_000_000 + body,
            };
            (0..batch).map(mark).collect()
        })
    }

    /// As `POST /v1/events` takes it.
    pub(crate) fn native(&self) -> String {
        format!(
            "{{\"kind\":\"attendance\",\"key\":\"{}\",\"revision\":{},\"occurred_at\":\"2025-10-{}T08:40:00Z\",\"data\":{}}}",
            self.key(),
            self.revision,
            self.day,
            self.data()
        )
    }

    /// As the bridge takes it.
    pub(crate) fn bridged(&self) -> String {
        format!(
            "{{\"key\":\"d1:{:07}\",\"value\":{{\"source\":\"sis\",\"naturalKey\":\"{}\",\"student\":\"d1:{:07}\",\
             \"school\":\"d1/sch-{:04}\",\"date\":\"2025-10-{}\",\"code\":\"{}\",\"revision\":1,\"recordedAt\":{}000000}}}}",
            self.student,
            self.key(),
            self.student,
            self.student / 500,
            self.day,
            self.code,
            self.revision
        )
    }

    /// The sender's natural key.
    pub(crate) fn key(&self) -> String {
        format!("s{:07}/2025-10-{}/day", self.student, self.day)
    }

    /// Grows with each word on one key.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// What is submitted, as JSON.
    pub(crate) fn data(&self) -> String {
        format!(
            "{{\"student\":\"{:07}\",\"school\":\"sch-{:04}\",\"date\":\"2025-10-{}\",\"code\":\"{}\"}}",
            self.student,
            self.student / 500,
            self.day,
            self.code
        )
    }
}

/// Numbers that look random and are the same in every run: xorshift.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_sends_the_same_and_each_part_its_own() {
        let all = |part| Mark::bodies(part, 2, 3).collect::<Vec<_>>();
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
        for mark in all(1).concat() {
            for text in [mark.native(), mark.bridged()] {
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
            }
        }
    }
}
