import { expect } from 'chai'
import { HeldInitOutput, InitOutput } from '../../worker/execute/init-output.ts'

const said = `\x1b[0m\x1b[1mInitializing the backend...\x1b[0m
\x1b[0m\x1b[32m
Successfully configured the backend "local"! Terraform will automatically
use this backend unless the backend configuration changes.\x1b[0m
\x1b[0m\x1b[1mInitializing provider plugins...\x1b[0m
- grüße from a provider
`

describe('the output of init', () => {
  it('does not speak of our backend, wherever a chunk is cut', () => {
    const bytes = Buffer.from(said)
    for (let size = 1; size <= bytes.length; size++) {
      const filter = new InitOutput()
      const parts: Buffer[] = []
      for (let at = 0; at < bytes.length; at += size) parts.push(filter.pass(bytes.subarray(at, at + size)))
      parts.push(filter.end(false))

      expect(Buffer.concat(parts).toString()).to.equal(
        '\x1b[0m\x1b[1mInitializing provider plugins...\x1b[0m\n- grüße from a provider\n',
      )
    }
  })

  it('keeps an error that comes while the backend is set up', () => {
    const filter = new InitOutput()

    const out = filter.pass(Buffer.from('Initializing the backend...\n╷\n│ Error: no\n╵\nlast'))

    expect(Buffer.concat([out, filter.end(false)]).toString()).to.equal('╷\n│ Error: no\n╵\nlast')
  })

  it('of an apply is said only when it fails', () => {
    const [good, bad] = [new HeldInitOutput(), new HeldInitOutput()]
    for (const filter of [good, bad]) filter.pass(Buffer.from('Initializing provider plugins...\nError: no\n'))

    expect(good.end(false)).to.have.length(0)
    expect(bad.end(true).toString()).to.equal('Initializing provider plugins...\nError: no\n')
  })
})
