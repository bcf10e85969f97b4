-- A look-up by id or natural key names nothing else, so that only one index serves it. Beside the two indexes of versions, which begin
-- with the collection too, the planner could not tell them apart while a table has no statistics, and read a whole collection.
alter table documents drop constraint documents_pkey,
    add primary key (document_id, district, source, resource);
alter table documents drop constraint one_document_per_natural_key,
    add constraint one_document_per_natural_key unique (natural_key_hash, district, source, resource) deferrable initially deferred;
