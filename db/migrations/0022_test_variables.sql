-- Variables of a module's tests, beside those of workspaces and sets.

alter table variables add column module_id text references registry_modules on delete cascade;
alter table variables drop constraint variables_check;
alter table variables add constraint variables_check check (num_nonnulls(workspace_id, varset_id, module_id) = 1);
create unique index variables_module_key on variables (module_id, category, key) where module_id is not null;
