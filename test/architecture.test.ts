import { expect } from 'chai'
import { findings } from './architecture.ts'

describe('the architecture', () => {
  it('keeps its import arrows and the rules of its views', () => {
    expect(findings()).to.deep.equal([])
  })
})
