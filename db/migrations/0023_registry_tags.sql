-- Tags of modules and providers: [{ "key", "value" }]. They are shown and changed whole; nothing is filtered by them.
alter table registry_modules add column tags jsonb not null default '[]';
alter table registry_providers add column tags jsonb not null default '[]';
