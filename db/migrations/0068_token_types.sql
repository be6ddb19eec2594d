-- The API writes audit_trails.
alter table token_ttl_policies drop constraint token_ttl_policies_token_type_check;
update token_ttl_policies set token_type = 'audit_trails' where token_type = 'audit-trails';
alter table token_ttl_policies add check (token_type in ('organization', 'team', 'user', 'audit_trails'));
