// A hub as a process, and what happens around it: its log is not read, its folder is replaced, its certificate is renewed.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as tls from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectionPlaces } from '../../src/hub/clients/connection-places.ts'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import { codeOf } from '../replica/drafts.ts'
import { skip } from '../shared-data.ts'
import { Desk } from './in-process.ts'
import { mainFile } from './shell.ts'

const test = suite('cli/hub-faults')

interface Serving extends AsyncDisposable {
  readonly child: ChildProcess
  readonly base: string
  readonly url: string
  /** Resolves when stderr has a line that matches. */
  said(line: RegExp): Promise<void>
  /** The exit code or signal, and all of stderr. */
  readonly ended: Promise<{ exit: number | string; stderr: string }>
}

async function serving(cwd: string, ...argv: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [mainFile, 'serve', '--listen', '127.0.0.1:0', '--json', ...argv], { cwd })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const ended = once(child, 'exit').then(([code, signal]) => ({ exit: code ?? signal, stderr }))
  const [line] = await once(child.stdout, 'data')
  const { url } = JSON.parse(String(line))
  return {
    child,
    url,
    base: url.replace(/^ws/, 'http'),
    ended,
    said: async pattern => {
      while (!pattern.test(stderr)) await once(child.stderr!, 'data')
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function store(desk: Desk): Promise<string> {
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  return desk.dir.join('lab')
}

test('a hub goes on when the reader of its log is gone, and ends in good order', async () => {
  await using desk = await Desk.open()
  await using hub = await serving(await store(desk))
  hub.child.stderr!.destroy()
  hub.child.stdout!.destroy()
  const { value } = await desk.json('lab', ['status'])
  const key: string = value.public_key
  for (const name of ['a', 'b']) {
    const cloned = await Replica.clone(hub.url, { location: desk.dir.join(name), key })
    await cloned.replica.close()
  }
  assert.is((await fetch(`${hub.base}/healthz`)).status, 200)
  hub.child.kill('SIGTERM')
  assert.is((await hub.ended).exit, 0)
})

test('a hub whose folder is replaced stops with a code and touches nothing in the new folder', async () => {
  await using desk = await Desk.open()
  const cwd = await store(desk)
  const location = `${cwd}/.replica`
  await using hub = await serving(cwd)
  fs.cpSync(location, `${location}.copy`, { recursive: true, filter: name => !name.endsWith('.sock') })
  fs.renameSync(location, `${location}.old`)
  fs.renameSync(`${location}.copy`, location)
  fs.writeFileSync(`${location}/control.sock`, 'of another hub')
  const names = (): string[] => (fs.readdirSync(location, { recursive: true }) as string[]).sort()
  const before = names()
  const { exit, stderr } = await hub.ended
  assert.is(exit, 4)
  assert.match(stderr, /alarm: the store refuses writes: the folder of the open store was (replaced|removed)/)
  assert.equal(names(), before)
  assert.is(fs.readFileSync(`${location}/control.sock`, 'utf8'), 'of another hub')
})

function makePair(folder: string, name: string): boolean {
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  const files = ['-keyout', `${folder}/${name}.key`, '-out', `${folder}/${name}.pem`]
  return spawnSync('openssl', [...words.split(' '), ...files]).status === 0
}

async function servedCertificate(url: string): Promise<string> {
  const socket = tls.connect({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

test('SIGHUP reloads the certificate, and keeps the former one if the new pair is wrong', async () => {
  const name = 'SIGHUP reloads the certificate, and keeps the former one if the new pair is wrong'
  await using desk = await Desk.open()
  const cwd = await store(desk)
  if (!['hub', 'new'].every(pair => makePair(cwd, pair))) return skip(name, 'there is no openssl command')
  await using hub = await serving(cwd, '--tls-cert', 'hub.pem', '--tls-key', 'hub.key')
  const first = await servedCertificate(hub.url)
  fs.copyFileSync(`${cwd}/new.pem`, `${cwd}/hub.pem`)
  hub.child.kill('SIGHUP')
  await hub.said(/can't reload the TLS certificate, the former one stays in use: .*do not belong together/)
  assert.is(await servedCertificate(hub.url), first)
  fs.copyFileSync(`${cwd}/new.key`, `${cwd}/hub.key`)
  hub.child.kill('SIGHUP')
  await hub.said(/the TLS certificate was reloaded/)
  assert.is.not(await servedCertificate(hub.url), first)
  hub.child.kill('SIGTERM')
  assert.is((await hub.ended).exit, 0)
})

test('a certificate that cannot be used is a usage error, and leaves the store closed', async () => {
  const name = 'a certificate that cannot be used is a usage error, and leaves the store closed'
  await using desk = await Desk.open()
  const cwd = await store(desk)
  if (!['one', 'two'].every(pair => makePair(cwd, pair))) return skip(name, 'there is no openssl command')
  fs.writeFileSync(`${cwd}/junk.pem`, 'junk')
  const wrong = [
    ['one.pem', 'two.key', /do not belong together/],
    ['junk.pem', 'one.key', /the TLS certificate can't be read/],
    ['one.pem', 'junk.pem', /the TLS key can't be read/],
  ] as const
  for (const [cert, key, words] of wrong) {
    const { exit, stderr } = await desk.run('lab', ['serve', '--tls-cert', cert, '--tls-key', key])
    assert.is(exit, 2)
    assert.match(stderr, words)
    assert.ok(stderr.includes(`--tls-cert ${cert}, --tls-key ${key}`), stderr)
    const pair = { cert: fs.readFileSync(`${cwd}/${cert}`, 'utf8'), key: fs.readFileSync(`${cwd}/${key}`, 'utf8') }
    assert.is(await codeOf(Hub.listen({ location: `${cwd}/.replica`, port: 0, tls: pair })), 'ERR_USAGE')
  }
  await using _open = await Replica.open({ location: `${cwd}/.replica` })
})

test('the number of connections leaves files to the store', () => {
  const cases = [
    [undefined, 1200],
    [1_048_576, 1200],
    [1024, 755],
    [140, 48],
    [84, 8],
  ] as const
  for (const [files, places] of cases) assert.is(connectionPlaces(files), places)
})

test.run()
