-- The place of a pending run in its workspace's queue: its number, unless it was force-executed.
alter table runs add column queue_position integer;
drop index runs_pending;
create index runs_pending on runs (workspace_id, (coalesce(queue_position, number))) where status = 'pending';
