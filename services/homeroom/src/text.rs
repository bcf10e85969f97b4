//! What people read: alerts, students and tables as plain text.

pub(crate) mod alert;
pub(crate) mod duty;
pub(crate) mod explain;
pub(crate) mod names;
pub(crate) mod preview;
pub(crate) mod rule;
pub(crate) mod rules;
pub(crate) mod student;
pub(crate) mod table;
pub(crate) mod unit;
