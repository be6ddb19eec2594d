-- A tag as organizations list it is a key; its id follows from organization and key, so that it has one without a row.

alter table tag_bindings
  add column tag_id text generated always as ('tag-' || left(md5(organization_id || '/' || key), 16)) stored;
create index tag_bindings_tag on tag_bindings (tag_id);
