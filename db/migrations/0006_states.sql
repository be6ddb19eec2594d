-- State versions, their outputs and the resources in them.

create table state_versions (
  id text primary key,
  workspace_id text not null references workspaces on delete cascade,
  run_id text references runs on delete set null,
  status text not null default 'pending' check (status in ('pending', 'finalized', 'discarded', 'backing_data_soft_deleted', 'backing_data_permanently_deleted')),
  serial bigint not null,
  lineage text not null default '',
  -- hex MD5 that the raw file must have
  md5 text not null,
  size_bytes bigint not null default 0,
  intermediate boolean not null default false,
  engine_version text not null default '',
  raw_blob_id text references blobs on delete set null,
  json_blob_id text references blobs on delete set null,
  -- what the client said the outputs are (base64-decoded JSON, sealed) until the state is processed
  json_outputs bytea,
  resources_processed boolean not null default false,
  resource_count integer not null default 0,
  -- counts by module and by provider, as the API shows them
  modules jsonb not null default '{}',
  providers jsonb not null default '{}',
  created_by text references users on delete set null,
  created_at timestamptz not null default now(),
  -- orders versions of a workspace: which one is current is decided by it, not by the serial
  finalized_at timestamptz
);
create index state_versions_workspace on state_versions (workspace_id, created_at desc, id);
create index state_versions_finalized on state_versions (workspace_id, finalized_at desc, id) where status = 'finalized';
create index state_versions_run on state_versions (run_id) where run_id is not null;
create index state_versions_created_by on state_versions (created_by) where created_by is not null;
create index state_versions_raw on state_versions (raw_blob_id) where raw_blob_id is not null;
create index state_versions_json on state_versions (json_blob_id) where json_blob_id is not null;

alter table workspaces add foreign key (current_state_version_id) references state_versions on delete set null;
create index workspaces_current_state on workspaces (current_state_version_id) where current_state_version_id is not null;
alter table runs add foreign key (base_state_version_id) references state_versions on delete set null;
create index runs_base_state on runs (base_state_version_id) where base_state_version_id is not null;

create table state_version_outputs (
  id text primary key,
  state_version_id text not null references state_versions on delete cascade,
  name text not null,
  sensitive boolean not null,
  -- 'string', 'number', 'bool', 'array', 'map', 'null'
  type text not null,
  -- JSON of the value and its cty type, sealed together: {"value": …, "type": …}
  value bytea not null,
  unique (state_version_id, name)
);

create table state_resources (
  state_version_id text not null references state_versions on delete cascade,
  address text not null,
  id text not null,
  name text not null,
  type text not null,
  module text not null,
  provider text not null,
  mode text not null,
  instance_count integer not null,
  primary key (state_version_id, address)
);
