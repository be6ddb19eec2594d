-- When the value of a variable was set, and by whom: all that is ever told of a sensitive one.
alter table variables
  add column value_set_at timestamptz not null default now(),
  add column value_set_by text references users on delete set null;
update variables set value_set_at = updated_at;
create index variables_value_set_by on variables (value_set_by) where value_set_by is not null;
