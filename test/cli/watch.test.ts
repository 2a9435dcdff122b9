// `replica watch` and `changes` as real processes: a wait keeps the process alive, does not lock a store without a hub,
// and continues in a hub that starts to serve it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Replica } from '../../src/index.ts'
import { Desk, type Json } from './in-process.ts'
import { mainFile } from './shell.ts'

const test = suite('cli/watch')

class Watching implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown[]>
  #stderr = ''

  constructor(cwd: string, ...argv: string[]) {
    const child = spawn(process.execPath, [mainFile, 'watch', ...argv], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    this.#ended = once(child, 'close')
    child.stderr.on('data', chunk => {
      this.#stderr += chunk
    })
  }

  /** Returns the reason of the next event, or the failure of the process. */
  async next(): Promise<string> {
    const line = await this.#lines.next()
    return line.done ? `ended: ${this.#stderr}` : (JSON.parse(line.value) as Json).event.reason
  }

  async stop(signal: NodeJS.Signals): Promise<[exit: unknown, stderr: string]> {
    this.#child.kill(signal)
    const [code] = await this.#ended
    return [code, this.#stderr]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

async function append(desk: Desk, reason: string): Promise<void> {
  const words = ['--kind', 'finding.noted', '--target', 'finding:vf_1', '--actor', 'reviewer:ada', '--reason', reason]
  const { exit, stderr } = await desk.run('lab', ['append', ...words])
  assert.equal([exit, stderr], [0, ''])
}

async function lab(): Promise<Desk> {
  const desk = await Desk.open()
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  await append(desk, 'one')
  return desk
}

test('watch without a hub does not block the store, prints new events, and ends with 0 on an interrupt', async () => {
  await using desk = await lab()
  await using watching = new Watching(desk.dir.join('lab'), '--jsonl', '--since', '1')
  assert.is(await watching.next(), 'one')
  for (const reason of ['two', 'three']) {
    await append(desk, reason)
    assert.is(await watching.next(), reason)
  }
  assert.equal(await watching.stop('SIGINT'), [0, ''])
})

test('watch continues in a hub that starts, from the same cursor and with the rest of -n', async () => {
  await using desk = await lab()
  await using watching = new Watching(
    desk.dir.join('lab'),
    '--jsonl',
    '--since=1',
    '-n',
    '3',
    '--kind',
    'finding.noted',
  )
  assert.is(await watching.next(), 'one')
  await using _hub = await desk.serve('lab')
  await append(desk, 'in the hub')
  assert.is(await watching.next(), 'in the hub')
  await append(desk, 'the last')
  assert.is(await watching.next(), 'the last')
  assert.equal(await watching.next(), 'ended: ')
})

test('watch waits for a command that has the store for longer than the lock timeout', async () => {
  await using desk = await lab()
  await using watching = new Watching(desk.dir.join('lab'), '--jsonl', '--since', '1')
  assert.is(await watching.next(), 'one')
  const replica = await openedAtLast(desk.dir.join('lab', '.replica'))
  const [frontier] = replica.frontiers()
  const event = { kind: 'finding.noted', target: { type: 'finding', id: 'vf_1' }, actor: { id: 'a', type: 'human' } }
  await replica.append(frontier!, { ...event, reason: 'by another' })
  await replica.close()
  assert.is(await watching.next(), 'by another')
  assert.equal(await watching.stop('SIGTERM'), [0, ''])
})

async function openedAtLast(location: string): Promise<Replica> {
  for (;;) {
    const replica = await Replica.open({ location }).catch((error: { code?: string }) => {
      assert.is(error.code, 'ERR_STORE_LOCKED')
    })
    if (replica !== undefined) return replica
  }
}

test('watch with --json prints its one object also if a hub starts in between', async () => {
  await using desk = await lab()
  const watching = desk.json('lab', ['watch', '--since', '0', '-n', '3'])
  await using _hub = await desk.serve('lab')
  await append(desk, 'two')
  const { exit, value } = await watching
  assert.equal([exit, value.ok, value.changes.length, value.cursor], [0, true, 3, 3])
})

test('a script that iterates over changes stays alive until they end', async () => {
  await using desk = await lab()
  const script = desk.dir.join('script.mjs')
  const library = new URL('../../src/index.js', import.meta.url).href
  const code = [
    `import { Replica } from ${JSON.stringify(library)}`,
    `const replica = await Replica.open({ location: ${JSON.stringify(desk.dir.join('lab', '.replica'))} })`,
    'const controller = new AbortController()',
    // timer: one that does not keep the process alive, so that only the wait does
    'setTimeout(() => controller.abort(), 100).unref()',
    'for await (const _ of replica.changes(replica.frontiers()[0], { signal: controller.signal })) throw new Error()',
    "console.log('ended by its signal')",
  ]
  await fs.writeFile(script, code.join('\n'))
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let stdout = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  assert.equal([...(await once(child, 'close')), stdout], [0, null, 'ended by its signal\n'])
})

test.run()
