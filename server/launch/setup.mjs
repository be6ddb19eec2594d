// First step of `npm start`, `npm test` and `npm run demo`. Plain JavaScript, because it must also run on an old Node:
// installs packages when they are missing or stale, then makes sure that the next step gets Node 24.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const needed = 24

if (!isInstalled()) install()
const version = nextNode()
if (Number.parseInt(version, 10) < needed) {
  stop(
    `TofuTF needs Node ${needed} or newer, and this is ${version}. Install Node ${needed}, or let npm run the install script of the package "node" (npm rebuild node).`,
  )
}

/** npm writes node_modules/.package-lock.json at the end of each install: what it lists is what is there. */
function isInstalled() {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'))
  if (!wanted || !present) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const found = present[path]
    // optional: made for another platform; dev: left out with --omit=dev
    if (!found) return entry.optional || entry.devOptional || (entry.dev && process.env.NODE_ENV === 'production')
    return found.version === entry.version && found.resolved === entry.resolved
  })
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function install() {
  console.log('installing packages (npm ci)')
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const options = { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' }
  const done = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, options)
  if (done.status !== 0)
    stop(`Packages could not be installed: ${done.error?.message ?? (done.stderr || done.stdout).trim()}`)
}

/** The version of the `node` that npm's scripts find first: the packaged one when it is there, else ours. */
function nextNode() {
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) return process.versions.node
  return JSON.parse(readFileSync(join(root, 'node_modules', 'node', 'package.json'), 'utf8')).version
}

function stop(sentence) {
  console.error(sentence)
  process.exit(1)
}
