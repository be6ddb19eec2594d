-- What lists of workspaces put first: runs that are not over, and those that failed.
create index runs_notable on runs (id) include (status, created_at, finished_at)
  where finished_at is null or status = 'errored';
