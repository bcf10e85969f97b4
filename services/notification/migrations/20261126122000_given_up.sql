-- A delivery is given up a day after it was due at the latest, and so more than a day after it was planned: what was given up of late is
-- found by when that was. What was given up stays in the view by when it was planned.
create index deliveries_given_up_of_late on deliveries (district, settled_at) where state in ('dead', 'expired');
