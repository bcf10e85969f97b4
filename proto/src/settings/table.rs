//! What a district's settings say of discipline codes, of kinds of connections and of grades.

use std::collections::BTreeMap;

use homeroom_domain::behavior::Sanction;
use homeroom_domain::connection::Relation;
use homeroom_domain::course::grading::SchoolScale;
use homeroom_domain::course::scale::{GradeScale, Step};

use crate::decode::{At, DecodeError};
use crate::wire::reference as wire;

pub(super) fn disciplines_to_wire(table: &BTreeMap<String, Sanction>) -> Vec<wire::DisciplineMeaning> {
    let meaning = |(code, sanction): (&String, &Sanction)| {
        let sanction = match sanction {
            Sanction::InSchoolSuspension => wire::Sanction::InSchoolSuspension,
            Sanction::OutOfSchoolSuspension => wire::Sanction::OutOfSchoolSuspension,
            Sanction::Expulsion => wire::Sanction::Expulsion,
            Sanction::Other => wire::Sanction::Other,
        };
        wire::DisciplineMeaning { code: code.clone(), sanction: sanction.into() }
    };
    table.iter().map(meaning).collect()
}

pub(super) fn disciplines_from_wire(
    table: Vec<wire::DisciplineMeaning>,
) -> Result<BTreeMap<String, Sanction>, DecodeError> {
    const MEANING: &str = "DisciplineMeaning";
    let meaning = |it: wire::DisciplineMeaning| {
        let sanction = match wire::Sanction::try_from(it.sanction).at(MEANING, "sanction")? {
            wire::Sanction::Unspecified => None,
            wire::Sanction::InSchoolSuspension => Some(Sanction::InSchoolSuspension),
            wire::Sanction::OutOfSchoolSuspension => Some(Sanction::OutOfSchoolSuspension),
            wire::Sanction::Expulsion => Some(Sanction::Expulsion),
            wire::Sanction::Other => Some(Sanction::Other),
        };
        Ok((it.code, sanction.at(MEANING, "sanction")?))
    };
    table.into_iter().map(meaning).collect()
}

pub(super) fn connections_to_wire(table: &BTreeMap<String, Relation>) -> Vec<wire::ConnectionMeaning> {
    let meaning = |(code, relation): (&String, &Relation)| {
        let relation = match relation {
            Relation::Activity => wire::Relation::Activity,
            Relation::Mentor => wire::Relation::Mentor,
            Relation::TrustedAdult => wire::Relation::TrustedAdult,
        };
        wire::ConnectionMeaning { code: code.clone(), relation: relation.into() }
    };
    table.iter().map(meaning).collect()
}

pub(super) fn connections_from_wire(
    table: Vec<wire::ConnectionMeaning>,
) -> Result<BTreeMap<String, Relation>, DecodeError> {
    const MEANING: &str = "ConnectionMeaning";
    let meaning = |it: wire::ConnectionMeaning| {
        let relation = match wire::Relation::try_from(it.relation).at(MEANING, "relation")? {
            wire::Relation::Unspecified => None,
            wire::Relation::Activity => Some(Relation::Activity),
            wire::Relation::Mentor => Some(Relation::Mentor),
            wire::Relation::TrustedAdult => Some(Relation::TrustedAdult),
        };
        Ok((it.code, relation.at(MEANING, "relation")?))
    };
    table.into_iter().map(meaning).collect()
}

pub(super) fn scale_to_wire(scale: &GradeScale) -> wire::GradeScale {
    let letter = |(letter, points): (&String, &i64)| wire::LetterWorth { letter: letter.clone(), points: *points };
    let number = |step: &Step| wire::NumberWorth { from: step.from, points: step.points };
    wire::GradeScale {
        letters: scale.letters.iter().map(letter).collect(),
        numbers: scale.numbers.iter().map(number).collect(),
    }
}

pub(super) fn scale_from_wire(scale: wire::GradeScale) -> GradeScale {
    GradeScale {
        letters: scale.letters.into_iter().map(|it| (it.letter, it.points)).collect(),
        numbers: scale.numbers.into_iter().map(|it| Step { from: it.from, points: it.points }).collect(),
    }
}

pub(super) fn school_scale_to_wire(it: &SchoolScale) -> wire::SchoolScale {
    wire::SchoolScale {
        school_types: it.school_types.clone(),
        failing_below: it.failing_below,
        grade_scale: Some(scale_to_wire(&it.grade_scale)),
    }
}

pub(super) fn school_scale_from_wire(it: wire::SchoolScale) -> SchoolScale {
    SchoolScale {
        school_types: it.school_types,
        failing_below: it.failing_below,
        grade_scale: it.grade_scale.map(scale_from_wire).unwrap_or_default(),
    }
}
