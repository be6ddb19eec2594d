-- Forms that must not act twice (start a run): the number that a form was drawn with, and what came of it.

create table form_uses (
  nonce text not null,
  user_id text not null references users on delete cascade,
  result text not null,
  created_at timestamptz not null default now(),
  primary key (user_id, nonce)
);
create index form_uses_created on form_uses (created_at);
