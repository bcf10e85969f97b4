-- Apart from the columns, so that the table is read without a lock that keeps anybody from reading it.
-- Small: most words may not wait, and most that may are told.
create index deliveries_quiet on deliveries (district, quiet_of) where state = 'waiting' and quiet_of is not null;
create index deliveries_set_aside on deliveries (district, quiet_of) where state = 'waiting' and set_aside_due_at is not null;
