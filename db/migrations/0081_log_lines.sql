-- Lines of long logs have numbers: each piece knows how many end before it.
alter table phases add column log_line_breaks bigint not null default 0;
alter table log_chunks add column line_breaks_before bigint not null default 0;
