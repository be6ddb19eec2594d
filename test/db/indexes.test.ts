import { expect } from 'chai'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { apiRoutes } from '../../server/routes.ts'
import { makeWorld, orX, pathIn, type World } from '../security/world.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Statement, statementsOf } from '../support/statements.ts'
import { BIG, fillTables, manyOrganizations } from './crowd.ts'

/** Filters, sort orders and includes of lists; every other list is asked as it is. */
const variants: Record<string, string[]> = {
  '/api/v2/organizations/:organization_name/workspaces': [
    'search[name]=crowd-1',
    'search[wildcard-name]=crowd*',
    'search[tags]=key1',
    'search[exclude-tags]=key1',
    'filter[tagged][0][key]=key1&filter[tagged][0][value]=x',
    'filter[project][id]=:project_id',
    'filter[current-run][status]=pending',
    'sort=-current-run.created-at',
    'sort=-latest-change-at',
    'page[number]=3&page[size]=20',
    'include=organization,project,current_run,locked_by,current-state-version',
  ],
  '/api/v2/organizations/:organization_name/runs': [
    'filter[status]=pending',
    'filter[status]=applied,errored',
    'filter[status_group]=final',
    'filter[workspace_names]=crowd-50',
    'filter[source]=tfe-api',
    'filter[operation]=plan_only',
    'search[basic]=run-c100',
    'search[user]=crowd101',
  ],
  '/api/v2/workspaces/:workspace_id/runs': [
    'filter[status]=pending',
    'filter[operation]=plan_and_apply',
    'search[user]=crowd101',
    'page[number]=40',
    'include=plan,apply,created_by,configuration_version',
  ],
  '/api/v2/state-versions': [
    'filter[organization][name]=:organization_name&filter[workspace][name]=:workspace_name',
    'filter[organization][name]=:organization_name&filter[workspace][name]=:workspace_name&filter[status]=pending&include=outputs,run',
  ],
  '/api/v2/admin/runs': ['filter[status]=pending', 'q=crowd-77'],
  '/api/v2/admin/workspaces': ['q=crowd-77', 'filter[current_run][status]=pending'],
  '/api/v2/organization/audit-trail': ['since=2026-01-01T00:00:00Z'],
}

/**
 * Reads that go over all rows of a table because they are asked to: the number of all workspaces, runs, people of the
 * site, or a text in any of their names; only site admins ask them. And the projects of a member: those of the
 * workspaces that the member sees are found in one pass.
 */
const readsAll = (path: string): boolean =>
  path.startsWith('/api/v2/admin/') ||
  ['/api/v2/organizations', '/api/v2/organizations/:organization_name/projects'].includes(path)

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  Plans?: PlanNode[]
}

/** Enough of a statement to find it by. */
const shortened = (text: string): string => {
  const words = text.replaceAll(/\s+/g, ' ')
  return words.length < 240 ? words : `${words.slice(0, 80)} … ${words.slice(-160)}`
}

const scans = (node: PlanNode): string[] => [
  ...(node['Node Type'] === 'Seq Scan' ? [node['Relation Name']!] : []),
  ...(node.Plans ?? []).flatMap(scans),
]

describe('API-12: lists and cascades over big tables', function () {
  this.timeout(300_000)
  let server: TestServer
  let world: World
  let big: Set<string>
  before(async () => {
    server = await startServer()
    world = await makeWorld(server)
    await fillTables(server, world, manyOrganizations)
    const Name = z.object({ name: z.string() })
    const rows = await server.app.db.any(sql.type(Name)`
      select relname as name from pg_class where relkind in ('r', 'p') and reltuples >= ${BIG}`)
    big = new Set(rows.map((row) => row.name))
  })
  after(() => server?.stop())

  async function scannedBy(statement: Statement): Promise<string[]> {
    const explain = {
      ...sql.void``,
      sql: `explain (format json) ${statement.sql}`,
      values: statement.values as string[],
    }
    const rows = (await server.app.db.any(explain as ReturnType<typeof sql.void>)) as unknown as {
      'QUERY PLAN': { Plan: PlanNode }[]
    }[]
    return scans(rows[0]!['QUERY PLAN'][0]!.Plan).filter((table) => big.has(table))
  }

  it('API-12 every list and filter reads one page by indexes, whoever asks', async () => {
    const found: string[] = []
    const ids = orX(world.ids)
    for (const route of apiRoutes.filter(({ method, path }) => method === 'get' && !readsAll(path))) {
      const path = pathIn(route.path, ids)
      for (const query of ['', ...(variants[route.path] ?? [])]) {
        const asked = pathIn(query, ids)
        for (const [who, api] of [
          ['admin', server.api],
          ['member', world.member.api],
        ] as const) {
          const statements = await statementsOf(server, async () => {
            const answer = await api('GET', asked ? `${path}?${asked}` : path)
            expect(answer.status, `${path}?${asked}`).to.be.below(500)
          })
          for (const statement of statements) {
            const tables = await scannedBy(statement)
            if (tables.length > 0)
              found.push(`${route.path}?${query} (${who}) reads all of ${tables}: ${shortened(statement.sql)}`)
          }
        }
      }
    }

    expect(found.join('\n')).to.equal('')
  })

  it('API-12 every foreign key has an index that begins with its columns', async () => {
    const Key = z.object({ key: z.string() })
    const without = await server.app.db.anyFirst(sql.type(Key)`
      select c.conrelid::regclass || ': ' || pg_get_constraintdef(c.oid) as key
      from pg_constraint c
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
        select 1
        from pg_index i
        where i.indrelid = c.conrelid and i.indisvalid
          and (string_to_array(i.indkey::text, ' ')::int2[])[1:cardinality(c.conkey)] @> c.conkey
          and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
      order by 1`)

    expect(without).to.deep.equal([])
  })
})
