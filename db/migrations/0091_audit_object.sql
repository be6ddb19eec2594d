-- The history of one thing.
create index audit_entries_object on audit_entries (object_id, at desc) where object_id is not null;
