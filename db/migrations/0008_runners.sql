-- Who executes: runner processes of this server, agent pools and their agents.

create table runners (
  id text primary key,
  name text not null,
  version text not null default '',
  concurrency integer not null,
  -- [{name, version}] engines at hand
  engines jsonb not null default '[]',
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now()
);
create index runners_heartbeat on runners (heartbeat_at);

create table agent_pools (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  organization_scoped boolean not null default true,
  created_at timestamptz not null default now()
);
create unique index agent_pools_name on agent_pools (organization_id, lower(name));
alter table tokens add foreign key (agent_pool_id) references agent_pools on delete cascade;
alter table workspaces add foreign key (agent_pool_id) references agent_pools on delete set null;
alter table runs add foreign key (agent_pool_id) references agent_pools on delete set null;
create index runs_agent_pool on runs (agent_pool_id) where agent_pool_id is not null;

create table agent_pool_workspaces (
  agent_pool_id text not null references agent_pools on delete cascade,
  workspace_id text not null references workspaces on delete cascade,
  relation text not null check (relation in ('allowed', 'excluded')),
  primary key (agent_pool_id, workspace_id, relation)
);
create index agent_pool_workspaces_workspace on agent_pool_workspaces (workspace_id);

create table agent_pool_projects (
  agent_pool_id text not null references agent_pools on delete cascade,
  project_id text not null references projects on delete cascade,
  primary key (agent_pool_id, project_id)
);
create index agent_pool_projects_project on agent_pool_projects (project_id);

create table agents (
  id text primary key,
  agent_pool_id text not null references agent_pools on delete cascade,
  name text not null default '',
  address text not null default '',
  version text not null default '',
  engines jsonb not null default '[]',
  labels jsonb not null default '{}',
  status text not null default 'idle' check (status in ('idle', 'busy', 'unknown', 'exited', 'errored')),
  last_ping_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);
create index agents_pool on agents (agent_pool_id, created_at desc, id);
create index agents_ping on agents (last_ping_at) where status in ('idle', 'busy');
