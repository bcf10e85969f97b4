//! Alert changes for this crate's tests.

use homeroom_domain::alert::{AlertChange, ChangeKind, CitedFact, Claim, Proof, Severity, Terms};
use homeroom_domain::date::Date;
use homeroom_domain::event::Origin;
use homeroom_domain::id::{AlertId, DistrictId, RecordKey, Revision, RuleId, SchoolId, SourceId, StudentKey};
use jiff::Timestamp;

/// Something that must not leave the platform.
pub(crate) const FACT: &str = "unexcused absence, whole day";

/// A change of one alert, decided at second `number` of 1970.
pub(crate) fn change(number: u32, kind: ChangeKind) -> AlertChange {
    let date = Date::parse("2022-04-13").unwrap();
    let school = SchoolId::parse("255901001").unwrap();
    let source = SourceId::parse("sis").unwrap();
    AlertChange {
        alert_id: AlertId::new([9; 16]),
        number,
        kind,
        district: DistrictId::parse("grand-bend").unwrap(),
        student: StudentKey::new([7; 16]),
        school: school.clone(),
        school_name: String::new(),
        claim: Claim {
            rule: RuleId::parse("unexplained-absence").unwrap(),
            rule_version: 1,
            severity: Severity::Urgent,
            level: 1,
            audience: "attendance".into(),
            title: "Absent today, nobody has said why".into(),
            settle_seconds: 600,
            proof: Proof {
                as_of: date,
                explanation: "1 absence, 0 explained".into(),
                clears_when: "an explanation".into(),
                measures: Vec::new(),
                facts: vec![CitedFact {
                    date,
                    school,
                    what: FACT.into(),
                    code: "U".into(),
                    origin: Origin { source, key: RecordKey::new([3; 16]), revision: Revision(1) },
                }],
                facts_left_off: 0,
                threshold_source: "".into(),
            },
            terms: Terms::default(),
        },
        reason: String::new(),
        changed_at: Timestamp::constant(number.into(), 0),
        caused_at: None,
        district_time: jiff::civil::date(2022, 4, 13).at(9, 5, 0, 0),
        late_since: None,
        fallen_due: Vec::new(),
    }
}
