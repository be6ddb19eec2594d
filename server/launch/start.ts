/** `npm start`: everything on this machine. The first act is the check that this Node can run the rest. */
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(`TofuTF needs Node 24 or newer, and this is ${process.versions.node}. Run it with npm start.`)
  process.exit(1)
}

const { readConfig } = await import('../../shared/config.ts')
const { launch } = await import('./launcher.ts')
const { greeting } = await import('./greeting.ts')
const { sentenceOf } = await import('./failure.ts')

const stopped = new AbortController()
const say = (line: string) => console.log(line)

try {
  const env = { ...process.env }
  env.TOFUTF_TLS ||= 'self'
  // the greeting should stay in sight; info shows every request
  env.TOFUTF_LOG_LEVEL ||= 'warn'
  let signals = 0
  let hurry = () => {}
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signals += 1
      if (signals === 1) say('stopping')
      else hurry()
      stopped.abort()
    })
  }
  const launched = await launch(readConfig(env), { env, output: 'inherit', say, signal: stopped.signal })
  hurry = launched.hurry
  if (!stopped.signal.aborted) console.log(greeting(launched))

  const failure = await Promise.race([launched.gaveUp, abortOf(stopped.signal)])
  if (failure) console.error(failure)
  await launched.stop()
  process.exit(failure ? 1 : 0)
} catch (error) {
  if (stopped.signal.aborted) process.exit(0)
  console.error(sentenceOf(error))
  process.exit(1)
}

function abortOf(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined)
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
