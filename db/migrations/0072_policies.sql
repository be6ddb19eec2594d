-- Policies, the sets they are applied by, and what their evaluation in a run came to.

create table policies (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  description text not null default '',
  kind text not null check (kind in ('opa', 'sentinel')),
  -- of OPA policies
  query text,
  enforcement_level text not null check (enforcement_level in ('advisory', 'mandatory', 'soft-mandatory', 'hard-mandatory')),
  -- the code; null until it is uploaded
  content text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index policies_name on policies (organization_id, lower(name));

create table policy_sets (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  description text not null default '',
  kind text not null check (kind in ('opa', 'sentinel')),
  is_global boolean not null default false,
  overridable boolean not null default false,
  agent_enabled boolean not null default false,
  policy_tool_version text,
  policies_path text,
  policy_update_patterns text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index policy_sets_name on policy_sets (organization_id, lower(name));

create table policy_set_policies (
  policy_set_id text not null references policy_sets on delete cascade,
  policy_id text not null references policies on delete cascade,
  primary key (policy_set_id, policy_id)
);
create index policy_set_policies_policy on policy_set_policies (policy_id);

create table policy_set_workspaces (
  policy_set_id text not null references policy_sets on delete cascade,
  workspace_id text not null references workspaces on delete cascade,
  excluded boolean not null,
  primary key (policy_set_id, workspace_id, excluded)
);
create index policy_set_workspaces_workspace on policy_set_workspaces (workspace_id);

create table policy_set_projects (
  policy_set_id text not null references policy_sets on delete cascade,
  project_id text not null references projects on delete cascade,
  excluded boolean not null,
  primary key (policy_set_id, project_id, excluded)
);
create index policy_set_projects_project on policy_set_projects (project_id);

create table policy_set_parameters (
  id text primary key,
  policy_set_id text not null references policy_sets on delete cascade,
  key text not null,
  -- sealed, sensitive or not
  value bytea not null,
  sensitive boolean not null default false,
  created_at timestamptz not null default now(),
  unique (policy_set_id, key)
);

create table policy_set_versions (
  id text primary key,
  policy_set_id text not null references policy_sets on delete cascade,
  status text not null default 'pending' check (status in ('pending', 'ingressing', 'ready', 'errored')),
  status_timestamps jsonb not null default '{}',
  error text,
  -- the uploaded archive, and what was read from it: { "policies": [{name, query, enforcement_level, description}], "files": {path: text} }
  blob_id text references blobs on delete set null,
  contents jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index policy_set_versions_set on policy_set_versions (policy_set_id, created_at desc, id);
create index policy_set_versions_blob on policy_set_versions (blob_id) where blob_id is not null;

-- One for each kind of policy in a run's post-plan stage; made with the run.
create table policy_evaluations (
  id text primary key,
  task_stage_id text not null references task_stages on delete cascade,
  policy_kind text not null check (policy_kind in ('opa', 'sentinel')),
  policy_tool_version text not null default '',
  -- the sets that applied when the run was made
  policy_set_ids text[] not null,
  status text not null default 'pending' check (status in
    ('pending', 'running', 'passed', 'failed', 'errored', 'canceled', 'unreachable', 'overridden')),
  status_timestamps jsonb not null default '{}',
  passed integer not null default 0,
  advisory_failed integer not null default 0,
  mandatory_failed integer not null default 0,
  errored integer not null default 0,
  -- a mandatory policy failed or could not be evaluated, and whether every set with such a one lets somebody override it
  blocks boolean not null default false,
  overridable boolean not null default false,
  error text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (task_stage_id, policy_kind)
);

create table policy_set_outcomes (
  id text primary key,
  policy_evaluation_id text not null references policy_evaluations on delete cascade,
  policy_set_name text not null,
  policy_set_description text not null default '',
  overridable boolean not null default false,
  error text not null default '',
  -- [{policy_name, description, query, enforcement_level, status}]
  outcomes jsonb not null,
  -- {passed, advisory_failed, mandatory_failed, errored}
  result_count jsonb not null,
  created_at timestamptz not null default now()
);
create index policy_set_outcomes_evaluation on policy_set_outcomes (policy_evaluation_id, created_at, id);
