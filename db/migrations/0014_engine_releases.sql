-- The newest release of each engine, as its publisher says; refreshed by a job.
create table engine_releases (
  engine text primary key check (engine in ('terraform', 'tofu')),
  version text not null,
  checked_at timestamptz not null default now()
);
