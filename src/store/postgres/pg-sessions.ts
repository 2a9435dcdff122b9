// Connections to the primary server: found among the servers of the address, kept for reuse, made
// again after a failure. A primary is taken only if its timeline is not older than the newest one
// seen, so that a former primary that lives on is not used again.
// Spec: protocol/store.md, T52 and T56.

import { setTimeout as delay } from 'node:timers/promises'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { Semaphore } from '../../base/semaphore.ts'
import type { PgAddress, PgServer } from './pg-address.ts'
import { PgConnection, PgConnectionLost, type PgTimeouts, sqlState } from './pg-driver.ts'

/** Connections of one store at a time, apart from the one that listens. */
const CONNECTIONS_MAX = 8
const TIMEOUTS: PgTimeouts = { connectMs: 3000, queryMs: 15_000 }
const BACKOFF_FIRST_MS = 50
const BACKOFF_MS_MAX = 2000

/** Settings of the connections. */
export interface PgSessionHooks {
  /** Checks that the server has what this process knows to be committed. Throws if not. */
  readonly check: (connection: PgConnection) => Promise<void>
  /** ms that an operation waits for a primary before it fails. */
  readonly patienceMs: number
}

/** The connections of one open store. */
export class PgSessions {
  readonly #address: PgAddress
  readonly #hooks: PgSessionHooks
  readonly #permits = new Semaphore(CONNECTIONS_MAX)
  readonly #idle: PgConnection[] = []
  /** Server processes of open connections. */
  readonly #backends = new Map<number, PgConnection>()
  /** Server of the last connection. */
  #current: PgServer | undefined
  #timeline = 0
  #isClosed = false
  #unknownWrites = 0

  constructor(address: PgAddress, hooks: PgSessionHooks) {
    this.#address = address
    this.#hooks = hooks
  }

  /** Writes whose outcome could not be found out. */
  get unknownWrites(): number {
    return this.#unknownWrites
  }

  /** Counts a write whose outcome could not be found out. Returns the error. */
  unknown(cause: unknown): ReplicaError {
    this.#unknownWrites += 1
    const message = 'the outcome of a write is unknown: the connection to the database was lost before its answer'
    return new ReplicaError('ERR_STORE_UNKNOWN', message, { cause })
  }

  /** Name of the server that was the primary last. */
  get server(): string {
    return this.#current?.name ?? this.#address.servers[0]!.name
  }

  /** Returns whether a server process is that of a connection of this store. */
  owns(backend: number): boolean {
    return this.#backends.get(backend)?.isLost === false
  }

  /**
   * Runs a task that changes nothing. It runs again on another connection if its own is lost.
   * @throws ReplicaError ERR_STORE_IO if no primary was there in time, ERR_STORE_CLOSED
   */
  async read<T>(task: (connection: PgConnection) => Promise<T>): Promise<T> {
    try {
      return await this.#retry(task)
    } catch (error) {
      throw ioError(error)
    }
  }

  /**
   * Runs a write that may run twice. It runs again if its connection is lost, or if the server
   * warns: a server that is told not to wait for its standbys commits with a warning.
   * @throws ReplicaError ERR_STORE_UNKNOWN if the outcome stayed unknown; ERR_STORE_IO,
   *   ERR_STORE_CLOSED if nothing was written
   */
  async write<T>(task: (connection: PgConnection) => Promise<T>): Promise<T> {
    let isSent = false
    try {
      return await this.#retry(async connection => {
        isSent = true
        return await withoutWarning(connection, task)
      })
    } catch (error) {
      if (isSent && (error instanceof PgConnectionLost || hasCode(error, 'ERR_STORE_IO'))) throw this.unknown(error)
      throw ioError(error)
    }
  }

  /**
   * Runs a task on one connection, once.
   * @throws PgConnectionLost, errors of the server, ERR_STORE_IO
   */
  async once<T>(
    task: (connection: PgConnection) => Promise<T>,
    deadline = Date.now() + this.#hooks.patienceMs,
  ): Promise<T> {
    await new Promise<void>(resolve => this.#permits.acquire(resolve))
    try {
      const connection = this.#takeIdle() ?? (await this.connect(deadline))
      try {
        return await task(connection)
      } catch (error) {
        if (error instanceof PgConnectionLost) this.#distrust(connection)
        throw error
      } finally {
        this.#giveBack(connection)
      }
    } finally {
      this.#permits.release()
    }
  }

  async #retry<T>(task: (connection: PgConnection) => Promise<T>): Promise<T> {
    const deadline = Date.now() + this.#hooks.patienceMs
    for (;;) {
      try {
        return await this.once(task, deadline)
      } catch (error) {
        if (!isPassing(error) || Date.now() >= deadline) throw error
        await delay(BACKOFF_FIRST_MS)
      }
    }
  }

  /**
   * Connects to the primary. The caller closes the connection.
   * @throws ReplicaError ERR_STORE_IO
   */
  async connect(deadline = Date.now() + this.#hooks.patienceMs): Promise<PgConnection> {
    let wait = BACKOFF_FIRST_MS
    for (;;) {
      if (this.#isClosed) throw new ReplicaError('ERR_STORE_CLOSED', 'the store is closed')
      try {
        return await this.#connectOnce()
      } catch (error) {
        if (hasCode(error, 'ERR_STORE_FENCED', 'ERR_STORE_CLOSED', 'ERR_USAGE') || isRefusal(error))
          throw ioError(error)
        this.#current = undefined
        if (Date.now() + wait >= deadline) throw ioError(error)
        await delay(wait)
        wait = Math.min(2 * wait, BACKOFF_MS_MAX)
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#idle.splice(0).map(connection => connection.close()))
  }

  async #connectOnce(): Promise<PgConnection> {
    const { connection, server, timeline } =
      (this.#current && (await this.#tryServer(this.#current))) ?? (await this.#findPrimary())
    try {
      const { schema } = this.#address
      await connection.script(
        `SET search_path = ${schema}; SET synchronous_commit = on; SET client_min_messages = warning`,
      )
      await this.#hooks.check(connection)
    } catch (error) {
      await connection.close()
      throw error
    }
    this.#current = server
    this.#timeline = timeline
    for (const [backend, { isLost }] of this.#backends) if (isLost) this.#backends.delete(backend)
    this.#backends.set(connection.backend, connection)
    return connection
  }

  /** Connects to all servers and keeps the primary with the newest timeline. */
  async #findPrimary(): Promise<OpenServer> {
    const tried = await Promise.allSettled(this.#address.servers.map(server => openServer(server)))
    const open = tried.flatMap(one => (one.status === 'fulfilled' && one.value !== undefined ? [one.value] : []))
    open.sort((a, b) => b.timeline - a.timeline)
    const [best] = open
    await Promise.all(open.filter(one => one !== best).map(one => one.connection.close()))
    if (best !== undefined && best.timeline >= this.#timeline) return best
    await best?.connection.close()
    const failed = tried.find(one => one.status === 'rejected')
    if (best === undefined && failed !== undefined) throw failed.reason
    throw new ReplicaError('ERR_STORE_IO', 'no server of the store is the primary')
  }

  async #tryServer(server: PgServer): Promise<OpenServer | undefined> {
    const opened = await openServer(server)
    if (opened === undefined || opened.timeline >= this.#timeline) return opened
    await opened.connection.close()
    return undefined
  }

  #takeIdle(): PgConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || !connection.isLost) return connection
    }
  }

  #giveBack(connection: PgConnection): void {
    if (connection.isLost) return
    if (this.#isClosed) void connection.close()
    else this.#idle.push(connection)
  }

  /** After a failure every idle connection to the same server is suspect. */
  #distrust(connection: PgConnection): void {
    for (const one of [connection, ...this.#idle.splice(0)]) one.destroy()
    this.#current = undefined
  }
}

interface OpenServer {
  readonly server: PgServer
  readonly connection: PgConnection
  readonly timeline: number
}

/** Connects to one server. Returns undefined if it is a standby. */
async function openServer(server: PgServer): Promise<OpenServer | undefined> {
  const connection = await PgConnection.open(server.url, TIMEOUTS)
  try {
    const [row] = await connection.query(
      "SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END",
    )
    const timeline = row?.[0] ?? ''
    if (timeline !== '') return { server, connection, timeline: Number.parseInt(timeline, 16) }
  } catch (error) {
    connection.destroy()
    throw error
  }
  await connection.close()
  return undefined
}

/** Runs a task. @throws PgConnectionLost if the server warned meanwhile */
export async function withoutWarning<T>(
  connection: PgConnection,
  task: (connection: PgConnection) => Promise<T>,
): Promise<T> {
  const before = connection.warnings
  const result = await task(connection)
  if (connection.warnings === before) return result
  connection.destroy()
  throw new PgConnectionLost(new Error('the server committed without its standbys'))
}

/** Lost connections, and conflicts that the server asks to repeat. */
function isPassing(error: unknown): boolean {
  return error instanceof PgConnectionLost || /^(40001|40P01|55P03)$/.test(sqlState(error) ?? '')
}

/** Whether the server said no for a reason that time does not change. */
function isRefusal(error: unknown): boolean {
  return /^(28|3D|42)/.test(sqlState(error) ?? '')
}

/** Returns ERR_STORE_IO for an error of the driver or the server; a ReplicaError as it is. */
export function ioError(error: unknown): unknown {
  if (hasCode(error) || error instanceof TypeError) return error
  const reason = error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error)
  return new ReplicaError('ERR_STORE_IO', `the database failed: ${reason}`, { cause: error })
}
