-- State shared with the workspaces of the same project.
alter table workspaces add column project_remote_state boolean not null default false;
