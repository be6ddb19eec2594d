-- Connections to Git hosts (their management) and exports of plans.

create table oauth_clients (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text,
  service_provider text not null,
  http_url text not null,
  api_url text not null,
  key text,
  -- the application's secret, sealed
  secret bytea,
  rsa_public_key text,
  organization_scoped boolean not null default true,
  agent_pool_id text references agent_pools on delete set null,
  created_at timestamptz not null default now()
);
create index oauth_clients_organization on oauth_clients (organization_id, created_at, id);
create index oauth_clients_pool on oauth_clients (agent_pool_id) where agent_pool_id is not null;

create table oauth_client_projects (
  oauth_client_id text not null references oauth_clients on delete cascade,
  project_id text not null references projects on delete cascade,
  primary key (oauth_client_id, project_id)
);
create index oauth_client_projects_project on oauth_client_projects (project_id);

create table oauth_tokens (
  id text primary key,
  oauth_client_id text not null references oauth_clients on delete cascade,
  uid text not null,
  service_provider_user text not null default '',
  -- both sealed
  token bytea not null,
  ssh_key bytea,
  created_at timestamptz not null default now()
);
create index oauth_tokens_client on oauth_tokens (oauth_client_id, created_at, id);

create table plan_exports (
  id text primary key,
  plan_id text not null references phases on delete cascade,
  data_type text not null,
  status text not null default 'queued' check (status in ('queued', 'finished', 'errored', 'expired')),
  blob_id text references blobs on delete set null,
  status_timestamps jsonb not null default '{}',
  created_at timestamptz not null default now()
);
create index plan_exports_plan on plan_exports (plan_id);
create index plan_exports_blob on plan_exports (blob_id) where blob_id is not null;
create index plan_exports_created on plan_exports (created_at) where status = 'finished';
