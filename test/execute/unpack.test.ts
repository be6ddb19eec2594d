import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGzip, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { Header } from 'tar'
import { pack } from 'tar-stream'
import { PhaseFailure } from '../../worker/execute/failure.ts'
import { unpack } from '../../worker/execute/unpack.ts'
import { enterWorkingDirectory } from '../../worker/execute/workdir.ts'

interface Entry {
  name: string
  body?: string
  mode?: number
  linkname?: string
  type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'block-device' | 'fifo'
}

function archive(entries: Entry[]): Readable {
  const tar = pack()
  for (const { body, ...headers } of entries) tar.entry(headers, body ?? '')
  tar.finalize()
  tar.on('error', () => {}) // the reader leaves at the first refused entry
  return tar.pipe(createGzip())
}

describe('unpacking a configuration', () => {
  let folder: string
  let root: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tofutf-unpack-'))
    root = join(folder, 'root')
    await mkdir(root)
  })
  afterEach(() => rm(folder, { recursive: true }))

  const limits = { maxBytes: 10 * 1024 * 1024 }
  const refused = async (entries: Entry[], named: string) => {
    const error = await unpack(archive(entries), root, limits).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(error, named).to.be.instanceOf(PhaseFailure)
    expect((error as Error).message).to.include(named)
    expect(await readdir(folder)).to.deep.equal(['root'])
  }

  it('files, folders, modes and links inside come out as they were', async () => {
    await unpack(
      archive([
        { name: './', type: 'directory' },
        { name: './a/', type: 'directory', mode: 0o755 },
        { name: './a/run.sh', mode: 0o755, body: 'echo' },
        { name: 'b/deep/x.tf', mode: 0o444, body: 'x' },
        { name: 'link', type: 'symlink', linkname: 'a/run.sh' },
        { name: 'a/up', type: 'symlink', linkname: '../b' },
        { name: 'same', type: 'link', linkname: 'a/run.sh' },
        { name: 'dangling', type: 'symlink', linkname: 'not/there' },
      ]),
      root,
      limits,
    )

    expect(await readFile(join(root, 'link'), 'utf8')).to.equal('echo')
    expect(await readFile(join(root, 'a/up/deep/x.tf'), 'utf8')).to.equal('x')
    expect(await readFile(join(root, 'same'), 'utf8')).to.equal('echo')
    expect(await readlink(join(root, 'dangling'))).to.equal('not/there')
    expect((await lstat(join(root, 'a/run.sh'))).mode & 0o777).to.equal(0o755)
  })

  it('a later entry of the same name replaces the earlier one', async () => {
    await unpack(
      archive([
        { name: 'a', body: 'long first' },
        { name: 'a', body: 'second' },
      ]),
      root,
      limits,
    )

    expect(await readFile(join(root, 'a'), 'utf8')).to.equal('second')
  })

  it('SEC-41 names that leave the archive are refused by name', async () => {
    await refused([{ name: '../x', body: 'x' }], '../x')
    await refused([{ name: 'a/../../x', body: 'x' }], 'a/../../x')
    await refused([{ name: '/tmp/tofutf-absolute', body: 'x' }], '/tmp/tofutf-absolute')
    await refused([{ name: 'a\\..\\..\\x', body: 'x' }], 'a')
  })

  it('SEC-42 links that lead out, also through other links, and files written through links are refused', async () => {
    await refused([{ name: 'etc', type: 'symlink', linkname: '/etc' }], 'etc')
    await refused([{ name: 'up', type: 'symlink', linkname: '../..' }], 'up')
    await refused(
      [
        { name: 'd', type: 'symlink', linkname: '.' },
        { name: 'x', type: 'symlink', linkname: 'd/..' },
      ],
      'x',
    )
    await refused(
      [
        { name: 'etc', type: 'symlink', linkname: '/etc' },
        { name: 'etc/passwd', body: 'x' },
      ],
      'etc/passwd',
    )
    await refused([{ name: 'loop', type: 'symlink', linkname: 'loop' }], 'loop')
  })

  it('SEC-43 hard links out, devices and FIFOs are refused, set-id bits dropped', async () => {
    await refused([{ name: 'p', type: 'link', linkname: '/etc/passwd' }], '/etc/passwd')
    await refused([{ name: 'p', type: 'link', linkname: 'not-there' }], 'p')
    await refused([{ name: 'dev', type: 'character-device' }], 'dev')
    await refused([{ name: 'blk', type: 'block-device' }], 'blk')
    await refused([{ name: 'fifo', type: 'fifo' }], 'fifo')

    await unpack(archive([{ name: 'suid', mode: 0o6755, body: 'x' }]), root, limits)

    expect((await lstat(join(root, 'suid'))).mode & 0o7777).to.equal(0o755)
  })

  it('SEC-44 too many bytes and too many entries end at the limit, in flat memory', async () => {
    const header = Buffer.alloc(512)
    new Header({ path: 'big', size: 4 * 1024 ** 3, type: 'File', mode: 0o644 }).encode(header)
    const bomb = Readable.from(
      (function* () {
        yield header
        for (let mib = 0; mib < 4096; mib++) yield Buffer.alloc(1024 * 1024)
      })(),
    ).pipe(createGzip({ level: 1 }))
    const before = process.memoryUsage().rss
    const tooBig = await unpack(bomb, root, { maxBytes: 64 * 1024 * 1024 }).catch((error: Error) => error.message)
    expect(tooBig).to.include('TOFUTF_MAX_UNPACKED_MB')
    expect(process.memoryUsage().rss - before).to.be.lessThan(100 * 1024 * 1024)

    const many = archive(Array.from({ length: 2000 }, (_, index) => ({ name: `f${index}` })))
    const tooMany = await unpack(many, join(folder, 'root'), { ...limits, maxEntries: 1000 }).catch(
      (error: Error) => error.message,
    )
    expect(tooMany).to.include('more than 1000 entries')
  })

  it('what is no tar.gz is said to be none', async () => {
    const attempt = (bytes: Buffer) =>
      unpack(Readable.from([bytes]), root, limits).then(
        () => 'unpacked',
        (error: Error) => error.message,
      )

    expect(await attempt(Buffer.from('hello'))).to.include('not a valid tar.gz')
    expect(await attempt(gzipSync(Buffer.alloc(2048, 'x')))).to.include('damaged')
    expect(await attempt(gzipSync(Buffer.alloc(1024)))).to.equal('unpacked')
  })

  it('SEC-45 a working directory that is a link out of the archive is refused', async () => {
    const dir = { root: folder, config: root, home: '', tmp: '', state: '', output: '' }
    await symlink('/etc', join(root, 'out'))
    const enter = (path: string) => enterWorkingDirectory(dir, path).catch((error: Error) => error.message)

    expect(await enter('out')).to.include('leads out')
    expect(await enter('../')).to.include('leads out')
    expect(await enter('missing')).to.include('does not exist')
  })
})
