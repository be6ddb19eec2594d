-- The platforms of a tool version say all: its url and sha are those of linux_amd64.
alter table tool_versions drop column url, drop column sha;
