-- What an agent or a runner executes now: whether an agent is busy is read from here, not stored.
create index phases_claimed_by on phases (claimed_by) where status = 'running';

alter table agents add column concurrency integer not null default 1;
