-- Why the server itself wished a run to stop (a time limit): it becomes error_reason when the run has ended.
alter table runs add column stop_reason text;
