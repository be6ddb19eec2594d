import { expect } from 'chai'
import { engineEnvironment, isEnvironmentNameAllowed } from '../../worker/execute/environment.ts'
import { lastState, makePlace, planAndApply, variable, workOf } from './phases.ts'

const env = (key: string, value: string) => variable(key, value, { category: 'env' })

describe('the environment of an engine', () => {
  it('SEC-47 names that decide what code runs are refused, and said so in the log', async () => {
    const names = [
      'LD_PRELOAD',
      'PATH',
      'NODE_OPTIONS',
      'TF_CLI_CONFIG_FILE',
      'TF_DATA_DIR',
      'TF_REATTACH_PROVIDERS',
      'HOME',
      'TF_WORKSPACE',
    ]
    for (const name of names) expect(isEnvironmentNameAllowed(name), name).to.equal(false)
    const place = await makePlace()

    const { planned, applied } = await planAndApply(
      place,
      { 'main.tf': 'output "w" {\n  value = terraform.workspace\n}\n' },
      { variables: names.map((name) => env(name, '/nowhere')) },
    )
    await place.remove()

    for (const name of names) expect(planned.logText).to.include(`"${name}" is not passed`)
    expect(applied.result.outcome, applied.logText).to.equal('finished')
    expect(lastState(applied).outputs.w.value).to.equal('network')
  })

  it('nothing of the server reaches the engine but an allow list', async () => {
    process.env.TOFUTF_SECRET_CANARY = 'canary'
    process.env.TF_VAR_leak = 'canary'
    const place = await makePlace()

    const { planned, applied } = await planAndApply(place, {
      'main.tf': 'resource "terraform_data" "a" {\n  provisioner "local-exec" {\n    command = "env"\n  }\n}\n',
    })
    await place.remove()
    delete process.env.TOFUTF_SECRET_CANARY
    delete process.env.TF_VAR_leak

    expect(applied.logText).to.include('TFC_RUN_ID=')
    expect(planned.logText + applied.logText).to.not.include('canary')
    expect(applied.logText).to.not.match(/DATABASE_URL|TOFUTF_/)
  })

  it('an env variable reaches the engine, CLI arguments only the commands for people', async () => {
    const work = workOf({ variables: [env('AWS_REGION', 'eu-central-1'), env('TF_CLI_ARGS_plan', '-parallelism=2')] })
    const dir = { root: '/r', config: '/r/c', home: '/r/h', tmp: '/r/t', state: '/r/s', output: '/r/o' }

    const made = engineEnvironment(work, dir, { cliConfig: '/r/cli', pluginCache: '/r/p', sshCommand: null })

    expect(made.commands).to.include({ AWS_REGION: 'eu-central-1', TF_CLI_ARGS_plan: '-parallelism=2', HOME: '/r/h' })
    expect(made.queries).to.include({ AWS_REGION: 'eu-central-1' }).and.not.have.property('TF_CLI_ARGS_plan')
    expect(made.refused).to.be.empty
  })
})
