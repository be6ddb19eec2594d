-- for the sweep that cuts plans whose worker died between the end of the phase and its rows
create index phases_plan_finished on phases (finished_at) where plan_json_redacted_blob_id is not null;
