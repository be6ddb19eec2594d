// Source: shared/api/cli-protocol.md 4.8, go-tfe test_run.go
import { z } from 'zod'
import { userIdOf } from '../../shared/access/actor.ts'
import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId } from '../../shared/ids.ts'
import { insertTestConfiguration, selectOptionalTestConfiguration } from '../../shared/registry/test-configurations.ts'
import {
  createTestRun,
  selectOptionalTestRun,
  selectTestRunsPage,
  stopTestRun,
  type TestRun,
  TestVariables,
} from '../../shared/registry/test-runs.ts'
import { many, one } from '../jsonapi/answer.ts'
import { pageOf } from '../jsonapi/page.ts'
import { type Context, Routes } from '../route.ts'
import { objectUrl } from './objects.ts'
import { type ModuleSubject, moduleByName } from './subject.ts'
import { testConfiguration, testRun } from './test-run-json.ts'

const module = '/organizations/:organization_name/tests/registry-modules/:registry_name/:namespace/:name/:provider'
export const testRuns = new Routes(`/api/v2${module}/test-runs`)

const reading = { action: 'registry:read', subject: moduleByName } as const
const running = { action: 'registry:manage-modules', subject: moduleByName } as const

testRuns.post('/configuration-versions', { ...running, answers: 201 }, async (ctx) => {
  const { app, subject, actor } = ctx
  const id = await insertTestConfiguration(app.db, { moduleId: subject.module.id, createdBy: userIdOf(actor) })
  const row = (await selectOptionalTestConfiguration(app.db, id))!
  return one(testConfiguration, { ...row, upload_url: objectUrl(ctx, 'test-configuration-upload', id) }, ctx)
})

/** A folder below the module's root; it becomes an argument of the engine, and of nothing that splits or expands it. */
const Folder = z.string().regex(/^(?![-/])(?!.*\.\.)[\w./-]{1,200}$/, 'is not a folder inside the module')

const Create = z.object({
  filters: z.array(z.string().min(1).max(300)).max(100).nullish(),
  'test-directory': Folder.nullish(),
  verbose: z.boolean().nullish(),
  parallelism: z.number().int().min(1).max(100).nullish(),
  variables: TestVariables.max(1000).nullish(),
})

testRuns.post('', { ...running, attributes: Create, answers: 201 }, async (ctx) => {
  const { app, subject, input, actor } = ctx
  const { attributes } = input
  const id = input.relatedId('configuration-version')
  const configuration = id && looksLikeId(id, 'cv') ? await selectOptionalTestConfiguration(app.db, id) : null
  if (configuration?.module_id !== subject.module.id)
    throw invalid('configuration-version', 'Configuration version is not one of this module')
  if (!configuration.blob_id) throw invalid('configuration-version', 'Configuration version has no archive yet')
  const created = await app.db.transaction((tx) =>
    createTestRun(app, tx, {
      moduleId: subject.module.id,
      configurationId: configuration.id,
      filters: attributes.filters ?? [],
      testDirectory: attributes['test-directory'] ?? 'tests',
      verbose: attributes.verbose ?? false,
      parallelism: attributes.parallelism ?? null,
      variables: attributes.variables ?? [],
      createdBy: userIdOf(actor),
    }),
  )
  return one(testRun, (await selectOptionalTestRun(app.db, created))!, ctx)
})

testRuns.get('', reading, async (ctx) => {
  const page = pageOf(ctx)
  const { rows, totalCount } = await selectTestRunsPage(ctx.app.db, ctx.subject.module.id, page)
  return many(testRun, rows, ctx, { page, totalCount })
})

async function named(ctx: Context & { subject: ModuleSubject }): Promise<TestRun> {
  const id = ctx.params.test_run_id!
  const run = looksLikeId(id, 'trun') ? await selectOptionalTestRun(ctx.app.db, id) : null
  if (run?.module_id !== ctx.subject.module.id) throw problem('not_found')
  return run
}

testRuns.get('/:test_run_id', reading, async (ctx) => one(testRun, await named(ctx), ctx))

for (const [path, wish] of [
  ['cancel', 'cancel'],
  ['force-cancel', 'force'],
] as const) {
  testRuns.post(`/:test_run_id/${path}`, { ...running, answers: 202 }, async (ctx) => {
    await stopTestRun(ctx.app, (await named(ctx)).id, wish)
  })
}
