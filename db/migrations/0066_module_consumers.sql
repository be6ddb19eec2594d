-- Organizations that may install the modules of another one.
create table module_consumers (
  organization_id text not null references organizations on delete cascade,
  consumer_id text not null references organizations on delete cascade,
  primary key (organization_id, consumer_id)
);
create index module_consumers_consumer on module_consumers (consumer_id);
