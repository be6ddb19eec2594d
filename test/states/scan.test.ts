import { expect } from 'chai'
import { StateReader, type StateResource } from '../../shared/states/contents.ts'
import { stateFile } from '../support/states.ts'

function read(text: string, pieceBytes: number) {
  const resources: StateResource[] = []
  const reader = new StateReader((batch) => resources.push(...batch))
  const bytes = Buffer.from(text)
  for (let i = 0; i < bytes.length; i += pieceBytes) reader.feed(bytes.subarray(i, i + pieceBytes))
  return { ...reader.end(), resources }
}

describe('reading a state piece by piece', () => {
  const odd = {
    'a"b': { value: '}],{"resources":[', type: 'string' },
    ü: { value: { resources: [{ x: '\\"' }] }, type: 'dynamic' },
  }
  const compact = stateFile({ resources: { a: 'x', b: '{"y":[' }, outputs: odd })
  const pretty = JSON.stringify(JSON.parse(compact), null, 2)

  for (const [form, text] of [
    ['compact', compact],
    ['indented', pretty],
  ] as const) {
    it(`finds the same in the ${form} form whatever the pieces are`, () => {
      const whole = read(text, text.length * 2)

      expect(whole.resources.map((r) => r.address)).to.deep.equal(['terraform_data.a', 'terraform_data.b'])
      expect(whole.outputs.map((o) => [o.name, JSON.parse(o.json).value])).to.deep.equal(
        Object.entries(odd).map(([name, { value }]) => [name, value]),
      )
      expect(whole.engineVersion).to.equal('1.11.4')
      for (const size of [1, 2, 3, 7, 64]) expect(read(text, size), `pieces of ${size}`).to.deep.equal(whole)
    })
  }

  it('what is no state, or ends too early, holds nothing', () => {
    for (const text of [
      '',
      'hello',
      '[]',
      '"x"',
      '{"resources":[{]}',
      '}',
      compact.slice(0, -1),
      'null',
      '{"resources":[{"name":}]}',
    ]) {
      expect(read(text, 5), text).to.include({ resourceCount: 0 })
      expect(read(text, 5).outputs, text).to.deep.equal([])
    }
  })
})
