-- What decides, when an upload ends, whether it may still become the workspace's state.

alter table state_versions
  add column force boolean not null default false,
  -- the workspace's locked_at when the version was made: an upload under a lock that is gone is refused
  add column lock_taken_at timestamptz;

-- The archive of an old configuration version can be taken away and given back, as that of a state version.
alter table configuration_versions drop constraint configuration_versions_status_check;
alter table configuration_versions add constraint configuration_versions_status_check
  check (status in ('pending', 'fetching', 'uploaded', 'archived', 'errored', 'backing_data_soft_deleted', 'backing_data_permanently_deleted'));
