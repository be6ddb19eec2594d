-- Run tasks: services that are asked at a stage of a run, and what they answered.

create table tasks (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  description text not null default '',
  url text not null,
  category text not null default 'task',
  -- sealed; signs what is sent to the task
  hmac_key bytea,
  enabled boolean not null default true,
  -- a global task is asked in every workspace of the organization
  global_enabled boolean not null default false,
  global_stages text[] not null default '{}',
  global_enforcement_level text not null default 'advisory' check (global_enforcement_level in ('advisory', 'mandatory')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index tasks_name on tasks (organization_id, lower(name));

create table workspace_tasks (
  id text primary key,
  workspace_id text not null references workspaces on delete cascade,
  task_id text not null references tasks on delete cascade,
  enforcement_level text not null check (enforcement_level in ('advisory', 'mandatory')),
  stages text[] not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index workspace_tasks_task on workspace_tasks (workspace_id, task_id);
create index workspace_tasks_of_task on workspace_tasks (task_id, created_at, id);

-- The stages of a run that have something to do; decided when the run is made, so that clients see them from the start.
alter table runs add column stages text[] not null default '{}';

create table task_stages (
  id text primary key,
  run_id text not null references runs on delete cascade,
  stage text not null check (stage in ('pre_plan', 'post_plan', 'pre_apply', 'post_apply')),
  status text not null default 'pending' check (status in
    ('pending', 'running', 'passed', 'failed', 'awaiting_override', 'errored', 'canceled', 'unreachable')),
  status_timestamps jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (run_id, stage)
);

-- Name, address and enforcement are those of the moment the run was made: later changes do not touch it.
create table task_results (
  id text primary key,
  task_stage_id text not null references task_stages on delete cascade,
  run_id text not null references runs on delete cascade,
  task_id text references tasks on delete set null,
  workspace_task_id text,
  task_name text not null,
  task_url text not null,
  enforcement_level text not null check (enforcement_level in ('advisory', 'mandatory')),
  status text not null default 'pending' check (status in
    ('pending', 'running', 'passed', 'failed', 'errored', 'canceled', 'unreachable')),
  status_timestamps jsonb not null default '{}',
  message text not null default '',
  -- details, as the task gave it
  url text not null default '',
  attempts integer not null default 0,
  -- the task took the request: from now on it has its time to answer
  sent_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index task_results_stage on task_results (task_stage_id, created_at, id);
create index task_results_run on task_results (run_id);
create index task_results_task on task_results (task_id) where task_id is not null;

create table task_result_outcomes (
  id text primary key,
  task_result_id text not null references task_results on delete cascade,
  outcome_id text not null default '',
  description text not null default '',
  body text not null default '',
  url text not null default '',
  tags jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index task_result_outcomes_result on task_result_outcomes (task_result_id, created_at, id);
