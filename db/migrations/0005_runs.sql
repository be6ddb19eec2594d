-- Runs, their two phases, logs, events and comments.

create table runs (
  id text primary key,
  workspace_id text not null references workspaces on delete cascade,
  organization_id text not null references organizations on delete cascade,
  configuration_version_id text references configuration_versions on delete set null,
  -- counts up per workspace: people say numbers
  number integer not null,
  status text not null,
  plan_only boolean not null default false,
  save_plan boolean not null default false,
  is_destroy boolean not null default false,
  refresh boolean not null default true,
  refresh_only boolean not null default false,
  auto_apply boolean not null default false,
  allow_empty_apply boolean not null default false,
  allow_config_generation boolean not null default false,
  structured_output boolean not null default true,
  target_addrs text[],
  replace_addrs text[],
  -- [{key, value}] given with the run, sealed; null when none were given
  variables bytea,
  engine text not null check (engine in ('terraform', 'tofu')),
  engine_version text not null,
  execution_mode text not null default 'remote',
  agent_pool_id text,
  message text not null default '',
  source text not null default 'tfe-api',
  trigger_reason text not null default 'manual',
  has_changes boolean not null default false,
  -- one sentence for people when the run ended in 'errored'
  error_reason text,
  status_timestamps jsonb not null default '{}',
  -- the stored wish to stop: 'cancel' or 'force'
  stop_wish text check (stop_wish in ('cancel', 'force')),
  canceled_at timestamptz,
  force_cancel_available_at timestamptz,
  force_canceled_at timestamptz,
  -- state serial the plan was made from; null = no state
  base_state_version_id text,
  created_by text references users on delete set null,
  created_by_team_id text references teams on delete set null,
  confirmed_by text references users on delete set null,
  canceled_by text references users on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (workspace_id, number)
);
create index runs_workspace on runs (workspace_id, created_at desc, id);
create index runs_workspace_status on runs (workspace_id, status);
create index runs_organization on runs (organization_id, created_at desc, id);
create index runs_organization_status on runs (organization_id, status, created_at);
create index runs_pending on runs (workspace_id, number) where status = 'pending';
create index runs_unfinished on runs (status, updated_at) where finished_at is null;
create index runs_configuration on runs (configuration_version_id);
create index runs_created_by on runs (created_by) where created_by is not null;
create index runs_created_by_team on runs (created_by_team_id) where created_by_team_id is not null;
create index runs_confirmed_by on runs (confirmed_by) where confirmed_by is not null;
create index runs_canceled_by on runs (canceled_by) where canceled_by is not null;
-- The workspace queue's guarantee, whatever the code does: one holder per workspace.
create unique index runs_one_holder on runs (workspace_id) where
  not plan_only
  and status in ('fetching', 'fetching_completed', 'pre_plan_running', 'pre_plan_completed', 'queuing', 'plan_queued',
    'planning', 'planned', 'cost_estimating', 'cost_estimated', 'policy_checking', 'policy_override', 'policy_soft_failed',
    'policy_checked', 'post_plan_running', 'post_plan_completed', 'post_plan_awaiting_decision', 'confirmed',
    'pre_apply_running', 'pre_apply_completed', 'queuing_apply', 'apply_queued', 'applying', 'post_apply_running',
    'post_apply_completed')
  and (not save_plan or status in ('confirmed', 'pre_apply_running', 'pre_apply_completed', 'queuing_apply',
    'apply_queued', 'applying', 'post_apply_running', 'post_apply_completed'));

alter table workspaces add foreign key (holder_run_id) references runs on delete set null;
alter table workspaces add foreign key (current_run_id) references runs on delete set null;

-- The plan and the apply of a run; both exist from the run's creation.
create table phases (
  id text primary key,
  run_id text not null references runs on delete cascade,
  kind text not null check (kind in ('plan', 'apply')),
  status text not null default 'pending'
    check (status in ('pending', 'queued', 'running', 'finished', 'errored', 'canceled', 'unreachable')),
  has_changes boolean not null default false,
  additions integer not null default 0,
  changes integer not null default 0,
  destructions integer not null default 0,
  imports integer not null default 0,
  generated_configuration boolean not null default false,
  status_timestamps jsonb not null default '{}',
  -- fencing: each taking of the phase counts up; a write that names an older claim is refused
  claim integer not null default 0,
  claimed_by text,
  heartbeat_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  -- the log is one byte string: STX, output, ETX
  log_size bigint not null default 0,
  log_closed boolean not null default false,
  plan_file_blob_id text references blobs on delete set null,
  lock_file_blob_id text references blobs on delete set null,
  plan_json_blob_id text references blobs on delete set null,
  plan_json_redacted_blob_id text references blobs on delete set null,
  unique (run_id, kind)
);
create index phases_running on phases (heartbeat_at) where status = 'running';
create index phases_plan_file on phases (plan_file_blob_id) where plan_file_blob_id is not null;
create index phases_lock_file on phases (lock_file_blob_id) where lock_file_blob_id is not null;
create index phases_plan_json on phases (plan_json_blob_id) where plan_json_blob_id is not null;
create index phases_plan_json_redacted on phases (plan_json_redacted_blob_id) where plan_json_redacted_blob_id is not null;

alter table tokens add foreign key (phase_id) references phases on delete cascade;

create table log_chunks (
  phase_id text not null references phases on delete cascade,
  start_offset bigint not null,
  data bytea not null,
  primary key (phase_id, start_offset)
);

create table run_events (
  id text primary key,
  run_id text not null references runs on delete cascade,
  action text not null,
  description text not null default '',
  actor_user_id text references users on delete set null,
  created_at timestamptz not null default now()
);
create index run_events_run on run_events (run_id, created_at, id);
create index run_events_actor on run_events (actor_user_id) where actor_user_id is not null;

create table comments (
  id text primary key,
  run_id text not null references runs on delete cascade,
  body text not null,
  created_by text references users on delete set null,
  created_at timestamptz not null default now()
);
create index comments_run on comments (run_id, created_at, id);
create index comments_created_by on comments (created_by) where created_by is not null;
