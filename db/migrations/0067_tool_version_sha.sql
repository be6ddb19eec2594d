-- The checksum that was given beside the platforms: it goes with an address that is changed alone.
alter table tool_versions add column given_sha text;
