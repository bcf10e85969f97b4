-- Changes of keys that have no key in common are followed in one look through a collection, which the first of them stands for.
-- A place is kept by its name: numbers mean another one once the table of resources has grown. Both `place` and `after_version`
-- are of before, and are left to processes that know no better.
alter table key_changes
    -- The place that is looked through, and after which document there.
    add column scan_place text not null default '',
    add column scan_after bigint not null default 0,
    -- The last change that is followed together with this one; null before the first look.
    add column scan_upto bigint,
    -- When to go on: what failed is left alone for a while, so that others are not kept waiting.
    add column due_at timestamptz not null default now(),
    add column attempts integer not null default 0;
