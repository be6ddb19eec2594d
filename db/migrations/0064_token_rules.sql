-- Read with every request of a user's token: the few organizations that restrict those.
create index organizations_token_rules on organizations (id)
  where (settings ->> 'user-tokens-enabled') = 'false' or (settings ->> 'max-ttl-enabled') = 'true';
