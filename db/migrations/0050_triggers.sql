-- Run triggers between workspaces, and what is known of a state after its apply was lost.

create table run_triggers (
  id text primary key,
  workspace_id text not null references workspaces on delete cascade,
  source_workspace_id text not null references workspaces on delete cascade,
  created_at timestamptz not null default now(),
  unique (workspace_id, source_workspace_id),
  check (workspace_id <> source_workspace_id)
);
create index run_triggers_source on run_triggers (source_workspace_id, created_at, id);

-- Since when, and by which run, the state may differ from reality; null: no reason to doubt it.
alter table workspaces
  add column state_doubted_at timestamptz,
  add column state_doubted_run_id text references runs on delete set null;
create index workspaces_state_doubted_run on workspaces (state_doubted_run_id) where state_doubted_run_id is not null;

-- Found on the disk of a worker that was lost. 'discarded' when another state had been written since.
alter table state_versions add column recovered_at timestamptz;
