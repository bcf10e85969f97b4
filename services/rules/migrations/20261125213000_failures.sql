-- Why a rule could not be evaluated for a student, the last time, and when that was. Null while it never failed.
alter table rule_tallies add column last_failure text;
alter table rule_tallies add column last_failed_at timestamptz;
