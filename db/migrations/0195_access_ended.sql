-- Access that is taken away is told to every process (shared/live.ts, topic `access`): open streams look again at once.
create function tell_access_ended() returns trigger language plpgsql as $$
begin
  perform pg_notify('tofutf_live', 'access ');
  return null;
end $$;

create trigger sessions_ended after delete on sessions
  for each row execute function tell_access_ended();
create trigger organization_memberships_ended after delete on organization_memberships
  for each row execute function tell_access_ended();
create trigger team_members_ended after delete on team_members
  for each row execute function tell_access_ended();
create trigger users_suspended after update of suspended_at on users
  for each row when (old.suspended_at is null and new.suspended_at is not null) execute function tell_access_ended();
