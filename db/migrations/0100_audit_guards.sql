-- Entries stay: no statement takes them away before a year has passed, and none empties the table.
create function audit_entries_stay() returns trigger language plpgsql as $$
begin
  if tg_op = 'TRUNCATE' or old.at > now() - interval '1 year' then
    raise exception 'audit entries cannot be deleted';
  end if;
  return old;
end $$;
create trigger audit_entries_no_delete before delete on audit_entries
  for each row execute function audit_entries_stay();
create trigger audit_entries_no_truncate before truncate on audit_entries
  for each statement execute function audit_entries_stay();
