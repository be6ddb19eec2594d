-- Sign-in at other places: OpenID Connect, GitHub, GitLab.
create table sign_in_providers (
  id text primary key,
  -- in addresses: /app/login/<slug>
  slug text not null unique,
  kind text not null check (kind in ('oidc', 'github', 'gitlab')),
  name text not null,
  -- the issuer; of GitHub the address of its pages
  url text not null,
  client_id text not null,
  client_secret bytea not null,
  scopes text not null,
  -- '': groups are not looked at
  groups_claim text not null,
  -- put before each group, so that a group of one provider is not taken for the same word of another
  group_prefix text not null,
  -- empty: all
  allowed_domains text[] not null default '{}',
  creates_users boolean not null default false,
  links_users boolean not null default false,
  is_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Who somebody is at a provider. The subject is the key; addresses and names change hands.
create table user_identities (
  id text primary key,
  provider_id text not null references sign_in_providers on delete cascade,
  subject text not null,
  user_id text not null references users on delete cascade,
  -- as the provider told it last, for lists only
  email text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  unique (provider_id, subject)
);
create index user_identities_user on user_identities (user_id, created_at);

-- Memberships that a group of the provider made; null: made by hand.
alter table team_members add column identity_id text references user_identities on delete cascade;
create index team_members_identity on team_members (identity_id) where identity_id is not null;
alter table organization_memberships add column identity_id text references user_identities on delete cascade;
create index organization_memberships_identity on organization_memberships (identity_id) where identity_id is not null;
create index teams_sso_team on teams (sso_team_id) where sso_team_id is not null;

-- Sign-ins that came back, so that none counts twice.
create table sign_in_returns (
  state_hash bytea primary key,
  expires_at timestamptz not null
);
create index sign_in_returns_expires on sign_in_returns (expires_at);
