-- Whose case goes on in its place, of one that ended since its student was merged into another; null of all others.
alter table cases add column moved_to bytea;
