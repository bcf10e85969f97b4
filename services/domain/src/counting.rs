//! Which way of counting this is, so that who was counted in another way is counted anew.
//!
//! What a student's facts come to depends on them, on reference records, settings, rules and dates, and on the program. All but the
//! last say when they move; for the program this number does.

/// Grows when the program counts the same facts otherwise than before: each student is then looked at again after the upgrade, as
/// after a change of policy, and alerts that no longer hold are closed or recalled.
///
/// Raise it with a change by which, for facts that districts may have, any of these differs from what the version before would store:
/// a measure that is kept for every student, what a shipped code means, whether a rule holds or in which words it is explained, what a
/// student is found to wait for or to lean on. Leave it with one that only counts more quickly, adds a measure that no rule named yet,
/// or stores the same in another form. A look too many costs minutes of a core for a million students; one too few leaves alerts that
/// nobody can explain.
pub const VERSION: i32 = 2;
