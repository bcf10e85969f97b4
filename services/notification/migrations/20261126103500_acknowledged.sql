-- As of which change somebody has taken the alert up, when, and by which key. When the alert rises, that is asked for anew.
alter table alerts
    add column acknowledged_number integer,
    add column acknowledged_at timestamptz,
    add column acknowledged_by text;

-- How long others have to acknowledge the alert before this recipient is told, seconds; zero of who is told at once.
alter table deliveries add column told_after integer not null default 0;
