-- Modules that are offered for workspaces without code: people choose values, the module is the configuration.

create table no_code_modules (
  id text primary key,
  module_id text not null references registry_modules on delete cascade,
  -- null or 'latest': the newest published version
  version_pin text,
  enabled boolean not null default true,
  -- [{ id, name, type, options }]: values that people may choose from
  variable_options jsonb not null default '[]',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index no_code_modules_module on no_code_modules (module_id);

-- the offer takes the place of the mark
insert into no_code_modules (id, module_id)
  select 'nocode-' || substr(md5(random()::text || m.id), 1, 16), m.id
  from registry_modules m
  where m.no_code;
alter table registry_modules drop column no_code;

alter table workspaces add column no_code_module_id text references no_code_modules on delete set null;
create index workspaces_no_code_module on workspaces (no_code_module_id) where no_code_module_id is not null;

-- of a configuration that is a published module
alter table configuration_versions add column module_version text;
