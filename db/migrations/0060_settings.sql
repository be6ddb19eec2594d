-- Settings that organizations and workspaces own: SSH keys, reserved tag keys, token lifetimes, retention, auto-destroy.

create table ssh_keys (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  -- the private key, sealed; it is never shown
  value bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index ssh_keys_organization on ssh_keys (organization_id, lower(name), id);

alter table workspaces
  add column ssh_key_id text references ssh_keys on delete set null,
  add column auto_destroy_at timestamptz,
  -- '14d' or '12h' without activity; null = the project's default where it is inherited
  add column auto_destroy_duration text,
  add column inherits_auto_destroy boolean not null default true;
create index workspaces_ssh_key on workspaces (ssh_key_id) where ssh_key_id is not null;
create index workspaces_auto_destroy on workspaces (auto_destroy_at) where auto_destroy_at is not null;

create table reserved_tag_keys (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  key text not null,
  disable_overrides boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, key)
);

-- The longest life of new tokens; a kind without a row has the default of two years.
create table token_ttl_policies (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  token_type text not null check (token_type in ('organization', 'team', 'user', 'audit-trails')),
  max_ttl_ms bigint not null check (max_ttl_ms > 0),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (organization_id, token_type)
);

-- How long old state versions and configuration versions are kept; days null = never deleted.
create table data_retention_policies (
  id text primary key,
  organization_id text references organizations on delete cascade,
  workspace_id text references workspaces on delete cascade,
  days integer check (days > 0),
  created_at timestamptz not null default now(),
  check (num_nonnulls(organization_id, workspace_id) = 1)
);
create unique index data_retention_policies_organization on data_retention_policies (organization_id) where organization_id is not null;
create unique index data_retention_policies_workspace on data_retention_policies (workspace_id) where workspace_id is not null;

alter table runs
  add column policy_paths text[],
  add column invoke_action_addrs text[];

alter table run_events add column comment_id text references comments on delete set null;
create index run_events_comment on run_events (comment_id) where comment_id is not null;
