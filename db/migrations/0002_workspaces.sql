-- Projects, workspaces, their tags, access and variables.

create table projects (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  description text not null default '',
  is_default boolean not null default false,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index projects_name on projects (organization_id, lower(name));
create unique index projects_default on projects (organization_id) where is_default;

create table workspaces (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  project_id text not null references projects,
  name text not null,
  description text not null default '',
  -- 'terraform' or 'tofu'; a workspace that tofu creates is a tofu workspace
  engine text not null default 'terraform' check (engine in ('terraform', 'tofu')),
  -- exact version, a constraint, or 'latest'
  engine_version text not null default 'latest',
  execution_mode text not null default 'remote' check (execution_mode in ('remote', 'local', 'agent')),
  agent_pool_id text,
  -- which of execution mode and agent pool are the workspace's own, not the organization's or project's default
  overwrites_execution_mode boolean not null default false,
  overwrites_agent_pool boolean not null default false,
  working_directory text not null default '',
  auto_apply boolean not null default false,
  auto_apply_run_trigger boolean not null default false,
  allow_destroy_plan boolean not null default true,
  structured_run_output boolean not null default true,
  queue_all_runs boolean not null default false,
  speculative_enabled boolean not null default true,
  file_triggers_enabled boolean not null default true,
  global_remote_state boolean not null default false,
  trigger_prefixes text[] not null default '{}',
  trigger_patterns text[] not null default '{}',
  assessments_enabled boolean not null default false,
  source text not null default 'tfe-api',
  source_name text,
  source_url text,
  -- settings that other parts own and that need no column for a filter or a join
  settings jsonb not null default '{}',
  -- a person's lock; a run's lock is holder_run_id
  locked_by_user_id text references users on delete set null,
  locked_by_team_id text references teams on delete set null,
  locked_at timestamptz,
  lock_reason text not null default '',
  -- the run that holds the workspace (its lock), and the run that held it last
  holder_run_id text,
  current_run_id text,
  current_state_version_id text,
  current_configuration_version_id text,
  run_count integer not null default 0,
  resource_count integer not null default 0,
  latest_change_at timestamptz not null default now(),
  created_by text references users on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index workspaces_name on workspaces (organization_id, lower(name));
create index workspaces_project on workspaces (project_id);
create index workspaces_created on workspaces (organization_id, created_at desc, id);
create index workspaces_locked_user on workspaces (locked_by_user_id) where locked_by_user_id is not null;
create index workspaces_locked_team on workspaces (locked_by_team_id) where locked_by_team_id is not null;
create index workspaces_created_by on workspaces (created_by) where created_by is not null;
create index workspaces_agent_pool on workspaces (agent_pool_id) where agent_pool_id is not null;
create index workspaces_holder on workspaces (holder_run_id) where holder_run_id is not null;
create index workspaces_current_run on workspaces (current_run_id) where current_run_id is not null;

-- A tag of a workspace or project: a key, and a value for key/value tags (null for flat ones).
create table tag_bindings (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  workspace_id text references workspaces on delete cascade,
  project_id text references projects on delete cascade,
  key text not null,
  value text,
  created_at timestamptz not null default now(),
  check (num_nonnulls(workspace_id, project_id) = 1)
);
create unique index tag_bindings_workspace on tag_bindings (workspace_id, key) where workspace_id is not null;
create unique index tag_bindings_project on tag_bindings (project_id, key) where project_id is not null;
create index tag_bindings_key on tag_bindings (organization_id, key, value);

create table team_workspaces (
  id text primary key,
  team_id text not null references teams on delete cascade,
  workspace_id text not null references workspaces on delete cascade,
  access text not null check (access in ('read', 'plan', 'write', 'admin', 'custom')),
  -- { runs, variables, state-versions, sentinel-mocks, workspace-locking, run-tasks, policy-overrides } when access is custom
  custom jsonb not null default '{}',
  created_at timestamptz not null default now(),
  unique (team_id, workspace_id)
);
create index team_workspaces_workspace on team_workspaces (workspace_id);

create table team_projects (
  id text primary key,
  team_id text not null references teams on delete cascade,
  project_id text not null references projects on delete cascade,
  access text not null check (access in ('read', 'write', 'maintain', 'admin', 'custom')),
  -- { project: {settings, teams, variable-sets}, workspace: {…} } when access is custom
  custom jsonb not null default '{}',
  created_at timestamptz not null default now(),
  unique (team_id, project_id)
);
create index team_projects_project on team_projects (project_id);

create table varsets (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  -- set when the set belongs to a project and not to the organization
  project_id text references projects on delete cascade,
  name text not null,
  description text not null default '',
  is_global boolean not null default false,
  priority boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index varsets_name on varsets (organization_id, lower(name));
create index varsets_project on varsets (project_id) where project_id is not null;

create table varset_workspaces (
  varset_id text not null references varsets on delete cascade,
  workspace_id text not null references workspaces on delete cascade,
  primary key (varset_id, workspace_id)
);
create index varset_workspaces_workspace on varset_workspaces (workspace_id);

create table varset_projects (
  varset_id text not null references varsets on delete cascade,
  project_id text not null references projects on delete cascade,
  primary key (varset_id, project_id)
);
create index varset_projects_project on varset_projects (project_id);

create table variables (
  id text primary key,
  workspace_id text references workspaces on delete cascade,
  varset_id text references varsets on delete cascade,
  key text not null,
  -- sealed (shared/secrets.ts), sensitive or not
  value bytea not null,
  description text not null default '',
  category text not null check (category in ('terraform', 'env')),
  hcl boolean not null default false,
  sensitive boolean not null default false,
  version_id text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (num_nonnulls(workspace_id, varset_id) = 1)
);
create unique index variables_workspace_key on variables (workspace_id, category, key) where workspace_id is not null;
create unique index variables_varset_key on variables (varset_id, category, key) where varset_id is not null;

create table remote_state_consumers (
  workspace_id text not null references workspaces on delete cascade,
  consumer_id text not null references workspaces on delete cascade,
  primary key (workspace_id, consumer_id)
);
create index remote_state_consumers_consumer on remote_state_consumers (consumer_id);
