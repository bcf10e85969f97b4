//! Incidents, and suspensions that are days absent at the same time.

use crate::attendance::{Leaning, Reason, Truth};
use crate::chance::{Chance, Purpose};
use crate::district::{District, Level};
use crate::enrollment::Spell;

/// Something that a student did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incident {
    /// Counted through the student's year, from 1.
    pub(crate) number: u32,
    /// Index of the taught day.
    pub(crate) index: usize,
    /// Index of the spell.
    pub(crate) spell: usize,
    /// An Ed-Fi behavior.
    pub(crate) behavior: &'static str,
    /// What followed.
    pub(crate) action: Action,
}

/// What followed an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A talk, a call home.
    Talk,
    /// So many days out of school, from the next taught day.
    SuspendedOut(u32),
    /// So many days in school apart, from the next taught day.
    SuspendedIn(u32),
}

/// How many incidents whoever has any has.
const HOW_MANY: [(u32, u32); 5] = [(52, 1), (22, 2), (12, 3), (9, 5), (5, 8)];
const BEHAVIORS: [(u32, &str); 4] =
    [(70, "School Code of Conduct"), (22, "School Violation"), (5, "Other"), (3, "State Offense")];

/// Draws a student's incidents, and changes the days by them: whoever did something was there, and then perhaps suspended.
pub(crate) fn incidents(
    district: &District,
    student: u32,
    level: Level,
    leaning: Leaning,
    spells: &[Spell],
    days: &mut [Truth],
) -> Vec<Incident> {
    let mut chance = district.chance(Purpose::Behavior, &[u64::from(student)]);
    let usual = match level {
        Level::Elementary => 5,
        Level::Middle => 15,
        Level::High => 12,
    };
    let mut incidents = Vec::new();
    if !chance.percent(usual + leaning.absence / 20_000) {
        return incidents;
    }
    for _ in 0..chance.weighted(&HOW_MANY, 1) {
        let index = chance.among(2, 172) as usize;
        let drawn = action(&mut chance);
        let behavior = chance.weighted(&BEHAVIORS, "Other");
        let Some(spell) = spells.iter().position(|spell| spell.covers(index)) else { continue };
        let length = match drawn {
            Action::Talk => 0,
            Action::SuspendedIn(days) | Action::SuspendedOut(days) => days as usize,
        };
        let last = (index + length).min(spells[spell].last());
        if days[index..=last].iter().any(|day| is_suspended(*day)) {
            continue;
        }
        if matches!(days[index], Truth::Absent(_)) {
            days[index] = Truth::Present;
        }
        let served = u32::try_from(last - index).unwrap_or(0);
        let action = match drawn {
            Action::SuspendedOut(_) if served > 0 => Action::SuspendedOut(served),
            Action::SuspendedIn(_) if served > 0 => Action::SuspendedIn(served),
            _ => Action::Talk,
        };
        for day in &mut days[index + 1..=last] {
            *day = match action {
                Action::SuspendedIn(_) => Truth::HeldInSchool,
                _ => Truth::Absent(Reason::SuspendedOut),
            };
        }
        let number = u32::try_from(incidents.len()).unwrap_or(0) + 1;
        incidents.push(Incident { number, index, spell, behavior, action });
    }
    incidents
}

fn is_suspended(day: Truth) -> bool {
    matches!(day, Truth::Absent(Reason::SuspendedOut) | Truth::HeldInSchool)
}

fn action(chance: &mut Chance) -> Action {
    match chance.below(100) {
        0..=54 => Action::Talk,
        55..=79 => Action::SuspendedIn(chance.among(1, 3)),
        _ => Action::SuspendedOut(chance.weighted(&[(50, 1), (25, 2), (15, 3), (10, 5)], 1)),
    }
}
