import type { App } from '../app.ts'

/**
 * What a run task proves itself with: `task.<result id>.<unix seconds>.<signature>`. It opens the callback, the plan
 * and the configuration of that one result, and nothing else: to every other route its bearer is nobody.
 */
export const TASK_TOKEN = 'task.'
const LIFETIME_SECONDS = 3 * 3600

const textOf = (resultId: string, expires: number | string): string => `${resultId}.${expires}`

export function taskToken(app: App, resultId: string): string {
  const expires = Math.ceil(app.now().getTime() / 1000) + LIFETIME_SECONDS
  return `${TASK_TOKEN}${textOf(resultId, expires)}.${app.secrets.sign(textOf(resultId, expires), 'task-result')}`
}

export function isTaskToken(app: App, token: string, resultId: string): boolean {
  if (!token.startsWith(TASK_TOKEN)) return false
  const [id, expires, signature] = token.slice(TASK_TOKEN.length).split('.')
  return (
    id === resultId &&
    app.secrets.verify(textOf(id, expires ?? ''), 'task-result', signature ?? '') &&
    Number(expires) * 1000 > app.now().getTime()
  )
}
