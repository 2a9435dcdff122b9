// Sessions inside of TLS: bound to the connection where both ends see it, refused where somebody sits between two TLS
// connections, and possible where a proxy ends the TLS for a hub. The certificate is made by the `openssl` command.

import * as childProcess from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { scratch, skip } from '../shared-data.ts'
import { keyOf } from '../sync/local.ts'

const test = suite('transport/tls')

const FRONTIER = 'vfr_00000000000000aa'
const code = (error: { code?: string }): string => error.code ?? String(error)

interface Certificate {
  readonly cert: string
  readonly key: string
}

async function makeCertificate(): Promise<Certificate | undefined> {
  await using folder = await scratch()
  const [key, cert] = [folder.join('key.pem'), folder.join('cert.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const { status } = childProcess.spawnSync('openssl', [
    'req',
    '-x509',
    ...kind,
    ...names,
    '-keyout',
    key,
    '-out',
    cert,
  ])
  if (status !== 0) return undefined
  return { cert: fs.readFileSync(cert, 'utf8'), key: fs.readFileSync(key, 'utf8') }
}

/** A hub with one event, and a replica that knows it under this address. */
async function sides(certificate: Certificate | undefined, address?: (hub: Hub) => string) {
  const secured = certificate === undefined ? {} : { tls: certificate }
  const hub = await Hub.listen({ location: new MemoryStore(), port: 0, key: keyOf('main'), ...secured })
  const laptop = await Replica.open({ location: new MemoryStore(), key: keyOf('laptop') })
  await hub.replica.track(FRONTIER)
  await hub.replica.append(FRONTIER, {
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vf_1' },
    actor: { id: 'reviewer:one', type: 'human' },
    reason: 'inside of TLS',
  })
  const publicKey = hub.replica.key.publicKey
  await laptop.registry(FRONTIER).add({ id: 'hub:main', url: address?.(hub) ?? hub.url, publicKey })
  return {
    hub,
    laptop,
    async [Symbol.asyncDispose]() {
      await laptop.close()
      await hub.close()
    },
  }
}

/** Ends the TLS of whoever connects and passes the bytes on to a hub, inside of another TLS connection or plain. */
async function between(certificate: Certificate, target: () => Hub, secured: boolean) {
  const open: (net.Socket | tls.TLSSocket)[] = []
  const server = tls.createServer(certificate, inner => {
    const { port, hostname } = new URL(target().url)
    const to = { port: Number(port), host: hostname }
    const outer = secured ? tls.connect({ ...to, rejectUnauthorized: false }) : net.connect(to)
    open.push(inner, outer)
    for (const socket of [inner, outer]) socket.on('error', () => {})
    inner.pipe(outer).pipe(inner)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `wss://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const certificate = await makeCertificate()
if (certificate === undefined) {
  skip('sessions inside of TLS', 'there is no openssl command to make a certificate with')
} else {
  test('a certificate that nobody vouches for is refused before anything is said', async () => {
    await using both = await sides(certificate)
    assert.is(await both.laptop.pull(FRONTIER, 'hub:main').catch(code), 'ERR_SYNC_CONNECT')
  })

  test('a session inside of TLS is bound to it and works', async () => {
    await using both = await sides(certificate)
    const report = await trusting(() => both.laptop.pull(FRONTIER, 'hub:main'))
    assert.equal([report.heldCount + report.admitted, new URL(both.hub.url).protocol], [1, 'wss:'])
  })

  test('somebody between two TLS connections is found out', async () => {
    let hub: Hub | undefined
    await using proxy = await between(certificate, () => hub!, true)
    await using both = await sides(certificate, () => proxy.url)
    hub = both.hub
    const failure = await trusting(() => both.laptop.pull(FRONTIER, 'hub:main').catch(code))
    assert.is(failure, 'ERR_SYNC_AUTH')
  })

  test('a proxy that ends the TLS for its hub and passes the host on is no hindrance', async () => {
    let hub: Hub | undefined
    await using proxy = await between(certificate, () => hub!, false)
    await using both = await sides(undefined, () => proxy.url)
    hub = both.hub
    const report = await trusting(() => both.laptop.pull(FRONTIER, 'hub:main'))
    assert.is(report.heldCount + report.admitted, 1)
  })
}

/** The certificates of this file have no authority behind them; Node reads this setting when it connects. */
async function trusting<T>(task: () => Promise<T>): Promise<T> {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  try {
    return await task()
  } finally {
    delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
  }
}

test.run()
