// The control socket with a test command: relayed data, and the behaviour of each side when the other misbehaves.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as net from 'node:net'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CLI_LIMITS } from '../../../src/base/cli-limits.ts'
import { type ExitCode, hasCode, ReplicaError } from '../../../src/base/errors.ts'
import { CONTROL_VERSION, connectHub, encodeRequest, runInHub } from '../../../src/cli/control/control-client.ts'
import { ControlServer, type RunRequest } from '../../../src/cli/control/control-server.ts'
import { encodeFrame, FrameReader } from '../../../src/cli/control/frame.ts'
import { controlPath } from '../../../src/cli/control/socket-path.ts'
import { type Io, OutputClosed } from '../../../src/cli/io.ts'
import { scratch } from '../../shared-data.ts'
import { memoryIo, memorySource } from '../streams.ts'

const test = suite('cli/control/control')

/** The hub that serves a store, for callers that wait as long as it takes. */
function find(location: string): Promise<net.Socket | undefined> {
  return connectHub(location, new AbortController().signal)
}

async function call(
  location: string,
  argv: readonly string[],
  options: { io?: Io; signal?: AbortSignal } = {},
): Promise<ExitCode> {
  const socket = await find(location)
  assert.ok(socket, 'no hub answers')
  const { io = memoryIo(), signal = new AbortController().signal } = options
  return runInHub(socket, { argv, cwd: '/here' }, { io, signal })
}

test('a command runs in the hub with its arguments, folder, output and exit code', async () => {
  await using dir = await scratch()
  await using _server = await ControlServer.open(dir.path, async (request, { io }) => {
    await io.stdout.write(`${request.argv.join(' ')} in ${request.cwd}\n`)
    await io.stderr.write('a notice\n')
    return 3
  })
  const io = memoryIo()
  assert.is(await call(dir.path, ['status', '--json'], { io }), 3)
  assert.is(io.stdout.text, 'status --json in /here\n')
  assert.is(io.stderr.text, 'a notice\n')
})

test("the hub knows the properties of the shell's streams", async () => {
  await using dir = await scratch()
  const seen: boolean[] = []
  await using _server = await ControlServer.open(dir.path, async (_request, { io }) => {
    seen.push(io.stdout.terminal, io.stderr.terminal, io.stdin.terminal)
    return 0
  })
  await call(dir.path, [], { io: memoryIo(memorySource(), { terminal: true }) })
  assert.equal(seen, [true, true, false])
})

test('megabytes are relayed unchanged in both directions', async () => {
  await using dir = await scratch()
  await using _server = await ControlServer.open(dir.path, async (_request, { io }) => {
    for await (const chunk of io.stdin.chunks()) await io.stdout.write(chunk)
    return 0
  })
  const sent = randomBytes(3_000_000)
  const io = memoryIo(memorySource(...cut(sent, 50_000)))
  assert.is(await call(dir.path, [], { io }), 0)
  assert.ok(Buffer.compare(io.stdout.bytes, sent) === 0)
})

function* cut(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

test('stdin is not read unless the command reads it', async () => {
  await using dir = await scratch()
  await using _server = await ControlServer.open(dir.path, async () => 0)
  let touched = false
  const stdin = {
    terminal: false,
    async *chunks(): AsyncGenerator<Uint8Array> {
      touched = true
      yield new Uint8Array()
    },
  }
  await call(dir.path, [], { io: memoryIo(stdin) })
  assert.not(touched)
})

test('several commands run concurrently', async () => {
  await using dir = await scratch()
  const all: (() => void)[] = []
  const together = new Promise<void>(resolve => {
    all.push(resolve)
  })
  let running = 0
  await using _server = await ControlServer.open(dir.path, async () => {
    if (++running === 5) all[0]!()
    await together
    return 0
  })
  const exits = await Promise.all(Array.from({ length: 5 }, () => call(dir.path, [])))
  assert.equal(exits, [0, 0, 0, 0, 0])
})

/** A command that signals its start and ends when its signal aborts. */
function patient(): { run: RunRequest; started: Promise<void>; ended: Promise<unknown> } {
  const started = new Signal()
  const ended = new Signal()
  const run: RunRequest = async (_request, { io, signal }) => {
    started.fire()
    await once(signal, 'abort')
    ended.fire()
    await io.stderr.write('stopped\n')
    return 1
  }
  return { run, started: started.fired, ended: ended.fired }
}

class Signal {
  fire!: () => void
  readonly fired = new Promise<void>(resolve => {
    this.fire = resolve
  })
}

test('an interrupt in the shell stops the command, which can still print', async () => {
  await using dir = await scratch()
  const verb = patient()
  await using _server = await ControlServer.open(dir.path, verb.run)
  const controller = new AbortController()
  const io = memoryIo()
  const exit = call(dir.path, [], { io, signal: controller.signal })
  await verb.started
  controller.abort()
  assert.is(await exit, 1)
  assert.is(io.stderr.text, 'stopped\n')
})

test('a disconnected shell aborts its command, and the hub serves the next', async () => {
  await using dir = await scratch()
  const verb = patient()
  await using _server = await ControlServer.open(dir.path, (request, session) =>
    request.argv[0] === 'next' ? Promise.resolve(0 as const) : verb.run(request, session),
  )
  const socket = (await find(dir.path))!
  socket.write(request([]))
  await verb.started
  socket.destroy()
  await verb.ended
  assert.is(await call(dir.path, ['next']), 0)
})

function request(argv: readonly string[]): Uint8Array {
  const terminal = { stdin: false, stdout: false, stderr: false }
  return encodeFrame('request', encodeRequest({ control: CONTROL_VERSION, argv, cwd: '/', terminal, columns: 80 }))
}

test("a slow shell slows the command down and does not fill the hub's memory", async () => {
  await using dir = await scratch()
  let written = 0
  const gone = new Signal()
  await using _server = await ControlServer.open(dir.path, async (_request, { io }) => {
    try {
      for (;;) {
        await io.stdout.write(new Uint8Array(CLI_LIMITS.controlChunkBytes))
        written += CLI_LIMITS.controlChunkBytes
      }
    } catch (error) {
      if (!(error instanceof OutputClosed)) throw error
      gone.fire()
    }
    return 0
  })
  const socket = (await find(dir.path))!
  socket.pause()
  socket.write(request([]))
  // timer: there is no event for "nothing more happens"; the command would write gigabytes in this time
  await new Promise(resolve => setTimeout(resolve, 200))
  assert.ok(written < 8 * 1024 * 1024, `${written} bytes were written to a shell that reads none`)
  socket.destroy()
  await gone.fired
})

/** Sends bytes and collects the response until the hub closes. */
async function raw(location: string, ...frames: Uint8Array[]): Promise<{ error: string; exit: number | undefined }> {
  const socket = (await find(location))!
  socket.on('error', () => {})
  for (const frame of frames) socket.write(frame)
  const reader = new FrameReader()
  let error = ''
  let exit: number | undefined
  try {
    for await (const chunk of socket) {
      for (const frame of reader.push(chunk)) {
        if (frame.kind === 'error') error = Buffer.from(frame.data).toString()
        if (frame.kind === 'exit') exit = frame.data[0]
      }
    }
  } catch (failure) {
    if (!(failure instanceof Error && 'code' in failure && failure.code === 'ECONNRESET')) throw failure
  }
  return { error, exit }
}

test('a request of another version gets an error with its code', async () => {
  await using dir = await scratch()
  await using _server = await ControlServer.open(dir.path, async () => 0)
  const { error, exit } = await raw(dir.path, encodeFrame('request', Buffer.from('{"control":99}')))
  assert.is(exit, undefined)
  assert.is(JSON.parse(error).code, 'ERR_SYNC_VERSION')
  assert.match(JSON.parse(error).message, 'another version')
})

test('a command above the limit gets ERR_SYNC_BUSY, and the running ones continue', async () => {
  await using dir = await scratch()
  const end = new Signal()
  let running = 0
  const full = new Signal()
  await using _server = await ControlServer.open(dir.path, async () => {
    if (++running === CLI_LIMITS.controlSessionsMax) full.fire()
    await end.fired
    return 0
  })
  const calls = Array.from({ length: CLI_LIMITS.controlSessionsMax }, () => call(dir.path, []))
  await full.fired
  try {
    await call(dir.path, [])
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_SYNC_BUSY'), String(error))
  }
  end.fire()
  assert.ok((await Promise.all(calls)).every(exit => exit === 0))
  assert.is(await call(dir.path, []), 0)
})

test('an unexpected frame ends the session but not the hub', async () => {
  await using dir = await scratch()
  const verb = patient()
  await using _server = await ControlServer.open(dir.path, (asked, session) =>
    asked.argv[0] === 'wait' ? verb.run(asked, session) : Promise.resolve(0 as const),
  )
  const offences = [
    [encodeFrame('stdin', Buffer.from('x'))],
    [encodeFrame('exit', Uint8Array.of(0))],
    [request(['wait']), encodeFrame('stdin', Buffer.from('unasked'))],
    [request(['wait']), request(['wait'])],
    [Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ]
  for (const frames of offences) {
    const { exit } = await raw(dir.path, ...frames)
    assert.not.equal(exit, 0)
  }
  assert.is(await call(dir.path, ['next']), 0)
})

test('a hub that ends before the command is ERR_STORE_CLOSED', async () => {
  await using dir = await scratch()
  const server = net.createServer(socket => {
    socket.write(encodeFrame('hello'))
    socket.once('data', () => socket.destroy())
  })
  server.listen(path.join(dir.path, 'control.sock'))
  await once(server, 'listening')
  try {
    await call(dir.path, [])
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_STORE_CLOSED'), String(error))
  } finally {
    server.close()
  }
})

/** A server at a store's socket in place of a hub. */
async function impostor(location: string, greet: (socket: net.Socket) => void): Promise<AsyncDisposable> {
  const sockets: net.Socket[] = []
  const server = net.createServer(socket => {
    sockets.push(socket.on('error', () => {}))
    greet(socket)
  })
  server.listen(path.join(location, 'control.sock'))
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    error => error,
  )
}

test('a silent hub times out, and no request is sent to it', async () => {
  await using dir = await scratch()
  let asked = 0
  await using _silent = await impostor(dir.path, socket =>
    socket.on('data', chunk => {
      asked += chunk.length
    }),
  )
  const failure = await failureOf(find(dir.path))
  assert.ok(hasCode(failure, 'ERR_STORE_LOCKED'), String(failure))
  assert.match(failure.message, 'does not respond')
  assert.is(asked, 0)
})

test('an interrupt ends the wait for a silent hub', async () => {
  await using dir = await scratch()
  const controller = new AbortController()
  await using _silent = await impostor(dir.path, () =>
    controller.abort(new ReplicaError('ERR_ABORTED', 'the verb was stopped')),
  )
  const failure = await failureOf(connectHub(dir.path, controller.signal))
  assert.ok(hasCode(failure, 'ERR_ABORTED'), String(failure))
})

test('a hub that closes the connection before hello counts as no hub', async () => {
  await using dir = await scratch()
  await using _ending = await impostor(dir.path, socket => socket.end())
  assert.is(await find(dir.path), undefined)
})

test('a first frame other than hello is an error', async () => {
  await using dir = await scratch()
  for (const first of [encodeFrame('exit', Uint8Array.of(0)), Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]) {
    await using _other = await impostor(dir.path, socket => socket.write(first))
    const failure = await failureOf(find(dir.path))
    assert.ok(hasCode(failure, 'ERR_SYNC_ORDER', 'ERR_SYNC_FRAME'), String(failure))
  }
})

test('the shell leaves a command that does not end after an interrupt', async () => {
  await using dir = await scratch()
  const gone = new Signal()
  const begun = new Signal()
  await using _server = await ControlServer.open(dir.path, async () => {
    begun.fire()
    await gone.fired
    return 0
  })
  const controller = new AbortController()
  const ended = failureOf(call(dir.path, [], { signal: controller.signal }))
  await begun.fired
  controller.abort(new ReplicaError('ERR_ABORTED', 'the verb was stopped'))
  assert.ok(hasCode(await ended, 'ERR_ABORTED'))
  gone.fire()
})

test('closing the hub aborts its commands and removes the socket', async () => {
  await using dir = await scratch()
  const verb = patient()
  const server = await ControlServer.open(dir.path, verb.run)
  const exit = call(dir.path, [])
  await verb.started
  await server.close()
  assert.is(await exit, 1)
  assert.equal(await fs.readdir(dir.path), [])
  assert.is(await find(dir.path), undefined)
})

test('only the owner can connect: the socket has mode 0600 and no temporary file stays', async () => {
  await using dir = await scratch()
  await using _server = await ControlServer.open(dir.path, async () => 0)
  assert.equal(await fs.readdir(dir.path), ['control.sock'])
  const { mode } = await fs.stat(path.join(dir.path, 'control.sock'))
  assert.is(mode & 0o777, 0o600)
})

test('a stale socket is ignored and replaced by the next hub', async () => {
  await using dir = await scratch()
  const stale = net.createServer()
  stale.listen(path.join(dir.path, 'dead.sock'))
  await once(stale, 'listening')
  await fs.rename(path.join(dir.path, 'dead.sock'), path.join(dir.path, 'control.sock'))
  stale.close()
  await once(stale, 'close')
  assert.is(await find(dir.path), undefined)
  await using _server = await ControlServer.open(dir.path, async () => 4)
  assert.is(await call(dir.path, []), 4)
})

test('a folder with a long path has its socket in a private temporary folder', async () => {
  await using dir = await scratch()
  const long = dir.join('a'.repeat(60), 'b'.repeat(60))
  await fs.mkdir(long, { recursive: true })
  const server = await ControlServer.open(long, async () => 1)
  const place = await controlPath(long)
  assert.ok(place !== undefined && Buffer.byteLength(place) <= CLI_LIMITS.socketPathBytesMax)
  assert.is((await fs.stat(path.dirname(place))).mode & 0o777, 0o700)
  assert.is(await call(long, []), 1)
  await server.close()
  assert.equal(await fs.readdir(long), [])
  const left = await fs.stat(path.dirname(place)).catch(() => undefined)
  assert.is(left, undefined)
})

test('a pointer to a socket in a shared folder is not followed', async () => {
  await using dir = await scratch()
  const long = dir.join('a'.repeat(60), 'b'.repeat(60))
  await fs.mkdir(long, { recursive: true })
  await using _server = await ControlServer.open(long, async () => 1)
  const place = (await controlPath(long))!
  await fs.chmod(path.dirname(place), 0o755)
  assert.is(await controlPath(long), undefined)
  await fs.chmod(path.dirname(place), 0o700)
})

test.run()
