-- Organizations, people, teams and their credentials.

create table organizations (
  id text primary key,
  name text not null,
  email text not null,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- set by a delete request: invisible at once, its rows go in batches by a job
  deleted_at timestamptz
);
create unique index organizations_name on organizations (lower(name)) where deleted_at is null;

create table users (
  id text primary key,
  username text not null,
  email text,
  -- 'argon2id$…'; null when the account signs in elsewhere or is a service account
  password_hash text,
  is_site_admin boolean not null default false,
  is_service_account boolean not null default false,
  suspended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index users_username on users (lower(username));
create unique index users_email on users (lower(email)) where email is not null;

create table organization_memberships (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  user_id text references users on delete cascade,
  email text not null,
  status text not null check (status in ('active', 'invited')),
  created_at timestamptz not null default now()
);
create unique index organization_memberships_email on organization_memberships (organization_id, lower(email));
create index organization_memberships_user on organization_memberships (user_id);

create table teams (
  id text primary key,
  organization_id text not null references organizations on delete cascade,
  name text not null,
  visibility text not null default 'secret' check (visibility in ('secret', 'organization')),
  sso_team_id text,
  allow_member_token_management boolean not null default true,
  -- the organization access flags of the team, { "manage-workspaces": true, … }
  organization_access jsonb not null default '{}',
  is_owners boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index teams_name on teams (organization_id, lower(name));

create table team_members (
  team_id text not null references teams on delete cascade,
  user_id text not null references users on delete cascade,
  created_at timestamptz not null default now(),
  primary key (team_id, user_id)
);
create index team_members_user on team_members (user_id);

-- API tokens. The token itself is shown once; only its SHA-256 is kept.
create table tokens (
  id text primary key,
  kind text not null check (kind in ('user', 'team', 'organization', 'audit-trail', 'agent', 'phase')),
  token_hash bytea not null unique,
  user_id text references users on delete cascade,
  team_id text references teams on delete cascade,
  organization_id text references organizations on delete cascade,
  agent_pool_id text,
  phase_id text,
  description text not null default '',
  -- the one token of a team or organization that the older endpoints manage
  is_legacy boolean not null default false,
  created_by text references users on delete set null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  expired_at timestamptz
);
create index tokens_user on tokens (user_id, created_at desc) where user_id is not null;
create index tokens_team on tokens (team_id, created_at desc) where team_id is not null;
create index tokens_organization on tokens (organization_id, kind) where organization_id is not null;
create index tokens_agent_pool on tokens (agent_pool_id) where agent_pool_id is not null;
create index tokens_phase on tokens (phase_id) where phase_id is not null;
create index tokens_expired on tokens (expired_at) where expired_at is not null;
create unique index tokens_legacy_team on tokens (team_id) where is_legacy and kind = 'team';
create unique index tokens_legacy_organization on tokens (organization_id, kind) where is_legacy and kind in ('organization', 'audit-trail');

-- Browser sessions; the cookie holds the id, the table its SHA-256.
create table sessions (
  id_hash bytea primary key,
  user_id text not null references users on delete cascade,
  csrf_token text not null,
  user_agent text not null default '',
  address text not null default '',
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index sessions_user on sessions (user_id, last_seen_at desc);
create index sessions_expires on sessions (expires_at);

-- Authorization codes of `terraform login` (OAuth authorization code with PKCE, S256 only).
create table oauth_codes (
  code_hash bytea primary key,
  user_id text not null references users on delete cascade,
  client_id text not null,
  redirect_uri text not null,
  code_challenge text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  -- the token it was exchanged for: a second exchange revokes it
  token_id text references tokens on delete set null
);
create index oauth_codes_expires on oauth_codes (expires_at);
create index oauth_codes_user on oauth_codes (user_id);
create index oauth_codes_token on oauth_codes (token_id);
