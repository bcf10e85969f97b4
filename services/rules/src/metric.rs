//! The metrics of the rules service.

/// Events folded, by partition.
pub(crate) const EVENTS: &str = "homeroom_rules_events_total";
/// Events that could not be understood or applied.
pub(crate) const DEAD_LETTERS: &str = "homeroom_rules_dead_letters_total";
/// Events whose record had a later word already.
pub(crate) const OUTDATED: &str = "homeroom_rules_outdated_events_total";
/// Students evaluated by sweeps of the date or of reference data.
pub(crate) const SWEPT: &str = "homeroom_rules_swept_students_total";
/// How far a partition's sweep has come, from 0 to 1; 1 while there is none.
pub(crate) const SWEEP_DONE: &str = "homeroom_rules_sweep_done_ratio";
/// Alert changes committed, by kind.
pub(crate) const ALERT_CHANGES: &str = "homeroom_rules_alert_changes_total";
/// Rules that could not be evaluated for a student, by rule.
pub(crate) const RULE_FAILURES: &str = "homeroom_rules_failures_total";
/// From a record's acceptance to the commit of what it changed, of each event.
pub(crate) const EVENT_AGE: &str = "homeroom_rules_event_age_seconds";
/// Attendance marks whose code has no meaning, neither by the district's own table nor by the shipped one, by `district` and
/// `source`: they are kept, and do not count until the code is mapped.
pub(crate) const UNMAPPED_CODES: &str = "homeroom_rules_unmapped_codes_total";
/// Rule packs that a district sent and that are not sound; the pack before stays in force.
pub(crate) const PACKS_REFUSED: &str = "homeroom_rules_packs_refused_total";
/// Workers that ended because another process owns the partition.
pub(crate) const FENCED: &str = "homeroom_rules_fenced_total";
/// Students whom a sweep had to leave as they were, because the database refuses them.
pub(crate) const SWEEPS_REFUSED: &str = "homeroom_rules_sweeps_refused_total";
/// Students written after their batch, because the worker lagged.
pub(crate) const CHECKPOINTED: &str = "homeroom_rules_checkpointed_students_total";
/// Events folded again by a new owner, because the rows lacked them.
pub(crate) const REFOLDED: &str = "homeroom_rules_refolded_events_total";
/// Students whose alert changes could not be taken up again, because what is stored of them cannot be read or written.
pub(crate) const ADOPTIONS_REFUSED: &str = "homeroom_rules_adoptions_refused_total";
/// Students with alert changes that the topic held and the database had lost.
pub(crate) const ADOPTED: &str = "homeroom_rules_adopted_students_total";
/// Schools whose calendar has a school day today, by `district`.
pub(crate) const SCHOOLS_IN_SESSION: &str = "homeroom_rules_schools_in_session";
/// Those of them from which no attendance of today has come.
pub(crate) const SCHOOLS_NOT_IN: &str = "homeroom_rules_schools_not_in";
