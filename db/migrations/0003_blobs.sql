-- Binary data of every kind in chunks, and the keys that seal it.

-- Data keys, wrapped by a key derived from TOFUTF_SECRET: rotating the secret re-wraps these rows only.
create table data_keys (
  id text primary key,
  root_key_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null default now()
);

create table blobs (
  id text primary key,
  data_key_id text not null references data_keys,
  -- of the clear, uncompressed bytes; null until the last chunk is in
  size_bytes bigint,
  sha256 bytea,
  md5 bytea,
  created_at timestamptz not null default now(),
  completed_at timestamptz
);
create index blobs_incomplete on blobs (created_at) where completed_at is null;
create index blobs_data_key on blobs (data_key_id);

-- A chunk is at most 1 MiB of clear bytes, compressed, then sealed with AES-256-GCM.
create table blob_chunks (
  blob_id text not null references blobs on delete cascade,
  seq integer not null,
  data bytea not null,
  primary key (blob_id, seq)
);
alter table blob_chunks alter column data set storage external;
