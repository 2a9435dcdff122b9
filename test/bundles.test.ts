// A program that embeds a hub and is bundled by esbuild: without the files of the threads beside it, and with them.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { promisify } from 'node:util'
import * as esbuild from 'esbuild'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, scratch } from './shared-data.ts'

const test = suite('bundles')
const run = promisify(childProcess.execFile)
const built = (file: string): string => path.join(repository, 'dist', 'src', file)

/** Pushes enough nodes for a thread to a hub in the same process, and prints what was admitted and told. */
const program = `
import { Replica } from ${JSON.stringify(built('index.js'))}
import { Hub } from ${JSON.stringify(built('hub/hub.js'))}
import { MemoryStore } from ${JSON.stringify(built('store/index.js'))}
const told = []
const hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:lab', onEvent: event => told.push(event) })
const ada = await Replica.open({ location: new MemoryStore(), hubId: 'hub:ada' })
const { frontier } = await ada.createFrontier({ name: 'One' })
await hub.replica.track(frontier)
await hub.replica.registry(frontier).add({ id: 'hub:ada', url: 'wss://ada.example', publicKey: ada.key.publicKey })
await ada.registry(frontier).add({ id: 'hub:lab', url: hub.url, publicKey: hub.replica.key.publicKey })
const draft = at => ({ kind: 'k', target: { type: 't', id: 'i' }, actor: { id: 'a' }, reason: String(at) })
await ada.appendAll(frontier, Array.from({ length: 3000 }, (_, at) => draft(at)))
const { admitted } = await ada.push(frontier, 'hub:lab')
const alarms = told.filter(({ kind }) => kind === 'alarm').map(({ message }) => message)
console.log(JSON.stringify({ admitted, alarms }))
await ada.close()
await hub.close()
`

interface Printed {
  readonly admitted: number
  readonly alarms: string[]
}

/** The output of the program, bundled. `threads`: with the files of the threads beside it. */
async function bundled(format: 'esm' | 'cjs', options: { threads: boolean }): Promise<Printed> {
  // Inside the repository, so that packages with native code are found.
  await using dir = await scratch(path.join(repository, 'dist'))
  const isModule = format === 'esm'
  fs.writeFileSync(dir.join('package.json'), JSON.stringify({ type: isModule ? 'module' : 'commonjs' }))
  const inside = program.replace(/^import (.*) from (.*)$/gm, 'const $1 = await import($2)')
  fs.writeFileSync(dir.join('program.mjs'), isModule ? program : `;(async () => {${inside}})()`)
  const threads = ['verify-worker', 'sign-worker'].map(name => ({ in: built(`crypto/${name}.js`), out: name }))
  const js = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url)"
  await esbuild.build({
    entryPoints: [{ in: dir.join('program.mjs'), out: 'program' }, ...(options.threads ? threads : [])],
    outdir: dir.join('out'),
    bundle: true,
    platform: 'node',
    format,
    external: ['classic-level', 'sodium-native', 'pg'],
    logLevel: 'silent',
    ...(isModule && { banner: { js } }),
  })
  const { stdout } = await run(process.execPath, [dir.join('out', 'program.js')], { timeout: 60_000 })
  return JSON.parse(stdout)
}

test('a bundle in one file pushes without threads, and says so once', async () => {
  for (const format of ['esm', 'cjs'] as const) {
    const { admitted, alarms } = await bundled(format, { threads: false })
    assert.is(admitted, 3001)
    assert.is(alarms.length, 1, alarms.join())
    assert.match(alarms[0]!, 'verified without threads')
  }
})

test('with the files of the threads beside it a bundle uses them', async () => {
  assert.equal(await bundled('esm', { threads: true }), { admitted: 3001, alarms: [] })
})

test.run()
