-- for the sweep that deletes runs after TOFUTF_RUN_RETENTION_DAYS
create index runs_finished on runs (finished_at) where finished_at is not null;
