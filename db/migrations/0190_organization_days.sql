-- The days of an organization's overview are counted in the index alone.
drop index runs_organization;
create index runs_organization on runs (organization_id, created_at desc, id) include (status, workspace_id, finished_at);
