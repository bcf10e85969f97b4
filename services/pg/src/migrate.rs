//! Migrations: small, timestamped, run per schema under an advisory lock; one role per service that owns nothing but may use its schema.

/// A schema of one service.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Its name, such as `rules`; its role is `homeroom_<name>`.
    pub name: &'static str,
    /// In order of version.
    pub migrations: &'static [Migration],
}

/// One step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `YYYYMMDDhhmmss`.
    pub version: i64,
    /// What it does.
    pub name: &'static str,
    /// Statements, run in one transaction with `search_path` set to the schema.
    pub sql: &'static str,
}
