//! A district's settings: the domain's [`Settings`] and `homeroom.reference.v1.Settings`.

mod table;

use std::collections::BTreeMap;

use homeroom_domain::id::SourceId;
use homeroom_domain::settings::{Category, Clock, Reporting, Settings};

use crate::decode::{At, DecodeError};
use crate::wire::reference as wire;

const SETTINGS: &str = "Settings";

/// The settings as their message.
pub fn to_wire(it: &Settings) -> wire::Settings {
    wire::Settings {
        time_zone: it.clock.time_zone.clone(),
        clock_offset_seconds: it.clock.offset_seconds,
        day_close_minute: u32::from(it.clock.day_close_minute),
        failing_below: it.failing_below,
        reporting: reporting_to_wire(it.reporting),
        source_reporting: it
            .source_reporting
            .iter()
            .map(|(source, reporting)| wire::SourceReporting {
                source: source.as_str().to_owned(),
                reporting: reporting_to_wire(*reporting),
            })
            .collect(),
        codes: it.codes.iter().map(|(code, category)| meaning(code, *category)).collect(),
        disciplines: table::disciplines_to_wire(&it.disciplines),
        connections: table::connections_to_wire(&it.connections),
        grade_scale: Some(table::scale_to_wire(&it.grade_scale)),
        school_scales: it.school_scales.iter().map(table::school_scale_to_wire).collect(),
        transcript_sources: it.transcript_sources.iter().map(|source| source.as_str().to_owned()).collect(),
    }
}

/// The settings in their message.
pub fn from_wire(it: wire::Settings) -> Result<Settings, DecodeError> {
    let mut codes = BTreeMap::new();
    for meaning in it.codes {
        codes.insert(meaning.code, category_from_wire(meaning.category)?);
    }
    Ok(Settings {
        clock: Clock {
            time_zone: it.time_zone,
            offset_seconds: it.clock_offset_seconds,
            day_close_minute: u16::try_from(it.day_close_minute).at(SETTINGS, "day_close_minute")?,
        },
        failing_below: it.failing_below,
        reporting: reporting_from_wire(it.reporting, SETTINGS)?,
        source_reporting: it
            .source_reporting
            .iter()
            .map(|of| {
                let source = SourceId::parse(&of.source).at("SourceReporting", "source")?;
                Ok((source, reporting_from_wire(of.reporting, "SourceReporting")?))
            })
            .collect::<Result<_, _>>()?,
        codes,
        disciplines: table::disciplines_from_wire(it.disciplines)?,
        connections: table::connections_from_wire(it.connections)?,
        grade_scale: it.grade_scale.map(table::scale_from_wire).unwrap_or_default(),
        school_scales: it.school_scales.into_iter().map(table::school_scale_from_wire).collect(),
        transcript_sources: it
            .transcript_sources
            .iter()
            .map(|source| SourceId::parse(source).at(SETTINGS, "transcript_sources"))
            .collect::<Result<_, _>>()?,
    })
}

fn reporting_to_wire(reporting: Reporting) -> i32 {
    match reporting {
        Reporting::Negative => wire::Reporting::Negative,
        Reporting::Positive => wire::Reporting::Positive,
    }
    .into()
}

fn reporting_from_wire(number: i32, message: &'static str) -> Result<Reporting, DecodeError> {
    let reporting = match wire::Reporting::try_from(number).at(message, "reporting")? {
        wire::Reporting::Unspecified => None,
        wire::Reporting::Negative => Some(Reporting::Negative),
        wire::Reporting::Positive => Some(Reporting::Positive),
    };
    reporting.at(message, "reporting")
}

fn meaning(code: &str, category: Category) -> wire::CodeMeaning {
    let category = match category {
        Category::ExcusedAbsence => wire::Category::ExcusedAbsence,
        Category::UnexcusedAbsence => wire::Category::UnexcusedAbsence,
        Category::AbsenceUnknownExcuse => wire::Category::AbsenceUnknownExcuse,
        Category::Partial => wire::Category::Partial,
        Category::Tardy => wire::Category::Tardy,
        Category::EarlyDeparture => wire::Category::EarlyDeparture,
        Category::Present => wire::Category::Present,
        Category::SuspendedOut => wire::Category::SuspendedOut,
        Category::SuspendedIn => wire::Category::SuspendedIn,
        Category::Remote => wire::Category::Remote,
        Category::Activity => wire::Category::Activity,
        Category::MedicalAbsence => wire::Category::MedicalAbsence,
        Category::ExcusedTardy => wire::Category::ExcusedTardy,
    };
    wire::CodeMeaning { code: code.to_owned(), category: category.into() }
}

fn category_from_wire(number: i32) -> Result<Category, DecodeError> {
    let category = match wire::Category::try_from(number).at("CodeMeaning", "category")? {
        wire::Category::Unspecified => None,
        wire::Category::ExcusedAbsence => Some(Category::ExcusedAbsence),
        wire::Category::UnexcusedAbsence => Some(Category::UnexcusedAbsence),
        wire::Category::AbsenceUnknownExcuse => Some(Category::AbsenceUnknownExcuse),
        wire::Category::Partial => Some(Category::Partial),
        wire::Category::Tardy => Some(Category::Tardy),
        wire::Category::EarlyDeparture => Some(Category::EarlyDeparture),
        wire::Category::Present => Some(Category::Present),
        wire::Category::SuspendedOut => Some(Category::SuspendedOut),
        wire::Category::SuspendedIn => Some(Category::SuspendedIn),
        wire::Category::Remote => Some(Category::Remote),
        wire::Category::Activity => Some(Category::Activity),
        wire::Category::MedicalAbsence => Some(Category::MedicalAbsence),
        wire::Category::ExcusedTardy => Some(Category::ExcusedTardy),
    };
    category.at("CodeMeaning", "category")
}
