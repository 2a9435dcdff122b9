// The connection of a store that listens for the commits of other processes, and that holds its
// named locks. A lock is an advisory lock of the server, so it ends with the connection. Each
// holder also writes a random token, and each write of the store checks the tokens of its locks: a
// process that lost a lock without noticing can't write any more.
// Spec: protocol/store.md, T53 and T54.

import * as crypto from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sha256, utf8 } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'
import { type PgConnection, PgConnectionLost, sqlState } from './pg-driver.ts'
import { LOCK_LOST } from './pg-schema.ts'
import type { PgSessions } from './pg-sessions.ts'
import { pgBool } from './pg-values.ts'

/** ms between two looks at the feed, when no notification comes. */
const POLL_MS = 1000
/** ms between two signs of life of a holder of locks. */
const HEARTBEAT_MS = 2000
/** ms without a sign of life after which another process may end the connection of a holder. */
const SILENCE_MS = 10_000
const WAIT_FIRST_MS = 1
const WAIT_MS_MAX = 40
/** ms that a process waits for a lock. */
const LOCK_MS_MAX = 60_000

const END_SILENT_HOLDER = `
SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid = (($1::bigint >> 32) & 4294967295)::oid AND l.objid = ($1::bigint & 4294967295)::oid
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.state_change < clock_timestamp() - $2 * interval '1 millisecond'`

/** The locks of one process, and its subscription. */
export class PgControl {
  readonly #sessions: PgSessions
  readonly #channel: string
  /** Called when the feed may have something new. Must not throw. */
  readonly #onNews: () => void
  readonly #tokens = new Map<string, Buffer>()
  /** Serializes the tasks of one name in this process. */
  readonly #mutexes = new Map<string, Mutex>()
  #connection: Promise<PgConnection> | undefined
  readonly #timers: NodeJS.Timeout[] = []
  #isClosed = false

  constructor(sessions: PgSessions, options: { schema: string; onNews: () => void }) {
    this.#sessions = sessions
    this.#channel = `replica.${options.schema}`
    this.#onNews = options.onNews
  }

  /** Starts to listen. */
  async start(): Promise<void> {
    await this.#connected()
    const poll = setInterval(() => this.#poll(), POLL_MS)
    const heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS)
    for (const timer of [poll, heartbeat]) this.#timers.push(timer.unref())
  }

  /** Names and tokens of the locks that are held, as two arrays of SQL. */
  locks(): [names: string, tokens: string] {
    const names = [...this.#tokens.keys()].map(name => `"${name}"`)
    const tokens = [...this.#tokens.values()].map(token => `"\\\\x${token.toString('hex')}"`)
    return [`{${names.join(',')}}`, `{${tokens.join(',')}}`]
  }

  /**
   * Runs a write that checks the locks which are held. It runs again if a lock was lost because its
   * task ended meanwhile: the write did not belong to that task.
   * @throws ReplicaError ERR_STORE_LOCKED if another process took over a lock whose task runs;
   *   errors of `write`
   */
  async guarded<T>(write: (locks: [names: string, tokens: string]) => Promise<T>): Promise<T> {
    for (;;) {
      const sent = [...this.#tokens]
      try {
        return await write(this.locks())
      } catch (error) {
        if (sqlState(error instanceof ReplicaError ? error.cause : error) !== LOCK_LOST) throw error
        if (sent.every(([name, token]) => this.#tokens.get(name) === token)) {
          const message = 'another process took over a lock that this one held in silence'
          throw new ReplicaError('ERR_STORE_LOCKED', message, { cause: error })
        }
      }
    }
  }

  /**
   * Runs a task while no other process runs one under the same name.
   * @throws ReplicaError ERR_STORE_LOCKED if the lock did not become free in time
   */
  exclusive<T>(name: string, task: () => Promise<T>): Promise<T> {
    const mutex = this.#mutexes.get(name) ?? new Mutex()
    this.#mutexes.set(name, mutex)
    return mutex.run(async () => {
      const key = lockKey(name)
      await this.#take(name, key)
      try {
        return await task()
      } finally {
        this.#tokens.delete(name)
        // The next task of this name uses the same connection, so it comes after the release.
        void this.#release(key)
      }
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearInterval(timer)
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.close()
  }

  async #take(name: string, key: string): Promise<void> {
    const deadline = Date.now() + LOCK_MS_MAX
    const token = crypto.randomBytes(16)
    let nextLook = Date.now() + SILENCE_MS / 10
    for (let wait = WAIT_FIRST_MS; ; wait = Math.min(2 * wait, WAIT_MS_MAX)) {
      if (await this.#tryTake(name, key, token)) {
        this.#tokens.set(name, token)
        return
      }
      if (Date.now() > deadline) {
        throw new ReplicaError('ERR_STORE_LOCKED', `another process has held the lock ${name} for a minute`)
      }
      if (Date.now() > nextLook) {
        nextLook = Date.now() + SILENCE_MS / 10
        await this.#sessions.read(connection => connection.query(END_SILENT_HOLDER, [key, SILENCE_MS]))
      }
      await delay(wait * (0.5 + Math.random()))
    }
  }

  async #tryTake(name: string, key: string, token: Buffer): Promise<boolean> {
    const connection = await this.#connected()
    try {
      const [row] = await connection.query('SELECT take_lock($1, $2, $3)', [name, key, token], 'take_lock')
      return pgBool(row?.[0])
    } catch (error) {
      if (error instanceof PgConnectionLost) return false
      throw error
    }
  }

  /** A lock ends with its connection, so a failure needs no repetition. */
  async #release(key: string): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined)
    await connection?.query('SELECT pg_advisory_unlock($1)', [key], 'unlock').catch(() => {})
  }

  /** Returns the connection, and makes it if there is none. */
  async #connected(): Promise<PgConnection> {
    const known = await this.#connection?.catch(() => undefined)
    if (known !== undefined && !known.isLost) return known
    if (this.#isClosed) throw new ReplicaError('ERR_STORE_CLOSED', 'the store is closed')
    this.#connection = this.#listen()
    return await this.#connection
  }

  async #listen(): Promise<PgConnection> {
    const connection = await this.#sessions.connect()
    connection.onNotification(backend => {
      if (!this.#sessions.owns(backend)) this.#onNews()
    })
    // A lock that a crash of the server forgets needs no standby: its holder is gone too.
    await connection.script(`SET synchronous_commit = off; LISTEN "${this.#channel}"`)
    return connection
  }

  #poll(): void {
    this.#onNews()
    void this.#connected().catch(() => {})
  }

  #beat(): void {
    if (this.#tokens.size === 0) return
    void this.#connected()
      .then(connection => connection.query('SELECT 1'))
      .catch(() => {})
  }
}

/** Returns the number of a lock, which the server knows instead of a name. */
function lockKey(name: string): string {
  return Buffer.from(sha256(utf8(`replica/lock/${name}`)))
    .readBigInt64BE(0)
    .toString()
}
