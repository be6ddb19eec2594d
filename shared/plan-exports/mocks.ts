/**
 * The files of a Sentinel mock bundle from a plan's JSON: one module of mock data for each import, and the
 * configuration that names them. JSON's literals are Sentinel's, so each value stands as it is.
 * Source: Sentinel docs on tfplan/v2, tfconfig/v2, tfstate/v2 and tfrun.
 */
type Json = Record<string, unknown>

const byKey = (list: unknown, key: string): Json =>
  Object.fromEntries(((list as Json[] | undefined) ?? []).map((entry) => [String(entry[key]), entry]))

/** Resources of a module and of those below it, by address. */
function resourcesOf(module: Json | undefined): Json {
  if (!module) return {}
  const own = ((module.resources as Json[] | undefined) ?? []).map((r) => [String(r.address), r] as const)
  const below = ((module.child_modules as Json[] | undefined) ?? []).map(resourcesOf)
  return Object.assign(Object.fromEntries(own), ...below)
}

const named = (values: unknown): Json =>
  Object.fromEntries(
    Object.entries((values as Json | undefined) ?? {}).map(([name, v]) => [name, { name, ...(v as Json) }]),
  )

const moduleText = (values: Json): Buffer =>
  Buffer.from(
    Object.entries(values)
      .map(([name, value]) => `${name} = ${JSON.stringify(value ?? null, null, '\t')}\n`)
      .join('\n'),
  )

const values = (of: unknown): Json => {
  const { outputs, root_module } = (of ?? {}) as { outputs?: Json; root_module?: Json }
  return { outputs: named(outputs), resources: resourcesOf(root_module) }
}

export interface MockedRun {
  id: string
  createdAt: string
  message: string
  isDestroy: boolean
  refresh: boolean
  targetAddrs: string[] | null
  workspace: { id: string; name: string }
  organization: string
}

export function sentinelMocks(plan: Json, run: MockedRun): Map<string, Buffer> {
  const configuration = (plan.configuration ?? {}) as { provider_config?: Json; root_module?: Json }
  const prior = (plan.prior_state ?? {}) as { terraform_version?: string; values?: unknown }
  const state = values(prior.values)
  const modules = {
    'tfplan-v2': {
      terraform_version: plan.terraform_version,
      variables: named(plan.variables),
      planned_values: values(plan.planned_values),
      resource_changes: byKey(plan.resource_changes, 'address'),
      resource_drift: byKey(plan.resource_drift, 'address'),
      output_changes: Object.fromEntries(
        Object.entries((plan.output_changes as Json | undefined) ?? {}).map(([name, change]) => [
          name,
          { name, change },
        ]),
      ),
    },
    'tfconfig-v2': {
      providers: configuration.provider_config ?? {},
      resources: byKey(configuration.root_module?.resources, 'address'),
      variables: named(configuration.root_module?.variables),
      outputs: named(configuration.root_module?.outputs),
      module_calls: named(configuration.root_module?.module_calls),
    },
    'tfstate-v2': { terraform_version: prior.terraform_version ?? plan.terraform_version, ...state },
    tfrun: {
      id: run.id,
      created_at: run.createdAt,
      message: run.message,
      is_destroy: run.isDestroy,
      refresh: run.refresh,
      target_addrs: run.targetAddrs,
      variables: named(plan.variables),
      organization: { name: run.organization },
      workspace: run.workspace,
    },
  }
  const files = new Map<string, Buffer>()
  for (const [name, module] of Object.entries(modules)) files.set(`mock-${name}.sentinel`, moduleText(module))
  const imports = Object.keys(modules).map(
    (name) => `mock "${name.replace('-v2', '/v2')}" {\n  module {\n    source = "mock-${name}.sentinel"\n  }\n}\n`,
  )
  files.set('sentinel.hcl', Buffer.from(imports.join('\n')))
  return files
}
