// Several hubs on three PostgreSQL servers with quorum commit, writers that push to the hubs over the real wire, and
// subscribers that follow their streams, while servers and hubs are killed, stopped and cut off. A history checker
// says at the end: nothing acknowledged is lost, every subscriber got each event once and in the order of the log, the
// number of nodes never went back, and a laptop on LevelDB ends with equal heads.
// Run: npm run cluster -- [--rounds 200] [--seed 1]. Short form: test/store/cluster.test.ts

import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { scratch } from '../shared-data.ts'
import { PostgresServer, postgresMissing } from '../store/postgres-server.ts'
import { Random } from '../sync/random.ts'
import { Subscriber, Writer } from './cluster-clients.ts'
import { HubProcess } from './cluster-hub.ts'
import { TcpProxy } from './tcp-proxy.ts'

export interface ClusterTotals {
  rounds: number
  faults: Record<string, number>
  acknowledged: number
  nodes: number
  received: number
  /** Pushes that failed; their nodes were pushed again. */
  failedPushes: number
  failures: string[]
}

const FAULTS = [
  'kill primary',
  'kill standby',
  'kill hub',
  'stop primary',
  'stop and replace primary',
  'stop hub',
  'cut a hub',
  'none',
] as const
type FaultName = (typeof FAULTS)[number]

export async function clusterCampaign(options: {
  rounds: number
  seed: number
  onRound?: (line: string) => void
}): Promise<ClusterTotals> {
  await using cluster = await Cluster.start(options.seed)
  for (let round = 0; round < options.rounds; round++) {
    const line = await cluster.round()
    options.onRound?.(`${round + 1}: ${line}`)
  }
  return await cluster.finish()
}

class Cluster implements AsyncDisposable {
  readonly #servers: PostgresServer[]
  #primary: PostgresServer
  /** By hub, then by server. */
  readonly #proxies: TcpProxy[][]
  readonly #hubs: HubProcess[]
  readonly #writers: Writer[] = []
  readonly #subscribers: Subscriber[] = []
  readonly #random: Random
  readonly #totals: ClusterTotals
  readonly #dispose: () => Promise<void>
  readonly #stop = new AbortController()
  #running: Promise<unknown>[] = []
  #frontier = ''
  /** Nodes that each hub served last. */
  readonly #counts: number[] = []

  static async start(seed: number): Promise<Cluster> {
    const folder = await scratch()
    const settings = ["synchronous_standby_names='ANY 1 (*)'", 'max_wal_senders=10', 'wal_receiver_status_interval=1']
    const primary = await PostgresServer.start({ settings: settings.slice(1) })
    const standbys = [
      await PostgresServer.start({ primary, settings }),
      await PostgresServer.start({ primary, settings }),
    ]
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'")
    primary.sql('SELECT pg_reload_conf()')
    const servers = [primary, ...standbys]
    const cluster = new Cluster(servers, { folder, seed })
    await cluster.#setUp(folder.join('laptop'))
    return cluster
  }

  private constructor(
    servers: PostgresServer[],
    { folder, seed }: { folder: Awaited<ReturnType<typeof scratch>>; seed: number },
  ) {
    this.#servers = servers
    this.#primary = servers[0]!
    this.#random = new Random(seed)
    this.#proxies = Array.from({ length: 3 }, () => servers.map(({ port }) => new TcpProxy(port)))
    this.#hubs = this.#proxies.map((_, at) => new HubProcess(folder.join(`hub${at}`)))
    this.#dispose = () => folder[Symbol.asyncDispose]()
    const faults = Object.fromEntries(FAULTS.map(name => [name, 0]))
    this.#totals = { rounds: 0, faults, acknowledged: 0, nodes: 0, received: 0, failedPushes: 0, failures: [] }
  }

  async #setUp(laptop: string): Promise<void> {
    const urls: string[] = []
    for (const proxies of this.#proxies) {
      for (const proxy of proxies) await proxy.listen()
      urls.push(`postgres://replica@${proxies.map(({ port }) => `127.0.0.1:${port}`).join(',')}/postgres`)
    }
    const key = await this.#hubs[0]!.init(urls[0]!)
    for (const at of [1, 2]) await this.#hubs[at]!.init(urls[at]!, this.#hubs[0]!.keyFile)
    const frontier = await this.#hubs[0]!.createFrontier()
    this.#frontier = frontier
    for (const at of [0, 1, 2]) {
      const writer = await Writer.open({ frontier, hubKey: key, ...(at === 0 ? { folder: laptop } : {}) })
      this.#writers.push(writer)
      await this.#hubs[0]!.register(`hub:writer-${at}`, writer.publicKey)
    }
    await Promise.all(this.#hubs.map(hub => hub.start()))
    for (const hub of this.#hubs) this.#subscribers.push(new Subscriber(frontier, hub))
    for (const writer of this.#writers) await writer.meet(this.#hubs[0]!.url, this.#writers)
    const urlOf = (): string => this.#random.pick(this.#hubs).url
    this.#running = [
      ...this.#writers.map(writer => writer.run(urlOf, this.#stop.signal)),
      ...this.#subscribers.map(subscriber => subscriber.run(this.#stop.signal)),
    ]
  }

  async round(): Promise<string> {
    const fault = this.#random.pick(FAULTS)
    const before = this.#acknowledged()
    await pause(300 + 700 * this.#random.next())
    await this.#doFault(fault)
    await this.#recover()
    await this.#checkCounts()
    this.#totals.rounds += 1
    this.#totals.faults[fault]! += 1
    return `${fault}: ${this.#acknowledged() - before} acknowledged`
  }

  async #doFault(fault: FaultName): Promise<void> {
    const primary = this.#primary
    const standby = this.#random.pick(this.#servers.filter(server => server !== primary))
    const hub = this.#random.pick(this.#hubs)
    if (fault === 'kill primary') {
      await primary.end('SIGKILL')
      await this.#failOver()
    } else if (fault === 'kill standby') {
      await standby.end('SIGKILL')
      await pause(500)
      await standby.rebuild(primary)
    } else if (fault === 'kill hub') {
      await hub.kill()
      await pause(300)
      await hub.start()
    } else if (fault === 'stop primary') {
      primary.signalAll('SIGSTOP')
      await pause(1000 + 2000 * this.#random.next())
      primary.signalAll('SIGCONT')
    } else if (fault === 'stop and replace primary') {
      primary.signalAll('SIGSTOP')
      await this.#promoteBest()
      primary.signalAll('SIGCONT')
      await pause(1500) // the former primary lives on beside the new one
      await primary.rebuild(this.#primary)
    } else if (fault === 'stop hub') {
      hub.signal('SIGSTOP')
      await pause(1000 + 12_000 * this.#random.next() ** 4)
      hub.signal('SIGCONT')
    } else if (fault === 'cut a hub') {
      const proxies = this.#proxies[this.#hubs.indexOf(hub)]!
      for (const proxy of proxies) proxy.cut()
      await pause(500 + 2000 * this.#random.next())
      for (const proxy of proxies) proxy.restore()
    }
  }

  /** Promotes the standby that has most, and makes the killed server its standby. */
  async #failOver(): Promise<void> {
    const former = this.#primary
    await this.#promoteBest()
    await former.rebuild(this.#primary)
  }

  async #promoteBest(): Promise<void> {
    const standbys = this.#servers.filter(server => server !== this.#primary)
    const received = standbys.map(server => ({ server, lsn: lsnOf(server) })).sort((a, b) => (a.lsn < b.lsn ? 1 : -1))
    const best = received[0]!.server
    best.promote()
    for (const other of standbys) if (other !== best) other.follow(best)
    this.#primary = best
  }

  /** Waits until each hub and writer works again. */
  async #recover(): Promise<void> {
    const marks = this.#writers.map(writer => writer.pushes)
    const deadline = Date.now() + 60_000
    while (this.#writers.some((writer, at) => writer.pushes === marks[at])) {
      if (Date.now() > deadline) {
        this.#totals.failures.push('a writer could not push for a minute after a fault')
        return
      }
      await pause(100)
    }
  }

  /** No hub may serve fewer nodes than it did before. */
  async #checkCounts(): Promise<void> {
    for (const [at, hub] of this.#hubs.entries()) {
      const nodes = await hub.nodes(this.#frontier)
      if (nodes === undefined) continue
      const before = this.#counts[at] ?? 0
      if (nodes < before) this.#totals.failures.push(`a hub served ${nodes} nodes after ${before}`)
      this.#counts[at] = nodes
    }
  }

  #acknowledged(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0)
  }

  async finish(): Promise<ClusterTotals> {
    const totals = this.#totals
    this.#stop.abort()
    await Promise.all(this.#running)
    for (const writer of this.#writers) await writer.push(this.#hubs[0]!.url)
    const order = await this.#hubs[0]!.events()
    totals.nodes = order.length
    totals.failedPushes = this.#writers.reduce((sum, writer) => sum + writer.failed, 0)
    const place = new Map(order.map((id, at) => [id, at]))
    if (place.size !== order.length) totals.failures.push('the log has an event twice')
    for (const writer of this.#writers) {
      totals.acknowledged += writer.acknowledged.size
      for (const id of writer.acknowledged) if (!place.has(id)) totals.failures.push(`acknowledged and lost: ${id}`)
    }
    for (const hub of this.#hubs) {
      const others = await hub.events()
      if (others.join() !== order.join()) totals.failures.push('two hubs serve different logs')
    }
    for (const subscriber of this.#subscribers) {
      await subscriber.catchUp(order.length)
      totals.received += subscriber.received.length
      totals.failures.push(...subscriber.failures)
      if (subscriber.received.join() !== order.join()) {
        totals.failures.push(
          `a subscriber got ${subscriber.received.length} events, not the ${order.length} of the log in order`,
        )
      }
    }
    for (const writer of this.#writers) {
      const equal = await writer.pull(this.#hubs[1]!.url)
      if (!equal) totals.failures.push('a laptop does not end with equal heads')
    }
    for (const hub of this.#hubs) await hub.kill()
    totals.failures.push(...(await this.#hubs[2]!.verify()))
    return totals
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    for (const hub of this.#hubs) await hub.kill()
    await Promise.allSettled(this.#running)
    for (const writer of this.#writers) await writer.close()
    for (const proxy of this.#proxies.flat()) await proxy.close()
    for (const server of this.#servers) {
      if (server.isRunning) server.signalAll('SIGCONT')
      await server[Symbol.asyncDispose]()
    }
    await this.#dispose()
  }
}

function lsnOf(server: PostgresServer): bigint {
  const [high, low] = server.sql('SELECT coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())').split('/')
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms)) // timer: how long a fault lasts
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } })
  const missing = postgresMissing()
  if (missing !== undefined) return console.log(`not run: ${missing}`)
  const started = Date.now()
  const totals = await clusterCampaign({
    rounds: Number(values.rounds ?? 200),
    seed: Number(values.seed ?? 1),
    onRound: line => console.log(line),
  })
  console.log(JSON.stringify({ ...totals, seconds: Math.round((Date.now() - started) / 1000) }))
  console.log(totals.failures.length === 0 ? 'nothing acknowledged was lost' : 'FAILED')
  process.exitCode = totals.failures.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
