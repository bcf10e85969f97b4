//! The words of the product: ids, calendars, events, the ledger, measures, rules and alerts. Pure: no IO, clock, async or chance.

pub mod alert;
pub mod date;
pub mod event;
pub mod id;
pub mod reference;
pub mod settings;
