//! What is said of a student beside marks, as far as it tells whether a measure moves from day to day.

use super::Evaluation;
use crate::connection::LOST_FOR_DAYS;
use crate::day::Mark;
use crate::event::Scope;
use crate::ledger::{Further, Said};
use crate::measure::Part;

impl Evaluation<'_> {
    /// Whether nothing tells how long days are, or what of them was missed in minutes: then no day has minutes, and each is counted as
    /// its marks say.
    pub(crate) fn knows_no_minutes(&self) -> bool {
        let states_none = |mark: &Mark<'_>| mark.times.minutes.is_none();
        *self.earlier.no_minutes.get_or_init(|| {
            self.calculated.is_empty()
                && !self.has_classes()
                && self.kinds.iter().flatten().all(states_none)
                && self.schools.iter().all(|(school, _)| !self.view.rings(school))
        })
    }

    /// Whether anything is known of a class of the student.
    pub(crate) fn has_classes(&self) -> bool {
        let of_section = self.ledger.borrowed().kinds().flatten().any(|kind| kind.scope != Scope::Day);
        of_section || !self.said.memberships.is_empty()
    }

    /// The parts of the catalogue of which something is said that does not hold on all dates of the year alike.
    pub(crate) fn told_parts(&self) -> Part {
        let mut told = Part::NONE;
        told.set(Part::MINUTES, !self.knows_no_minutes());
        told.set(Part::CLASSES, self.has_classes());
        let mut enrollments = 0;
        for said in self.ledger.borrowed().words() {
            told.add(match said {
                Said::Enrollment(_) => {
                    enrollments += 1;
                    Part::NONE
                }
                Said::Grade(_) => Part::GRADES,
                Said::Further(further) => match further {
                    Further::Behavior(_) => Part::CONDUCT,
                    Further::Discipline(_) => Part::CONDUCT.and(Part::SUSPENDED),
                    Further::Result(_) => Part::GRADEBOOK,
                    Further::Transcript(_) => Part::TRANSCRIPT,
                    Further::Connection(_) | Further::Survey(_) => Part::CONNECTIONS,
                },
                Said::Registration | Said::Membership(_) => Part::NONE,
            });
        }
        told.set(Part::GRADE_LEVEL, enrollments > 1);
        told
    }

    /// The parts of the catalogue whose measures may come to something else on a later date, though nothing more is said.
    pub(crate) fn moving_parts(&self) -> Part {
        let as_of = self.now.as_of;
        let mut moving = Part::NONE;
        moving.set(Part::MINUTES, !self.knows_no_minutes());
        moving.set(Part::CLASSES, self.has_classes());
        for said in self.ledger.borrowed().words() {
            match said {
                Said::Enrollment(spell) => moving.set(Part::GRADE_LEVEL, spell.entry_on > as_of),
                Said::Further(further) => match further {
                    Further::Behavior(act) => {
                        let incident = self.view.incident(act.incident);
                        moving.set(Part::CONDUCT, incident.is_some_and(|incident| incident.date > as_of));
                    }
                    Further::Discipline(consequence) => {
                        moving.set(Part::SUSPENDED, true);
                        moving.set(Part::CONDUCT, consequence.begin_on > as_of);
                    }
                    Further::Result(_) => moving.set(Part::GRADEBOOK, true),
                    Further::Transcript(_) => moving.set(Part::TRANSCRIPT, true),
                    Further::Connection(tie) => {
                        let is_over = tie.end_on.is_some_and(|end| end.days() + LOST_FOR_DAYS < as_of.days());
                        moving.set(Part::CONNECTIONS, tie.begin_on > as_of || !(is_over || tie.end_on.is_none()));
                    }
                    Further::Survey(score) => moving.set(Part::CONNECTIONS, score.taken_on > as_of),
                },
                Said::Registration | Said::Membership(_) | Said::Grade(_) => {}
            }
        }
        moving
    }
}
