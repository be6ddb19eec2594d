// Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/no-code-provisioning
import { z } from 'zod'
import { invalid, problem } from '../../shared/errors.ts'
import { looksLikeId, newId } from '../../shared/ids.ts'
import { selectModuleDetails, selectOptionalModuleVersion } from '../../shared/registry/module-versions.ts'
import { type RegistryModule, selectOptionalModuleById } from '../../shared/registry/modules.ts'
import {
  deleteNoCodeModule,
  insertNoCodeModule,
  type NoCodeModule,
  selectGlobalKeys,
  selectOptionalNoCodeModule,
  updateNoCodeModule,
  type VariableOptions,
} from '../../shared/registry/no-code-modules.ts'
import { offeredVersion } from '../../shared/registry/no-code-workspaces.ts'
import { many, one } from '../jsonapi/answer.ts'
import type { Input } from '../jsonapi/body.ts'
import { type Context, Routes, type Subject } from '../route.ts'
import { organizationByName } from '../subjects.ts'
import { moduleVariable, noCodeModule } from './no-code-json.ts'

export const noCodeModules = new Routes('/api/v2')

export interface NoCodeSubject extends Subject {
  noCode: NoCodeModule
}

export async function noCodeById(ctx: Context): Promise<NoCodeSubject> {
  const id = ctx.params.no_code_module_id!
  const noCode = looksLikeId(id, 'nocode') ? await selectOptionalNoCodeModule(ctx.app.db, id) : null
  if (!noCode) throw problem('not_found')
  return { noCode, scope: { organizationId: noCode.organization_id } }
}

const Attributes = z.object({
  enabled: z.boolean('must be true or false').optional(),
  'version-pin': z.string().max(200).nullish(),
})

const Option = z.object({
  'variable-name': z.string().min(1).max(256),
  'variable-type': z.string().max(1000),
  options: z.array(z.string().max(1000)).max(100),
})

function optionsOf(input: Input<unknown>): VariableOptions | undefined {
  const given = input.relatedList('variable-options')
  if (!given) return undefined
  if (given.length > 500) throw invalid('variable-options', 'Variable options are 500 at most')
  return given.map((item) => {
    const parsed = Option.safeParse(item.attributes ?? {})
    if (!parsed.success)
      throw invalid('variable-options', 'A variable option has a variable-name, a variable-type and a list of options')
    const { 'variable-name': name, 'variable-type': type, options } = parsed.data
    return { id: newId('ncvo'), name, type, options }
  })
}

/** `latest`, a version of the module, or nothing. @throws problem 'invalid_attribute' */
function pinOf(given: string | null | undefined, module: RegistryModule): string | null | undefined {
  if (!given || given === 'latest' || module.versions.some(({ version }) => version === given)) return given
  throw invalid('version-pin', 'Version pin is neither latest nor a version of the module')
}

const answer = async (ctx: Context, id: string) =>
  one(noCodeModule, (await selectOptionalNoCodeModule(ctx.app.db, id))!, ctx)

noCodeModules.post(
  '/organizations/:organization_name/no-code-modules',
  { action: 'registry:manage-modules', subject: organizationByName, attributes: Attributes, answers: 201 },
  async (ctx) => {
    const { app, input, subject } = ctx
    const moduleId = input.relatedId('registry-module')
    const module = moduleId && looksLikeId(moduleId, 'mod') ? await selectOptionalModuleById(app.db, moduleId) : null
    if (module?.organization_id !== subject.organization.id || module.registry_name !== 'private')
      throw invalid('registry-module', 'Registry module is not a private module of this organization')
    const id = await insertNoCodeModule(app.db, module.id, {
      enabled: input.attributes.enabled,
      versionPin: pinOf(input.attributes['version-pin'], module),
      variableOptions: optionsOf(input),
    })
    return answer(ctx, id)
  },
)

const single = '/no-code-modules/:no_code_module_id'
const reading = { action: 'registry:read', subject: noCodeById } as const
const managing = { action: 'registry:manage-modules', subject: noCodeById } as const

noCodeModules.get(single, reading, (ctx) => one(noCodeModule, ctx.subject.noCode, ctx))

noCodeModules.patch(single, { ...managing, attributes: Attributes }, async (ctx) => {
  const { app, input, subject } = ctx
  const { noCode } = subject
  const other = input.relatedId('registry-module')
  if (other && other !== noCode.module_id)
    throw invalid('registry-module', 'Registry module cannot be changed: create a no-code module of the other one')
  const module = (await selectOptionalModuleById(app.db, noCode.module_id))!
  await updateNoCodeModule(app.db, noCode.id, {
    enabled: input.attributes.enabled,
    versionPin: pinOf(input.attributes['version-pin'], module),
    variableOptions: optionsOf(input),
  })
  return answer(ctx, noCode.id)
})

noCodeModules.delete(single, managing, (ctx) => deleteNoCodeModule(ctx.app.db, ctx.subject.noCode.id).then(() => {}))

noCodeModules.get(`${single}/versions/:version/module-variables`, reading, async (ctx) => {
  const { app, params, subject } = ctx
  const { noCode } = subject
  const wanted = params.version === 'latest' ? await latestOf(ctx, noCode) : params.version!
  const version = wanted && (await selectOptionalModuleVersion(app.db, noCode.module_id, wanted))
  if (!version) throw problem('not_found')
  const { contents } = await selectModuleDetails(app.db, version.id)
  const globals = await selectGlobalKeys(app.db, noCode.organization_id)
  const rows = (contents?.['']?.inputs ?? []).map((input) => ({
    ...input,
    version_id: version.id,
    options: noCode.variable_options.find(({ name }) => name === input.name)?.options ?? [],
    has_global: globals.has(input.name),
  }))
  return many(moduleVariable, rows, ctx)
})

async function latestOf(ctx: Context, noCode: NoCodeModule): Promise<string | null> {
  const module = (await selectOptionalModuleById(ctx.app.db, noCode.module_id))!
  return offeredVersion(
    null,
    module.versions.filter(({ status }) => status === 'ok').map(({ version }) => version),
  )
}
