-- The audit log: append-only.

create table audit_entries (
  id text primary key,
  at timestamptz not null default now(),
  organization_id text,
  actor_type text not null,
  actor_id text,
  actor_name text not null default '',
  token_id text,
  address text not null default '',
  action text not null,
  object_type text not null,
  object_id text,
  request_id text,
  before jsonb,
  after jsonb
);
create index audit_entries_organization on audit_entries (organization_id, at desc, id);
create index audit_entries_at on audit_entries (at desc, id);

create function audit_entries_are_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'audit entries cannot be changed';
end $$;
create trigger audit_entries_no_update before update on audit_entries
  for each row execute function audit_entries_are_append_only();
