// Output that can't be written is always reported, in a shell and in a hub. Only a closed reader is
// not reported.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { Writable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { fileSink, OutputClosed, streamSink } from '../../src/cli/io.ts'
import { scratch, skip } from '../shared-data.ts'
import { Desk } from './in-process.ts'
import { mainFile } from './shell.ts'

const test = suite('cli/unwritten')

const FULL = '/dev/full'

/** Runs a command whose stdout is a full device. */
async function runFull(cwd: string, ...argv: string[]): Promise<{ exit: number; stderr: string }> {
  const full = fs.openSync(FULL, 'w')
  const child = spawn(process.execPath, [mainFile, ...argv], { cwd, stdio: ['ignore', full, 'pipe'] })
  fs.closeSync(full)
  let stderr = ''
  child.stderr!.on('data', chunk => {
    stderr += chunk
  })
  const [exit] = await once(child, 'close')
  return { exit, stderr }
}

async function checkFull(cwd: string): Promise<void> {
  for (const argv of [['export'], ['heads', '--json'], ['log', '--jsonl'], ['status']]) {
    const { exit, stderr } = await runFull(cwd, ...argv)
    assert.is(exit, 4, `${argv}: ${stderr}`)
    assert.is(stderr.match(/can't write the output: ENOSPC.*\(ERR_STORE_IO\)/g)?.length, 1, `${argv}: ${stderr}`)
  }
  const wrong = await runFull(cwd, 'peer', 'remove', 'hub:nobody')
  assert.is(wrong.exit, 2, 'what went wrong was on stderr and stays the answer')
}

if (!fs.existsSync(FULL)) skip('a full stdout', `${FULL} is not there`)
else
  test('data that finds no room on stdout makes the exit code 4, also when a hub runs the verb', async () => {
    await using desk = await Desk.open()
    await desk.run('lab', ['init'])
    await desk.run('lab', ['frontier', 'create', '--name', 'One'])
    await checkFull(desk.dir.join('lab'))
    await using _hub = await desk.serve('lab')
    await checkFull(desk.dir.join('lab'))
  })

/** Returns the rejection of a promise; undefined if it resolves. */
function failureOf(promise: Promise<void>): Promise<unknown> {
  return promise.then(
    () => undefined,
    error => error,
  )
}

/** A stream whose writes fail with a code of the operating system, the first or a later one. */
function failing(code: string, options: { taken: number }): Writable {
  let left = options.taken
  return new Writable({
    highWaterMark: 4,
    write: (_chunk, _encoding, done) => {
      if (left-- > 0) done()
      else setImmediate(() => done(Object.assign(new Error(`${code}: made up`), { code })))
    },
  })
}

test('a failed stream rejects the next write or flush, and all later ones', async () => {
  for (const taken of [0, 1]) {
    const sink = streamSink(failing('ENOSPC', { taken }))
    await sink.write('a')
    const early = await failureOf(sink.write('b'))
    assert.ok(early === undefined || hasCode(early, 'ERR_STORE_IO'))
    assert.ok(hasCode(await failureOf(sink.flush()), 'ERR_STORE_IO'))
    assert.ok(hasCode(await failureOf(sink.write('c')), 'ERR_STORE_IO'))
  }
})

test('a closed reader is distinguished from a failure', async () => {
  for (const code of ['EPIPE', 'ERR_STREAM_DESTROYED']) {
    const sink = streamSink(failing(code, { taken: 0 }))
    await sink.write('a')
    assert.instance(await failureOf(sink.flush()), OutputClosed)
  }
  const stream = new Writable()
  const sink = streamSink(stream)
  stream.destroy()
  assert.instance(await failureOf(sink.write('a')), OutputClosed)
})

test('a file receives all bytes in order, and a full device is a failure', async () => {
  await using dir = await scratch()
  const file = dir.join('out')
  const descriptor = fs.openSync(file, 'w')
  const sink = fileSink(descriptor)
  await sink.write('one ')
  await sink.write(Buffer.alloc(300_000, 0x78))
  await sink.flush()
  fs.closeSync(descriptor)
  assert.is(fs.readFileSync(file, 'utf8'), `one ${'x'.repeat(300_000)}`)
  assert.ok(hasCode(await failureOf(sink.write('more')), 'ERR_STORE_IO'))
})

test.run()
