-- The one foreign key without an index: deleting a user looked through all tokens.

create index tokens_created_by on tokens (created_by) where created_by is not null;
