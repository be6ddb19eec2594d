import { sql } from '../../db/sql.ts'
import type { World } from '../security/world.ts'
import type { TestServer } from '../support/server.ts'

/** How many rows a table must have at least to be called big. */
export const BIG = 5_000

/**
 * Fills the tables that grow: 100,000 runs with their phases in 10,000 workspaces of 50 organizations, and what hangs on
 * them. A share of everything belongs to the world, so that its lists are long.
 */
export async function fillTables({ app }: TestServer, { organization, ids, member }: World): Promise<void> {
  const { db } = app
  const own = { organization: organization.id, project: organization.projectId, workspace: ids.workspace_id! }
  await db.query(sql.void`
    insert into users (id, username, email) select 'user-c' || n, 'crowd' || n, 'crowd' || n || '@crowd.example'
    from generate_series(1, 10000) n`)
  await db.query(sql.void`
    insert into organizations (id, name, email) select 'org-c' || n, 'crowd-' || n, 'crowd@crowd.example'
    from generate_series(1, 6000) n`)
  await db.query(sql.void`
    insert into organization_memberships (id, organization_id, user_id, email, status)
    select 'ou-c' || n, 'org-c' || n % 50 + 1, 'user-c' || n, 'crowd' || n || '@crowd.example', 'active'
    from generate_series(1, 10000) n`)
  await db.query(sql.void`
    insert into projects (id, organization_id, name)
    select 'prj-c' || n, case when n % 50 = 0 then ${own.organization} else 'org-c' || n % 50 end, 'project ' || n
    from generate_series(1, 6000) n`)
  await db.query(sql.void`
    insert into teams (id, organization_id, name)
    select 'team-c' || n, case when n % 50 = 0 then ${own.organization} else 'org-c' || n % 50 end, 'team ' || n
    from generate_series(1, 6000) n`)
  // every fiftieth of the world's organization, in its default project
  await db.query(sql.void`
    insert into workspaces (id, organization_id, project_id, name, latest_change_at)
    select 'ws-c' || n, p.organization_id, p.id, 'crowd-' || n, now() - n * interval '1 minute'
    from generate_series(1, 10000) n
    join projects p on p.id = case when n % 50 = 0 then ${own.project} else 'prj-c' || n % 50 end`)
  await db.query(sql.void`
    insert into tag_bindings (id, organization_id, workspace_id, key, value)
    select 'tb-c' || w.id || k, w.organization_id, w.id, 'key' || k, 'x' from workspaces w, generate_series(1, 2) k
    where w.id like 'ws-c%'`)
  await db.query(sql.void`
    insert into team_workspaces (id, team_id, workspace_id, access)
    select 'tws-c' || n, ${member.teamId}, 'ws-c' || n * 50, 'read' from generate_series(1, 200) n`)
  await db.query(sql.void`
    insert into team_workspaces (id, team_id, workspace_id, access)
    select 'tws-d' || n, 'team-c' || n % 6000 + 1, 'ws-c' || n, 'read' from generate_series(1, 10000) n`)
  await db.query(sql.void`
    insert into configuration_versions (id, workspace_id, status)
    select 'cv-c' || n, case when n % 100 = 0 then ${own.workspace} else 'ws-c' || n % 10000 + 1 end, 'uploaded'
    from generate_series(1, 20000) n`)
  await db.query(sql.void`
    insert into runs (id, workspace_id, organization_id, number, status, engine, engine_version, created_at, finished_at, created_by)
    select 'run-c' || n, w.id, w.organization_id, 1000 + n,
      case when n % 1000 = 0 then 'pending' else (array['applied', 'planned_and_finished', 'errored', 'discarded', 'canceled'])[n % 5 + 1] end,
      'terraform', '1.11.4', now() - n * interval '1 minute', case when n % 1000 = 0 then null else now() end,
      'user-c' || n % 10000 + 1
    from generate_series(1, 100000) n
    join workspaces w on w.id = case when n % 100 = 0 then ${own.workspace} else 'ws-c' || n % 10000 + 1 end`)
  await db.query(sql.void`
    insert into phases (id, run_id, kind, status, organization_id)
    select k || '-' || r.id, r.id, k, 'finished', r.organization_id
    from runs r, unnest(array['plan', 'apply']) k where r.id like 'run-c%'`)
  await db.query(sql.void`
    update workspaces w set current_run_id = (select r.id from runs r where r.workspace_id = w.id order by number desc limit 1)
    where w.id like 'ws-c%'`)
  await db.query(sql.void`
    insert into run_events (id, run_id, action) select 're-' || r.id, r.id, 'queued' from runs r where r.id like 'run-c%'`)
  await db.query(sql.void`
    insert into comments (id, run_id, body) select 'wsc-c' || n, 'run-c' || n, 'x' from generate_series(1, 10000) n`)
  await db.query(sql.void`
    insert into state_versions (id, workspace_id, serial, md5, status, finalized_at, run_id)
    select 'sv-c' || n, case when n % 100 = 0 then ${own.workspace} else 'ws-c' || n % 10000 + 1 end, 1000 + n, md5(n::text),
      'finalized', now() - n * interval '1 minute', 'run-c' || n
    from generate_series(1, 50000) n`)
  await db.query(sql.void`
    insert into state_version_outputs (id, state_version_id, name, sensitive, type, value)
    select 'wsout-c' || n, 'sv-c' || n, 'o', true, 'string', 'x'::bytea from generate_series(1, 20000) n`)
  await db.query(sql.void`
    insert into state_resources (state_version_id, address, id, name, type, module, provider, mode, instance_count)
    select 'sv-c' || n, 'a.b', 'wsr-c' || n, 'b', 'a', 'root', 'p', 'managed', 1 from generate_series(1, 20000) n`)
  await db.query(sql.void`
    insert into variables (id, workspace_id, key, value, category, version_id, sensitive)
    select 'var-c' || n, case when n % 50 = 0 then ${own.workspace} else 'ws-c' || n % 10000 + 1 end, 'k' || n, 'x'::bytea,
      'terraform', 'v', true from generate_series(1, 50000) n`)
  await db.query(sql.void`
    insert into audit_entries (id, organization_id, actor_type, action, object_type, at)
    select 'ae-c' || n, case when n % 50 = 0 then ${own.organization} else 'org-c' || n % 50 end, 'user', 'update', 'workspaces',
      now() - n * interval '1 minute' from generate_series(1, 100000) n`)
  await db.query(sql.void`
    insert into tokens (id, kind, user_id, token_hash)
    select 'at-c' || n, 'user', 'user-c' || n, sha256(n::text::bytea) from generate_series(1, 10000) n`)
  await db.query(sql.void`
    insert into pgboss.job (name, data, state, singleton_key, created_on)
    select 'notify', '{}', (array['completed', 'failed', 'created'])[n % 100 / 49 + 1]::pgboss.job_state, null, now() - n * interval '1 minute'
    from generate_series(1, 50000) n`)
  await db.query(sql.void`vacuum`)
  await db.transaction(async (tx) => {
    // every row is looked at, so that the plans are the same each time
    await tx.query(sql.void`set local default_statistics_target = 1000`)
    await tx.query(sql.void`analyze`)
  })
}
