-- Questions of the explorer that people keep: the query part of its address, shared within the organization.

create table explorer_views (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  query text not null,
  created_by text references users on delete set null,
  created_at timestamptz not null default now()
);
create unique index explorer_views_name on explorer_views (organization_id, lower(name));
create index explorer_views_created_by on explorer_views (created_by) where created_by is not null;
