-- Failed sign-ins, counted per account and per address; the key is hashed, since people type passwords into the wrong field.
create table sign_in_attempts (
  key_hash bytea primary key,
  failures integer not null,
  window_ends_at timestamptz not null
);
create index sign_in_attempts_window on sign_in_attempts (window_ends_at);
