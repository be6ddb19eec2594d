-- A new data key is known to every process before any of them seals with it.
alter table data_keys
  add column current_from timestamptz not null default now();
