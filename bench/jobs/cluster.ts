// The same three jobs on a hub whose store is LevelDB, and on one whose store is in three PostgreSQL servers with quorum
// commit, all on this machine: a push, a pull of ten nodes, a clone. Without PostgreSQL there are no rows.

import * as path from 'node:path'
import { Key } from '../../src/crypto/key.ts'
import { copyReplica } from '../../src/replica/copy/backup.ts'
import { Replica } from '../../src/replica/replica.ts'
import { PostgresServer, postgresMissing } from '../../test/store/postgres-server.ts'
import type { Bench, Place } from '../bench.ts'
import { type Job, type Timed, timed } from '../job.ts'
import type { Row } from '../samples.ts'
import { frontier, hubId } from '../stores.ts'

const pulled = 10

type Engine = 'LevelDB' | 'PostgreSQL'

export const cluster: Job = {
  name: 'cluster',
  sizes: [10_000],
  shapes: ['mesh'],
  async *rows(bench, place) {
    yield* rowsOf(bench, place, 'LevelDB')
    const missing = postgresMissing()
    if (missing !== undefined) return bench.say(`no rows of a cluster: ${missing}`)
    yield* rowsOf(bench, place, 'PostgreSQL')
  },
  tasks: {
    async pushAll({
      folder,
      url,
      key,
    }: {
      folder: string
      url: string
      key: string
    }): Promise<Timed & { sent: number }> {
      await using replica = await Replica.open({ location: folder })
      await meet(replica, url, key)
      const { result, ms, cpuMs } = await timed(() => replica.push(frontier, hubId))
      if (!result.equal || result.heldCount + result.refusedCount > 0)
        throw new Error(`not all was taken: ${result.note}`)
      return { ms, cpuMs, sent: result.admitted }
    },
    async pullNew({
      folder,
      url,
      key,
    }: {
      folder: string
      url: string
      key: string
    }): Promise<Timed & { got: number }> {
      await using replica = await Replica.open({ location: folder })
      await meet(replica, url, key)
      const { result, ms, cpuMs } = await timed(() => replica.pull(frontier, hubId))
      return { ms, cpuMs, got: result.admitted }
    },
  },
}

async function meet(replica: Replica, url: string, publicKey: string): Promise<void> {
  const peers = replica.registry(frontier)
  const known = peers.list().find(peer => peer.publicKey === publicKey)
  if (known === undefined) await peers.add({ id: hubId, url, publicKey })
  else await peers.set(known.id, { url })
}

async function* rowsOf(bench: Bench, place: Place, engine: Engine): AsyncGenerator<Row> {
  const cloned = await bench.clonedStore(place)
  const { publicKey: writer } = await Key.load(path.join(cloned, 'key'))
  const label = (what: string) => ({ job: 'cluster', what: `${what}, ${engine}`, ...place })
  yield await bench.row(label('push'), () => pushOnce(bench, { place, engine, cloned, writer, count: place.size }))
  yield await bench.row(label(`pull ${pulled}`), () =>
    pullOnce(bench, { place, engine, cloned, writer, count: pulled }),
  )
  yield await bench.row(label('clone'), () => cloneOnce(bench, { place, engine }))
}

interface PushRun {
  readonly place: Place
  readonly engine: Engine
  /** A clone of the hub's store, whose key is `writer`. */
  readonly cloned: string
  readonly writer: string
  readonly count: number
}

function pushOnce(bench: Bench, { place, engine, cloned, writer, count }: PushRun) {
  return onEngine(bench, { place, engine }, async folder => {
    await using hub = await bench.hub(folder, { writer })
    return await bench.copy(cloned, async client => {
      await bench.run('addNodes', { folder: client, shape: place.shape, count, side: 'client' })
      const { url, key } = hub
      const run = await hub.measured(() => bench.run<Timed & { sent: number }>('pushAll', { folder: client, url, key }))
      const { ms, cpuMs, sent, rssBytes, hubRssBytes, hubCpuMs } = run
      return { ms, cpuMs, events: count, counts: { nodes: sent }, rssBytes, hubRssBytes, hubCpuMs }
    })
  })
}

function pullOnce(bench: Bench, { place, engine, cloned, writer, count }: PushRun) {
  return onEngine(bench, { place, engine }, async folder => {
    await using hub = await bench.hub(folder, { writer })
    const { url, key } = hub
    await bench.copy(cloned, async client => {
      await bench.run('addNodes', { folder: client, shape: place.shape, count, side: 'client' })
      await bench.run('pushAll', { folder: client, url, key })
    })
    return await bench.copy(cloned, async client => {
      const run = await hub.measured(() => bench.run<Timed & { got: number }>('pullNew', { folder: client, url, key }))
      const { ms, cpuMs, got, rssBytes, hubRssBytes, hubCpuMs } = run
      return { ms, cpuMs, events: count, counts: { nodes: got }, rssBytes, hubRssBytes, hubCpuMs }
    })
  })
}

function cloneOnce(bench: Bench, { place, engine }: { place: Place; engine: Engine }) {
  return onEngine(bench, { place, engine }, async folder => {
    await using hub = await bench.hub(folder)
    const { url, key } = hub
    return await bench.scratch(async client => {
      const run = await hub.measured(() =>
        bench.run<Timed & { admitted: number }>('clone', { folder: client, url, key }),
      )
      const { ms, cpuMs, admitted, rssBytes, hubRssBytes, hubCpuMs } = run
      return { ms, cpuMs, events: admitted, counts: { nodes: admitted }, rssBytes, hubRssBytes, hubCpuMs }
    })
  })
}

/** Runs `use` with a copy of the hub's store on an engine. */
async function onEngine<T>(
  bench: Bench,
  { place, engine }: { place: Place; engine: Engine },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await bench.store(place)
  if (engine === 'LevelDB') return await bench.copy(folder, use)
  await using primary = await PostgresServer.start({ settings: ['max_wal_senders=10'] })
  const settings = ["synchronous_standby_names='ANY 1 (*)'"]
  await using first = await PostgresServer.start({ primary, settings })
  await using second = await PostgresServer.start({ primary, settings })
  primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
  primary.sql('SELECT pg_reload_conf()')
  if (!first.isRunning || !second.isRunning) throw new Error('a standby did not start')
  return await bench.scratch(async copy => {
    await copyReplica(folder, { location: copy, store: primary.url })
    return await use(copy)
  })
}
