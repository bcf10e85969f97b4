-- What a delivery says of late news, in days since 1970; none where it says none. A correction that becomes its words, or follows it,
-- is of the same late news and does not say so itself.
alter table deliveries add column late_since integer;
