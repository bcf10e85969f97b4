//! The same seed gives the same bytes, whoever makes them, in whatever order.

use homeroom_simulate::{Batch, District};

/// FNV-1a, 64 bits.
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn fingerprint(seed: u64) -> u64 {
    let district = District::new(1_000, seed, 2025).expect("possible");
    let mut batch = Batch::new(district.opening()..=district.closing());
    district.office(&mut batch);
    (0..district.schools()).for_each(|school| district.school(school, &mut batch));
    (0..district.students()).for_each(|student| district.student(student, &mut batch));
    batch.sort();
    let mut fingerprint = Fingerprint(0xcbf2_9ce4_8422_2325);
    for document in batch.iter() {
        let on = district.date(document.on).to_string();
        for part in [document.resource.endpoint(), &on, document.body] {
            fingerprint.add(part.as_bytes());
        }
    }
    fingerprint.0
}

/// Whoever changes what a district says changes this number; nothing else may.
#[test]
fn a_seed_gives_the_bytes_that_it_gave_on_every_other_machine() {
    assert_eq!(format!("{:016x}", fingerprint(1)), "814b4a1c35802376");
    assert_ne!(fingerprint(1), fingerprint(2));
}

#[test]
fn a_student_does_not_depend_on_the_others_nor_on_the_days_that_are_asked_for() {
    let district = District::new(20_000, 4, 2025).expect("possible");
    let all = texts(&district, Batch::new(district.opening()..=district.closing()), 12_345);
    let again = texts(
        &District::new(20_000, 4, 2025).expect("possible"),
        Batch::new(district.opening()..=district.closing()),
        12_345,
    );
    assert_eq!(all, again);
    let mut by_day = Vec::new();
    let mut day = district.opening();
    while day <= district.closing() {
        by_day.extend(texts(&district, Batch::new(day..=day), 12_345));
        day = day.plus(1);
    }
    assert_eq!(all, by_day);
}

fn texts(district: &District, mut batch: Batch, student: u32) -> Vec<String> {
    district.student(student, &mut batch);
    batch.sort();
    batch.iter().map(|document| format!("{:?} {:?} {}", document.on, document.word, document.body)).collect()
}
