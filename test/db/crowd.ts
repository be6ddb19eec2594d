import { sql } from '../../db/sql.ts'
import type { World } from '../security/world.ts'
import type { TestServer } from '../support/server.ts'

/** How many rows a table must have at least to be called big. */
export const BIG = 5_000

/** How many rows of each kind there are. */
export interface CrowdSize {
  organizations: number
  users: number
  projects: number
  /** Those that have workspaces. */
  busyProjects: number
  teams: number
  workspaces: number
  configurations: number
  runs: number
  states: number
  variables: number
  auditEntries: number
  jobs: number
  /** Every how many-th of everything belongs to the world's organization. */
  own: number
}

/** 100,000 runs in 10,000 workspaces of 50 organizations. */
export const manyOrganizations: CrowdSize = {
  organizations: 6_000,
  users: 10_000,
  projects: 6_000,
  busyProjects: 50,
  teams: 6_000,
  workspaces: 10_000,
  configurations: 20_000,
  runs: 100_000,
  states: 50_000,
  variables: 50_000,
  auditEntries: 100_000,
  jobs: 50_000,
  own: 50,
}

/** Every how many-th run, state and configuration is one of the world's workspace. */
const OWN_WORKSPACE = 100

/** Fills the tables that grow. A share of everything belongs to the world, so that its lists are long. */
export async function fillTables(server: TestServer, world: World, size: CrowdSize): Promise<void> {
  await fillPeople(server, world, size)
  await fillWorkspaces(server, world, size)
  await fillRuns(server, world, size)
  await fillStates(server, world, size)
  await fillHistory(server, world, size)
  const { db } = server.app
  await db.query(sql.void`vacuum`)
  await db.transaction(async (tx) => {
    // every row is looked at, so that the plans are the same each time
    await tx.query(sql.void`set local default_statistics_target = 1000`)
    await tx.query(sql.void`analyze`)
  })
}

/** The organization that row `n` belongs to. */
const organizationOf = ({ organization }: World, { own }: CrowdSize) => sql.fragment`
  case when n % ${own} = 0 then ${organization.id} else 'org-c' || n % ${own} end`

/** The workspace that row `n` belongs to. */
const workspaceOf = ({ ids }: World, { workspaces }: CrowdSize, every = OWN_WORKSPACE) => sql.fragment`
  case when n % ${every} = 0 then ${ids.workspace_id!} else 'ws-c' || n % ${workspaces} + 1 end`

async function fillPeople({ app: { db } }: TestServer, world: World, size: CrowdSize): Promise<void> {
  await db.query(sql.void`
    insert into users (id, username, email) select 'user-c' || n, 'crowd' || n, 'crowd' || n || '@crowd.example'
    from generate_series(1, ${size.users}) n`)
  await db.query(sql.void`
    insert into organizations (id, name, email) select 'org-c' || n, 'crowd-' || n, 'crowd@crowd.example'
    from generate_series(1, ${size.organizations}) n`)
  await db.query(sql.void`
    insert into organization_memberships (id, organization_id, user_id, email, status)
    select 'ou-c' || n, case when ${size.own} = 1 then ${world.organization.id} else 'org-c' || n % ${size.own} + 1 end, 'user-c' || n, 'crowd' || n || '@crowd.example', 'active'
    from generate_series(1, ${size.users}) n`)
  await db.query(sql.void`
    insert into teams (id, organization_id, name)
    select 'team-c' || n, ${organizationOf(world, size)}, 'team ' || n
    from generate_series(1, ${size.teams}) n`)
  await db.query(sql.void`
    insert into tokens (id, kind, user_id, token_hash)
    select 'at-c' || n, 'user', 'user-c' || n, sha256(n::text::bytea) from generate_series(1, ${size.users}) n`)
}

async function fillWorkspaces({ app: { db } }: TestServer, world: World, size: CrowdSize): Promise<void> {
  await db.query(sql.void`
    insert into projects (id, organization_id, name)
    select 'prj-c' || n, ${organizationOf(world, size)}, 'project ' || n
    from generate_series(1, ${size.projects}) n`)
  // half of the world's own in its default project
  await db.query(sql.void`
    insert into workspaces (id, organization_id, project_id, name, description, latest_change_at)
    select 'ws-c' || n, p.organization_id, p.id, 'crowd-' || n, 'made for a look at many', now() - n * interval '1 minute'
    from generate_series(1, ${size.workspaces}) n
    join projects p on p.id = case
      when n % ${size.own} = 0 and n % 2 = 0 then ${world.organization.projectId}
      else 'prj-c' || (n - 1) % ${size.busyProjects} + 1 end`)
  await db.query(sql.void`
    insert into tag_bindings (id, organization_id, workspace_id, key, value)
    select 'tb-c' || w.id || k, w.organization_id, w.id, 'key' || k, 'x' from workspaces w, generate_series(1, 2) k
    where w.id like 'ws-c%'`)
  await db.query(sql.void`
    insert into team_workspaces (id, team_id, workspace_id, access)
    select 'tws-c' || n, ${world.member.teamId}, 'ws-c' || n * ${size.own}, 'read' from generate_series(1, 200) n`)
  await db.query(sql.void`
    insert into team_workspaces (id, team_id, workspace_id, access)
    select 'tws-d' || n, 'team-c' || n % ${size.teams} + 1, 'ws-c' || n, 'read' from generate_series(1, ${size.workspaces}) n`)
  await db.query(sql.void`
    insert into configuration_versions (id, workspace_id, status)
    select 'cv-c' || n, ${workspaceOf(world, size)}, 'uploaded'
    from generate_series(1, ${size.configurations}) n`)
  await db.query(sql.void`
    insert into variables (id, workspace_id, key, value, category, version_id, sensitive)
    select 'var-c' || n, ${workspaceOf(world, size, 50)}, 'k' || n, 'x'::bytea, 'terraform', 'v', true
    from generate_series(1, ${size.variables}) n`)
}

/** A run a minute, back from now; the newest of some workspaces waits for somebody. */
async function fillRuns({ app: { db } }: TestServer, world: World, size: CrowdSize): Promise<void> {
  await db.query(sql.void`
    insert into runs (id, workspace_id, organization_id, number, status, engine, engine_version, message, has_changes,
      created_at, finished_at, created_by)
    select 'run-c' || m.n, w.id, w.organization_id, 10 + row_number() over (partition by w.id order by m.n desc), m.status,
      'terraform', '1.11.4', (array['Bump the provider', 'More room for the database', 'Rotate the certificate',
        'Queued by a schedule'])[m.luck % 4 + 1], m.status in ('applied', 'planned'),
      now() - m.n * interval '1 minute',
      case when m.status not in ('pending', 'planned') then now() - m.n * interval '1 minute' + (120 + m.luck) * interval '1 second' end,
      'user-c' || m.n % ${size.users} + 1
    from (
      select n, luck, ${workspaceOf(world, size)} as workspace_id,
        case
          when n % 1000 = 0 then 'pending'
          when n % 100 = 7 and n <= ${size.workspaces} then 'planned'
          when luck % 20 < 11 then 'applied'
          when luck % 20 < 17 then 'planned_and_finished'
          when luck % 20 < 18 then 'errored'
          when luck % 20 < 19 then 'discarded'
          else 'canceled'
        end as status
      from (select n, hashint4(n) & 1023 as luck from generate_series(1, ${size.runs}) n) n) m
    join workspaces w on w.id = m.workspace_id`)
  await db.query(sql.void`
    insert into phases (id, run_id, kind, status, organization_id, has_changes, additions, changes, destructions, log_closed,
      queue, band, rank, queued_at, dispatched_at, started_at, finished_at)
    select p.kind || '-' || p.run_id, p.run_id, p.kind, p.status, p.organization_id, p.has_changes,
      case when p.has_changes then p.luck % 9 else 0 end, case when p.has_changes then p.luck % 7 else 0 end,
      case when p.has_changes then p.luck % 2 else 0 end, p.is_over,
      case when p.is_over then 'runs' end, p.band, 0,
      case when p.is_over then p.at end, case when p.is_over then p.at end,
      case when p.is_over then p.at + p.luck % 40 * interval '1 second' end,
      case when p.is_over then p.at + (p.luck % 40 + 20 + p.luck % 60) * interval '1 second' end
    from (
      select r.id as run_id, r.organization_id, r.has_changes, k as kind, k.band, k.is_over, hashtext(r.id) & 1023 as luck,
        r.created_at + k.band * interval '1 minute' as at,
        case when not k.is_over then 'pending' when r.status in ('errored', 'canceled') then r.status else 'finished' end as status
      from (select * from runs where id like 'run-c%') r
      cross join lateral (
        values ('plan', 1, r.status <> 'pending'), ('apply', 0, r.status = 'applied')) k (k, band, is_over)) p`)
  await db.query(sql.void`
    update workspaces w
    set current_run_id = r.id, holder_run_id = case when r.status = 'planned' then r.id end, run_count = r.number
    from (
      select distinct on (workspace_id) workspace_id, id, status, number
      from runs
      where id like 'run-c%'
      order by workspace_id, number desc) r
    where r.workspace_id = w.id and w.id like 'ws-c%'`)
  await db.query(sql.void`
    insert into run_events (id, run_id, action, created_at)
    select 're-' || r.id, r.id, 'queued', r.created_at from runs r where r.id like 'run-c%'`)
  await db.query(sql.void`
    insert into comments (id, run_id, body) select 'wsc-c' || n, 'run-c' || n, 'x' from generate_series(1, 10000) n`)
}

async function fillStates({ app: { db } }: TestServer, world: World, size: CrowdSize): Promise<void> {
  await db.query(sql.void`
    insert into state_versions (id, workspace_id, serial, md5, status, created_at, finalized_at, run_id, engine_version,
      resources_processed, resource_count, modules, providers)
    select 'sv-c' || n, ${workspaceOf(world, size)}, 1000 + ${size.states} - n, md5(n::text), 'finalized',
      now() - n * interval '1 minute', now() - n * interval '1 minute', 'run-c' || n,
      (array['1.5.7', '1.9.8', '1.11.4'])[n % 3 + 1], true, 9 + n % 5,
      '{"root": {"aws-instance": 5}, "module.network": {"aws-subnet": 4}}',
      jsonb_build_object('provider["registry.terraform.io/hashicorp/aws"]',
          jsonb_build_object('aws-instance', 5, 'aws-subnet', 4),
        'provider["registry.terraform.io/hashicorp/' || (array['random', 'tls', 'google'])[n % 3 + 1] || '"]',
          jsonb_build_object('null-resource', n % 5))
    from generate_series(1, ${size.states}) n`)
  await db.query(sql.void`
    update workspaces w
    set current_state_version_id = s.id, resource_count = s.resource_count
    from (
      select distinct on (workspace_id) workspace_id, id, resource_count
      from state_versions
      where id like 'sv-c%'
      order by workspace_id, serial desc) s
    where s.workspace_id = w.id and w.id like 'ws-c%'`)
  await db.query(sql.void`
    insert into state_version_outputs (id, state_version_id, name, sensitive, type, value)
    select 'wsout-c' || n, 'sv-c' || n, 'o', true, 'string', 'x'::bytea from generate_series(1, 20000) n`)
  await db.query(sql.void`
    insert into state_resources (state_version_id, address, id, name, type, module, provider, mode, instance_count)
    select 'sv-c' || n, 'a.b', 'wsr-c' || n, 'b', 'a', 'root', 'p', 'managed', 1 from generate_series(1, 20000) n`)
}

async function fillHistory({ app: { db } }: TestServer, world: World, size: CrowdSize): Promise<void> {
  await db.query(sql.void`
    insert into audit_entries (id, organization_id, actor_type, actor_id, actor_name, action, object_type, object_id, at)
    select 'ae-c' || n, ${organizationOf(world, size)}, 'user', 'user-c' || n % ${size.users} + 1,
      'crowd' || n % ${size.users} + 1, 'update', 'workspaces', 'ws-c' || n % ${size.workspaces} + 1,
      now() - n * interval '1 minute' from generate_series(1, ${size.auditEntries}) n`)
  await db.query(sql.void`
    insert into pgboss.job (name, data, state, singleton_key, created_on)
    select 'notify', '{}', (array['completed', 'failed', 'created'])[n % 100 / 49 + 1]::pgboss.job_state, null, now() - n * interval '1 minute'
    from generate_series(1, ${size.jobs}) n`)
}
