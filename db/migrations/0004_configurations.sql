-- Configuration versions: the archives that runs start from.

create table configuration_versions (
  id text primary key,
  workspace_id text not null references workspaces on delete cascade,
  status text not null default 'pending' check (status in ('pending', 'fetching', 'uploaded', 'archived', 'errored')),
  source text not null default 'tfe-api',
  speculative boolean not null default false,
  provisional boolean not null default false,
  auto_queue_runs boolean not null default true,
  error text,
  error_message text,
  blob_id text references blobs on delete set null,
  -- when it became a candidate for runs that name no configuration: at upload, or (provisional) at its first apply
  current_at timestamptz,
  status_timestamps jsonb not null default '{}',
  created_by text references users on delete set null,
  created_at timestamptz not null default now()
);
create index configuration_versions_workspace on configuration_versions (workspace_id, created_at desc, id);
create index configuration_versions_current on configuration_versions (workspace_id, current_at desc) where current_at is not null;
create index configuration_versions_blob on configuration_versions (blob_id) where blob_id is not null;
create index configuration_versions_created_by on configuration_versions (created_by) where created_by is not null;

alter table workspaces add foreign key (current_configuration_version_id) references configuration_versions on delete set null;
create index workspaces_current_configuration on workspaces (current_configuration_version_id)
  where current_configuration_version_id is not null;
