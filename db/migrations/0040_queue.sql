-- The global queue: which phases were given to the workers, and in which order they take them.

alter table phases
  -- of the run: repeated here for the indexes below
  add column organization_id text,
  -- 'runs' (this server's runners) or the id of an agent pool
  add column queue text,
  -- 0 apply, 1 plan, 2 speculative plan
  add column band smallint,
  -- turn within the band: the lower first, among equals the older (shared/runs/dispatch.ts)
  add column rank integer,
  add column queued_at timestamptz,
  -- null while a limit holds it back: no worker sees it
  add column dispatched_at timestamptz,
  add column job_id uuid;

create index phases_turn on phases (queue, band, rank) where status = 'queued' and dispatched_at is not null;
create index phases_oldest on phases (queue, band, dispatched_at) where status = 'queued' and dispatched_at is not null;
create index phases_last_turn on phases (organization_id, queue, band, dispatched_at desc) where dispatched_at is not null;
create index phases_held_back on phases (organization_id, band, queued_at) where status = 'queued' and dispatched_at is null;
create index phases_in_work on phases (organization_id, queue)
  where status in ('queued', 'running') and dispatched_at is not null;
create index phases_running_queue on phases (queue) where status = 'running';

update phases p
set organization_id = r.organization_id, queue = coalesce(r.agent_pool_id, 'runs'), rank = 0,
  band = case when p.kind = 'apply' then 0 when r.plan_only then 2 else 1 end, queued_at = now(), dispatched_at = now()
from runs r
where r.id = p.run_id and p.status in ('queued', 'running');

alter table agent_pools add column concurrent_run_limit integer check (concurrent_run_limit > 0);

-- options of a workspace's queue
alter table workspaces
  add column discard_superseded_runs boolean not null default false,
  add column unconfirmed_plan_timeout_minutes integer check (unconfirmed_plan_timeout_minutes > 0);

-- What the repairing jobs did: for metrics and the health page.
create table sweeps (
  name text primary key,
  runs bigint not null default 0,
  repaired bigint not null default 0,
  last_run_at timestamptz,
  last_ms integer,
  last_error text
);
