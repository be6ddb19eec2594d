import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { permissionsDocument } from '../../server/print-permissions.ts'

const root = join(import.meta.dirname, '../..')

describe('the document of permissions', () => {
  it('is as the table says: npm run -s docs:permissions > docs/permissions.md', async () => {
    expect(await readFile(join(root, 'docs/permissions.md'), 'utf8')).to.equal(permissionsDocument())
  })
})
