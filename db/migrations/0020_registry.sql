-- The private registry: modules, providers and the keys that sign providers.

create table registry_modules (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  registry_name text not null check (registry_name in ('private', 'public')),
  -- of a public module; a private one has the organization's name, which may change
  namespace text,
  name text not null,
  provider text not null,
  no_code boolean not null default false,
  -- { tests-enabled, agent-execution-mode, agent-pool-id }
  test_config jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((registry_name = 'public') = (namespace is not null))
);
create unique index registry_modules_name on registry_modules (organization_id, registry_name, coalesce(namespace, ''), name, provider);

create table registry_module_versions (
  id text primary key,
  module_id text not null references registry_modules on delete cascade,
  version text not null,
  status text not null default 'pending' check (status in
    ('pending', 'cloning', 'clone_failed', 'reg_ingress_req_failed', 'reg_ingressing', 'reg_ingress_failed', 'ok')),
  -- one sentence for people, of a failed status
  error text,
  commit_sha text,
  -- the module as tar.gz, its root at the archive's root
  blob_id text references blobs on delete set null,
  readme text,
  -- { "": { inputs, outputs, resources, providers }, "modules/x": … } as read from the archive; null when it was not read
  contents jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index registry_module_versions_version on registry_module_versions (module_id, version);
create index registry_module_versions_blob on registry_module_versions (blob_id) where blob_id is not null;

create table registry_providers (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  registry_name text not null check (registry_name in ('private', 'public')),
  namespace text,
  name text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((registry_name = 'public') = (namespace is not null))
);
create unique index registry_providers_name on registry_providers (organization_id, registry_name, coalesce(namespace, ''), name);

create table registry_provider_versions (
  id text primary key,
  provider_id text not null references registry_providers on delete cascade,
  version text not null,
  -- of a row in gpg_keys of the same organization; the key may come later
  key_id text not null,
  protocols text[] not null,
  shasums_blob_id text references blobs on delete set null,
  shasums_signature_blob_id text references blobs on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index registry_provider_versions_version on registry_provider_versions (provider_id, version);
create index registry_provider_versions_shasums on registry_provider_versions (shasums_blob_id) where shasums_blob_id is not null;
create index registry_provider_versions_signature on registry_provider_versions (shasums_signature_blob_id)
  where shasums_signature_blob_id is not null;

create table registry_provider_platforms (
  id text primary key,
  version_id text not null references registry_provider_versions on delete cascade,
  os text not null,
  arch text not null,
  -- hex SHA-256 that the zip must have
  shasum text not null,
  filename text not null,
  blob_id text references blobs on delete set null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index registry_provider_platforms_platform on registry_provider_platforms (version_id, os, arch);
create index registry_provider_platforms_blob on registry_provider_platforms (blob_id) where blob_id is not null;

create table gpg_keys (
  id bigint generated always as identity primary key,
  organization_id text not null references organizations on delete cascade,
  -- 16 upper-case hex characters, from the key itself
  key_id text not null,
  ascii_armor text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index gpg_keys_key on gpg_keys (organization_id, key_id);
