import type { PhaseResult } from '../../shared/phase.ts'
import { type Claim, finishPhase, takePhase } from '../../shared/runs/hold.ts'
import { uploadConfiguration } from './configurations.ts'
import { document, type TestServer } from './server.ts'

/** A workspace with an uploaded configuration, ready to run. No worker: tests take and finish phases themselves. */
export async function makeRunnable(server: TestServer, organization: string, attributes: Record<string, unknown> = {}) {
  const name = `ws-${Math.random().toString(36).slice(2, 10)}`
  const created = await server.api.post(`/organizations/${organization}/workspaces`, document({ name, ...attributes }))
  if (created.status !== 201) throw new Error(created.text)
  const workspaceId = created.json.data.id as string
  const configurationId = await uploadConfiguration(server.api, workspaceId, { 'main.tf': '' })
  return { workspaceId, name, configurationId }
}

export const finished = (hasChanges = true): PhaseResult => ({
  outcome: 'finished',
  hasChanges,
  counts: { additions: hasChanges ? 1 : 0, changes: 0, destructions: 0, imports: 0 },
  generatedConfiguration: false,
})

/** Takes the phase as a worker does. @throws when it cannot be taken */
export async function take(server: TestServer, runId: string, phase: 'plan' | 'apply'): Promise<Claim> {
  const claim = await takePhase(server.app, runId, phase, 'test')
  if (!claim) throw new Error(`the ${phase} of ${runId} cannot be taken`)
  return claim
}

export async function execute(
  server: TestServer,
  runId: string,
  phase: 'plan' | 'apply',
  result: PhaseResult = finished(),
): Promise<void> {
  await finishPhase(server.app, await take(server, runId, phase), result)
}

export const statusOf = async (server: TestServer, runId: string): Promise<string> =>
  (await server.api.get(`/runs/${runId}`)).json.data.attributes.status
