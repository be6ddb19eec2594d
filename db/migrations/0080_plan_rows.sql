-- Plans cut into rows when they end, so that no page parses a plan's JSON; and what those plans told about secrets.

create table plan_summaries (
  plan_id text primary key references phases on delete cascade,
  -- the redacted plan JSON that the rows were cut from: a plan that was repeated is cut again
  blob_id text not null,
  -- JSON text: counts by action, outside changes, outputs, what holds data
  summary text not null,
  created_at timestamptz not null default now()
);

create table plan_rows (
  plan_id text not null references plan_summaries on delete cascade,
  -- the order of display: what is lost comes first
  number integer not null,
  -- the row that shows this one: its own number, or that of the first of equal changes
  head integer not null,
  fold_size integer not null default 1,
  kind text not null check (kind in ('change', 'outside', 'output')),
  action text not null,
  address text not null,
  module text not null,
  type text not null,
  holds_data boolean not null,
  -- only tags, computed values or reads
  is_noise boolean not null,
  -- JSON text: parts of the address, reasons, attributes as they differ
  change text not null,
  -- lower case: address, paths and values that differ; no secrets
  search text not null,
  primary key (plan_id, number)
);
create index plan_rows_heads on plan_rows (plan_id, kind, number) where number = head;

-- Which attributes of a type the engines mark as sensitive. A state does not say it of all of them.
create table sensitive_attributes (
  organization_id text not null references organizations on delete cascade,
  type text not null,
  path text not null,
  primary key (organization_id, type, path)
);
