//! Class periods and bell schedules.

use bytes::Bytes;
use homeroom_domain::id::{ClassPeriodId, SchoolId};
use homeroom_domain::reference::{BellSchedule, ClassPeriod, MeetingTime};

use crate::decode::{At, DecodeError};
use crate::scalar::{date, key};
use crate::wire::reference as wire;

pub(super) fn periods_to_wire(periods: &[ClassPeriodId]) -> Vec<Bytes> {
    periods.iter().map(|period| key(period.as_bytes())).collect()
}

pub(super) fn periods_from_wire(periods: &[Bytes], message: &'static str) -> Result<Vec<ClassPeriodId>, DecodeError> {
    periods.iter().map(|period| ClassPeriodId::from_slice(period).at(message, "class_periods")).collect()
}

pub(super) fn class_period_to_wire(it: &ClassPeriod) -> wire::ClassPeriod {
    wire::ClassPeriod {
        class_period: key(it.class_period.as_bytes()),
        school: it.school.as_str().to_owned(),
        official: it.official,
        times: it.times.iter().copied().map(time_to_wire).collect(),
    }
}

pub(super) fn class_period_from_wire(it: &wire::ClassPeriod) -> Result<ClassPeriod, DecodeError> {
    const PERIOD: &str = "ClassPeriod";
    Ok(ClassPeriod {
        class_period: ClassPeriodId::from_slice(&it.class_period).at(PERIOD, "class_period")?,
        school: SchoolId::parse(&it.school).at(PERIOD, "school")?,
        official: it.official,
        times: it.times.iter().copied().map(time_from_wire).collect::<Result<_, _>>()?,
    })
}

pub(super) fn schedule_to_wire(it: &BellSchedule) -> wire::BellSchedule {
    wire::BellSchedule {
        school: it.school.as_str().to_owned(),
        dates: it.dates.iter().map(|date| date.days()).collect(),
        class_periods: periods_to_wire(&it.class_periods),
        hours: it.hours.map(time_to_wire),
        grade_levels: it.grade_levels.clone(),
        instruction: it.instruction.and_then(|minutes| u32::try_from(minutes).ok()),
    }
}

pub(super) fn schedule_from_wire(it: &wire::BellSchedule) -> Result<BellSchedule, DecodeError> {
    const SCHEDULE: &str = "BellSchedule";
    Ok(BellSchedule {
        school: SchoolId::parse(&it.school).at(SCHEDULE, "school")?,
        dates: it.dates.iter().map(|days| date(*days, SCHEDULE, "dates")).collect::<Result<_, _>>()?,
        class_periods: periods_from_wire(&it.class_periods, SCHEDULE)?,
        hours: it.hours.map(time_from_wire).transpose()?,
        grade_levels: it.grade_levels.clone(),
        instruction: it
            .instruction
            .map(|minutes| u16::try_from(minutes).map(i32::from).at(SCHEDULE, "instruction"))
            .transpose()?,
    })
}

fn time_to_wire(it: MeetingTime) -> wire::MeetingTime {
    let minute = |minute: i32| u32::try_from(minute).unwrap_or(0);
    wire::MeetingTime { begin_at: minute(it.begin_at), end_at: minute(it.end_at) }
}

fn time_from_wire(it: wire::MeetingTime) -> Result<MeetingTime, DecodeError> {
    let minute = |minute: u32, field| u16::try_from(minute).map(i32::from).at("MeetingTime", field);
    Ok(MeetingTime { begin_at: minute(it.begin_at, "begin_at")?, end_at: minute(it.end_at, "end_at")? })
}
