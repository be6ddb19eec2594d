-- what the queues hold
create index phases_at_work on phases (queue, status) where status in ('queued', 'running');
-- the site admins' lists of runs, and which workspaces use an engine's version
create index runs_created on runs (created_at desc, id);
create index workspaces_engine on workspaces (engine, engine_version);
