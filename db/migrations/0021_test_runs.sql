-- Runs of a module's own tests (`terraform test -cloud-run`). They have no workspace and keep no state.

create table test_configurations (
  id text primary key,
  module_id text not null references registry_modules on delete cascade,
  blob_id text references blobs on delete set null,
  created_by text references users on delete set null,
  created_at timestamptz not null default now()
);
create index test_configurations_module on test_configurations (module_id);
create index test_configurations_blob on test_configurations (blob_id) where blob_id is not null;
create index test_configurations_created_by on test_configurations (created_by) where created_by is not null;

create table test_runs (
  id text primary key,
  module_id text not null references registry_modules on delete cascade,
  configuration_id text not null references test_configurations on delete cascade,
  status text not null default 'queued' check (status in ('queued', 'running', 'errored', 'canceled', 'finished')),
  test_status text not null default 'pending' check (test_status in ('pending', 'skip', 'pass', 'fail', 'error')),
  tests_passed integer not null default 0,
  tests_failed integer not null default 0,
  tests_errored integer not null default 0,
  tests_skipped integer not null default 0,
  status_timestamps jsonb not null default '{}',
  filters text[] not null default '{}',
  test_directory text not null default 'tests',
  is_verbose boolean not null default false,
  parallelism integer,
  -- [{key, value}], the values HCL expressions; sealed
  variables bytea not null,
  engine text not null check (engine in ('terraform', 'tofu')),
  engine_version text not null,
  stop_wish text check (stop_wish in ('cancel', 'force')),
  -- one sentence for people when the run ended in 'errored'
  error_reason text,
  log_size bigint not null default 0,
  created_by text references users on delete set null,
  created_at timestamptz not null default now()
);
create index test_runs_module on test_runs (module_id, created_at desc, id);
create index test_runs_configuration on test_runs (configuration_id);
create index test_runs_created_by on test_runs (created_by) where created_by is not null;

create table test_run_log_chunks (
  test_run_id text not null references test_runs on delete cascade,
  start_offset bigint not null,
  data bytea not null,
  primary key (test_run_id, start_offset)
);
