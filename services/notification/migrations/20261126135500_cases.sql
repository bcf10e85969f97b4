-- Cases: while one is open for a student, nobody is told of what rules say may wait for that. The student is a pseudonym.
create table cases (
    case_id uuid primary key,
    district text not null,
    student bytea not null,
    opened_at timestamptz not null,
    -- The key by which.
    opened_by text not null,
    closed_at timestamptz,
    closed_by text
);
create unique index one_open_case_a_student on cases (district, student) where closed_at is null;
create index cases_closed on cases (district, closed_at) where closed_at is not null;
alter table cases enable row level security;
alter table cases force row level security;
create policy district_rows on cases
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));

alter table deliveries
    -- Whose case holds it back, of words that may wait for one; null of all others, and of what takes a word back.
    add column quiet_of bytea,
    -- When it would have been due, while a case has it set aside.
    add column set_aside_due_at timestamptz,
    -- As of when it was let go last, of what a case had set aside.
    add column let_go_at timestamptz;
