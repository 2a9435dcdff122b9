// Tests that need a real process: signals, a closed reader, an endless stdin.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { signatureProvider } from '../../src/crypto/ed25519.ts'
import { makeEvent } from '../../src/event/event.ts'
import { Desk } from './in-process.ts'
import { mainFile } from './shell.ts'

const test = suite('cli/process')

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<{ exit: number | string; stdout: string; stderr: string }>
}

function start(cwd: string, ...argv: string[]): Running {
  const child = spawn(process.execPath, [mainFile, ...argv], { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ exit: code ?? signal, stdout, stderr }))
  return { child, ended }
}

async function withFrontier(desk: Desk): Promise<string> {
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  return desk.dir.join('lab')
}

test('a closed reader ends the command silently', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  const lines = Array.from({ length: 3000 }, (_, i) =>
    Buffer.from(
      makeEvent({
        kind: 'k',
        target: { type: 't', id: 'i' },
        actor: { id: 'a' },
        reason: `${i}`,
        timestamp: '2026-01-01T00:00:00Z',
      }).text,
    ).toString(),
  )
  await fs.writeFile(`${cwd}/many.jsonl`, lines.join('\n'))
  const { frontiers } = (await desk.json('lab', ['frontier', 'list'])).value
  await desk.run('lab', ['import', 'many.jsonl', '--frontier', frontiers[0].frontier])
  for (const served of [false, true]) {
    const hub = served ? await desk.serve('lab') : undefined
    const { child, ended } = start(cwd, 'log', '-n', '0', '--jsonl')
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    const { exit, stderr } = await ended
    assert.equal([exit, stderr], [0, ''])
    await hub?.stop()
  }
})

/** Accepts connections and sends nothing. */
async function silentServer(): Promise<{ url: string; connected: Promise<unknown> } & AsyncDisposable> {
  const sockets: net.Socket[] = []
  const server = net.createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    connected: once(server, 'connection'),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

test('an interrupt stops a command that waits for a peer, with and without a hub', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  const { public_key } = (await desk.json('other', ['init'])).value
  for (const served of [false, true]) {
    await using silent = await silentServer()
    await desk.run('lab', ['peer', 'add', `hub:silent-${served}`, silent.url, '--key', public_key])
    await desk.run('lab', ['peer', 'remove', 'hub:silent-false'])
    const hub = served ? await desk.serve('lab') : undefined
    const peer = served ? 'hub:silent-true' : 'hub:silent-false'
    await desk.run('lab', ['peer', 'add', peer, silent.url, '--key', public_key])
    const { child, ended } = start(cwd, 'pull', peer, '--json')
    await silent.connected
    child.kill('SIGINT')
    const { exit, stdout } = await ended
    assert.is(exit, 1)
    assert.is(JSON.parse(stdout).error.code, 'ERR_ABORTED')
    await hub?.stop()
  }
})

test('an interrupt stops a command that waits for stdin, with and without a hub', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  for (const served of [false, true]) {
    const hub = served ? await desk.serve('lab') : undefined
    const { child, ended } = start(cwd, 'append', '-', '--json')
    child.stdin!.write('{"kind"')
    // The command has started to read when the pipe is empty again.
    await new Promise(resolve => child.stdin!.write(Buffer.alloc(256 * 1024, 0x20), resolve))
    child.kill('SIGINT')
    const { exit, stdout } = await ended
    assert.is(exit, 1)
    assert.is(JSON.parse(stdout).error.code, 'ERR_ABORTED')
    await hub?.stop()
  }
})

test('serve prints its line, serves, and ends with 0 on SIGTERM', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  const { child, ended } = start(cwd, 'serve', '--listen', '127.0.0.1:0', '--json')
  const [line] = await once(child.stdout!, 'data')
  const { ok, url, pid } = JSON.parse(line)
  assert.ok(ok)
  assert.is(pid, child.pid)
  assert.is((await fetch(`${url.replace('ws', 'http')}/healthz`)).status, 200)
  child.kill('SIGTERM')
  assert.is((await ended).exit, 0)
})

test('a suspended hub does not block commands, and serves them after it resumes', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  await using silent = await silentServer()
  const { public_key } = (await desk.json('other', ['init'])).value
  await desk.run('lab', ['peer', 'add', 'hub:silent', silent.url, '--key', public_key])
  const { child: hub, ended: over } = start(cwd, 'serve', '--listen', '127.0.0.1:0')
  try {
    await once(hub.stdout!, 'data')
    const { child, ended } = start(cwd, 'pull', 'hub:silent', '--json')
    await silent.connected
    hub.kill('SIGSTOP')
    child.kill('SIGINT')
    const interrupted = await ended
    assert.is(interrupted.exit, 1)
    assert.is(JSON.parse(interrupted.stdout).error.code, 'ERR_ABORTED')
    const { exit, stderr } = await start(cwd, 'status').ended
    assert.is(exit, 4)
    assert.match(stderr, 'the hub that serves this store does not respond (ERR_STORE_LOCKED)')
    hub.kill('SIGCONT')
    assert.is((await start(cwd, 'heads').ended).exit, 0)
    hub.kill('SIGTERM')
    assert.is((await over).exit, 0)
  } finally {
    hub.kill('SIGKILL')
  }
})

test('the next command opens the store of a killed hub', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  const { child, ended } = start(cwd, 'serve', '--listen', '127.0.0.1:0')
  await once(child.stdout!, 'data')
  child.kill('SIGKILL')
  await ended
  assert.ok((await fs.readdir(`${cwd}/.replica`)).includes('control.sock'))
  assert.is((await desk.run('lab', ['heads'])).exit, 0)
  assert.not((await fs.readdir(`${cwd}/.replica`)).includes('control.sock'))
})

test('a process neither prints the key of a store nor has it in its environment', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  const seed = (await fs.readFile(`${cwd}/.replica/key`, 'utf8')).trim()
  for (const argv of [['keys', 'show'], ['status', '--json'], ['journal'], ['keys', 'new']]) {
    const { stdout, stderr } = await start(cwd, ...argv).ended
    assert.not((stdout + stderr).includes(seed))
  }
})

test('a command that reads the log loads neither sockets nor libsodium', async () => {
  await using desk = await Desk.open()
  const cwd = await withFrontier(desk)
  const list = "process.on('exit', () => console.error(Object.keys(Module._cache).join('\\n')))"
  const preload = `data:text/javascript,import Module from 'node:module'; ${encodeURIComponent(list)}`
  const loadedBy = async (...argv: string[]): Promise<string[]> => {
    const child = spawn(process.execPath, ['--import', preload, mainFile, ...argv], { cwd })
    const chunks: Buffer[] = []
    child.stderr.on('data', chunk => chunks.push(chunk))
    const [exit] = await once(child, 'close')
    assert.is(exit, 0)
    const packages = ['classic-level', 'sodium-native', 'ws']
    const files = Buffer.concat(chunks).toString()
    return packages.filter(name => files.includes(`/node_modules/${name}/`))
  }
  assert.equal(await loadedBy('heads'), ['classic-level'])
  const signs = ['append', '--kind', 'k', '--target', 't:i', '--actor', 'a', '--reason', 'r']
  assert.is((await loadedBy(...signs)).includes('sodium-native'), signatureProvider().name === 'sodium')
})

test.run()
