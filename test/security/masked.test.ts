import { expect } from 'chai'
import { masked } from '../../shared/audit/masked.ts'

describe('what the audit log keeps of a request', () => {
  it('hides the values of secret names at every depth, and shows the name of a variable', () => {
    const sent = {
      name: 'web',
      token: 'a',
      'hmac-key': 'a',
      'oauth-token-string': 'a',
      'private-key': 'a',
      url: 'https://hooks.example.com/a',
      state: 'a',
      variables: [{ key: 'region', value: 'a' }],
      nested: { deep: { password: 'a', 'user-tokens-enabled': true } },
    }

    expect(masked(sent)).to.deep.equal({
      name: 'web',
      token: '(masked)',
      'hmac-key': '(masked)',
      'oauth-token-string': '(masked)',
      'private-key': '(masked)',
      url: '(masked)',
      state: '(masked)',
      variables: [{ key: 'region', value: '(masked)' }],
      nested: { deep: { password: '(masked)', 'user-tokens-enabled': true } },
    })
  })

  it('hides keys and tokens whatever they are called, and cuts what is long', () => {
    const token = 'abcdefghijklmn.atlasv1.0123456789012345678901234567890123456789'
    expect(masked({ a: token, b: '-----BEGIN OPENSSH PRIVATE KEY-----\nx' })).to.deep.equal({
      a: '(masked)',
      b: '(masked)',
    })
    expect((masked({ a: 'a word '.repeat(200) }) as { a: string }).a).to.have.length(501)
    expect(masked(Object.fromEntries([...Array(90).keys()].map((i) => [`n${i}`, 'a word '.repeat(50)])))).to.deep.equal(
      {
        note: 'too large to keep',
      },
    )
  })
})
