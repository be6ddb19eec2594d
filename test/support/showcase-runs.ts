import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { sql } from '../../db/sql.ts'
import { finishPhase } from '../../shared/runs/hold.ts'
import { processState } from '../../worker/background/state-process.ts'
import { startRun, uploadConfiguration } from './configurations.ts'
import { applyLog, failure, planLog } from './engine-output.ts'
import { examplePlan, keepPlan } from './plans.ts'
import { document, type TestServer } from './server.ts'
import { expectStatus } from './stack.ts'
import { putState } from './states.ts'
import { finish, take, write } from './worker.ts'

export const counts = { additions: 5, changes: 6, destructions: 3 }

/** A workspace of the organization `acme` in which a run can be started, and its way to each status. */
export async function runsOf(server: TestServer, name: string, attributes: Record<string, unknown> = {}) {
  const { api, app } = server
  const made = await api.post('/organizations/acme/workspaces', document({ name, ...attributes }))
  const workspaceId = expectStatus(made, 201).json.data.id as string
  await uploadConfiguration(api, workspaceId, { 'main.tf': '' })
  const start = (message: string, more: Record<string, unknown> = {}) =>
    startRun(api, workspaceId, { message, ...more })
  const act = async (id: string, action: string, body?: unknown) => {
    expectStatus(await api.post(`/runs/${id}/actions/${action}`, body), 202)
    return id
  }
  const planned = async (message: string, more: Record<string, unknown> = {}, isFull = true) => {
    const id = await start(message, more)
    const claim = await take(app, id, 'plan')
    await write(app, claim, planLog)
    if (isFull) await keepPlan(app, claim, examplePlan())
    await finish(app, claim, counts)
    return id
  }
  const applying = async (message: string) => {
    const id = await act(await planned(message), 'apply', { comment: 'The gateway is not used since spring.' })
    const claim = await take(app, id, 'apply')
    await write(app, claim, applyLog)
    return { id, claim }
  }
  return {
    name,
    workspaceId,
    start,
    act,
    planned,
    applying,
    async applied(message: string) {
      const { id, claim } = await applying(message)
      await finish(app, claim, counts)
      return id
    },
    async planning(message: string) {
      const id = await start(message)
      await write(app, await take(app, id, 'plan'), planLog.split('\n').slice(0, 4).join('\n'))
      return id
    },
    async unchanged(message: string) {
      const id = await start(message)
      await finish(app, await take(app, id, 'plan'), {})
      return id
    },
    async failed(message: string) {
      const id = await start(message)
      const claim = await take(app, id, 'plan')
      await write(app, claim, `${planLog.split('\n').slice(0, 4).join('\n')}\n${failure}`)
      await finishPhase(app, claim, { outcome: 'errored', reason: 'No such subnet' })
      return id
    },
  }
}

export type Runs = Awaited<ReturnType<typeof runsOf>>

/** Three states: resources and outputs come, change and go. */
export async function putStates(server: TestServer, workspaceId: string): Promise<void> {
  const lineage = randomUUID()
  const output = (value: string, more = {}) => ({ value, type: 'string', ...more })
  const token = (value: string) => output(value, { sensitive: true })
  const named = (prefix: string, n: number, value: string) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`${prefix}_${i + 1}`, value]))
  const states = [
    { resources: named('subnet', 6, '10.20.0.0/20'), outputs: { ports: output('80') } },
    {
      resources: { ...named('subnet', 12, '10.20.0.0/20'), gateway: 'nat-1' },
      outputs: { ports: output('80, 443'), token: token('first') },
    },
    {
      resources: { ...named('subnet', 12, '10.20.16.0/20'), bastion: 'i-0c2d' },
      outputs: { ports: output('443, 8443'), token: token('second'), vpc_id: output('vpc-0b81f4c2') },
    },
  ]
  for (const [i, state] of states.entries())
    await putState(server.api, workspaceId, { serial: 41 + i, lineage, ...state })
  const versions = await server.app.db.any(sql.type(z.object({ id: z.string() }))`
    select id from state_versions where workspace_id = ${workspaceId}`)
  for (const { id } of versions) await processState(server.app, id)
}
