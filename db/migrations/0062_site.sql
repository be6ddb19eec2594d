-- What site admins set for the whole server.

create table site_settings (
  -- 'general', 'smtp', …
  name text primary key,
  settings jsonb not null default '{}',
  -- JSON of the values that are never shown, sealed
  secrets bytea,
  updated_at timestamptz not null default now()
);

-- Versions of tools that site admins add, or switch off.
create table tool_versions (
  id text primary key,
  tool text not null check (tool in ('terraform', 'opa', 'sentinel')),
  version text not null,
  url text,
  sha text,
  -- [{url, sha, os, arch}]
  archs jsonb not null default '[]',
  deprecated boolean not null default false,
  deprecated_reason text,
  official boolean not null default false,
  enabled boolean not null default true,
  beta boolean not null default false,
  created_at timestamptz not null default now(),
  unique (tool, version)
);

alter table organizations
  add column is_disabled boolean not null default false,
  add column admin_settings jsonb not null default '{}';
