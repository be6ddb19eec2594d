-- Notification configurations, and a log of what was delivered to whom.

create table notification_configurations (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  workspace_id text references workspaces on delete cascade,
  project_id text references projects on delete cascade,
  team_id text references teams on delete cascade,
  name text not null,
  destination_type text not null check (destination_type in ('generic', 'slack', 'microsoft-teams', 'email')),
  enabled boolean not null default false,
  url text,
  -- sealed; signs the deliveries of a generic configuration
  token bytea,
  triggers text[] not null default '{}',
  email_addresses text[] not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check (num_nonnulls(workspace_id, project_id, team_id) = 1)
);
create index notification_configurations_workspace on notification_configurations (workspace_id, created_at, id)
  where workspace_id is not null;
create index notification_configurations_project on notification_configurations (project_id, created_at, id)
  where project_id is not null;
create index notification_configurations_team on notification_configurations (team_id, created_at, id) where team_id is not null;
create index notification_configurations_organization on notification_configurations (organization_id);

create table notification_configuration_users (
  configuration_id text not null references notification_configurations on delete cascade,
  user_id text not null references users on delete cascade,
  primary key (configuration_id, user_id)
);
create index notification_configuration_users_user on notification_configuration_users (user_id);

-- One row for each message; what the last attempt came to.
create table notification_deliveries (
  id text primary key,
  configuration_id text not null references notification_configurations on delete cascade,
  run_id text references runs on delete set null,
  trigger text not null,
  -- the message in the form of a generic notification; other destinations are made from it
  payload jsonb not null,
  status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
  attempts integer not null default 0,
  -- HTTP status of the answer, or a sentence why there was none
  code text not null default '',
  body text not null default '',
  headers jsonb not null default '{}',
  sent_at timestamptz,
  created_at timestamptz not null default now()
);
create index notification_deliveries_configuration on notification_deliveries (configuration_id, created_at desc, id);
create index notification_deliveries_run on notification_deliveries (run_id) where run_id is not null;
create index notification_deliveries_created on notification_deliveries (created_at);
