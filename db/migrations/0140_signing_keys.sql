-- Keys that sign workload identity tokens. The newest signs; the others are still published, for tokens made before.
create table signing_keys (
  -- RFC 7638 thumbprint: the token's kid
  id text primary key,
  -- PKCS#8, sealed
  private_key bytea not null,
  public_jwk jsonb not null,
  created_at timestamptz not null default clock_timestamp()
);
