//! Keeps an exact, explained risk state per student.
