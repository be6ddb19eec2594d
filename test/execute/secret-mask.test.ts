import { expect } from 'chai'
import fc from 'fast-check'
import { MASK, SecretMask } from '../../worker/execute/secret-mask.ts'

const through = (mask: SecretMask, text: string, cuts: number[]): string => {
  const bytes = Buffer.from(text)
  const parts: Buffer[] = []
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(bytes.length, cut)
    if (to <= from) continue
    parts.push(mask.push(bytes.subarray(from, to)))
    from = to
  }
  parts.push(mask.push(bytes.subarray(from)), mask.flush())
  return Buffer.concat(parts).toString()
}

describe('the mask of known secrets', () => {
  const secret = 'tüp-Sécret/42?<&> "x"'

  it('hides a secret as it is, as JSON, in base64 at every offset, and in an address', () => {
    const forms = [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      ...['', 'u', 'us', 'use'].map((before) => Buffer.from(`${before}${secret}:end`).toString('base64')),
      Buffer.from(`ab${secret}`).toString('base64url'),
    ]
    for (const form of forms) {
      const hidden = new SecretMask([secret]).text(`before ${form} after`)
      expect(hidden, form)
        .to.include(MASK)
        .and.to.match(/^before .* after$/)
      expect(hidden.length, form).to.be.lessThan(60)
    }
  })

  it('hides it wherever the bytes are cut, and lets everything else through unchanged', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(secret), fc.constant('tüp-'), fc.string({ maxLength: 8 })), { maxLength: 12 }),
        fc.array(fc.nat(300), { maxLength: 20 }),
        (words, cuts) => {
          const text = words.join('\n')
          const got = through(new SecretMask([secret]), text, cuts)
          expect(got).to.equal(text.replaceAll(secret, MASK))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('of secrets that overlap or begin alike none shows', () => {
    const mask = new SecretMask(['password-one', 'password-one-longer'])

    expect(through(mask, 'a password-one-longer b password-one c', [14, 15, 30])).to.equal(`a ${MASK} b ${MASK} c`)
  })

  it('hides each line of a key, also when it is longer than any chunk', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line-${i}-${'k'.repeat(64)}`)
    const long = 'L'.repeat(3000)
    const mask = new SecretMask([lines.join('\n'), long])

    const got = through(mask, lines.map((line) => `  ${line}\n`).join('') + long, [10, 100, 1000, 3100, 4000])

    expect(got).not.to.match(/k{8}|L{8}/)
  })

  it('a line of JSON stays one', () => {
    const line = JSON.stringify({ '@message': `a: ${secret}\nb`, values: [secret] })

    const got = JSON.parse(new SecretMask([secret]).text(line))

    expect(got).to.deep.equal({ '@message': `a: ${MASK}\nb`, values: [MASK] })
  })

  it('texts of five characters and less are left alone', () => {
    expect(new SecretMask(['true', '1', ' ']).text('true 1 x')).to.equal('true 1 x')
  })
})
