// The only file that imports `pg`, an optional peer dependency. A `PgConnection` sends one query at
// a time and receives every column in PostgreSQL's text format, without a parser of the driver.

import type { Client, QueryConfig } from 'pg'
import { ReplicaError } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'

/** A column in text format; null for SQL's NULL. */
export type PgColumn = string | null
export type PgRow = readonly PgColumn[]

/** A value of a query: numbers are sent as text, buffers as bytes. */
export type PgValue = string | number | boolean | null | Uint8Array | readonly number[]

/** Times of a connection in ms. */
export interface PgTimeouts {
  readonly connectMs: number
  /** A query that takes longer loses its connection: its outcome is unknown. */
  readonly queryMs: number
}

/** @throws ReplicaError ERR_USAGE if the package is not installed */
async function loadClient(): Promise<typeof Client> {
  try {
    return (await import('pg')).default.Client
  } catch (error) {
    throw new ReplicaError('ERR_USAGE', 'a PostgreSQL store needs the package pg: npm install pg', { cause: error })
  }
}

/** Keeps columns as they come. */
const UNPARSED = { getTypeParser: () => (column: string) => column }

/**
 * The connection or the server is gone, or is no longer the primary. The outcome of the query is
 * unknown.
 */
export class PgConnectionLost extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error && cause.message !== '' ? cause.message : String(cause), { cause })
  }
}

/** One connection to a server. */
export class PgConnection {
  readonly #client: Client
  /** One query at a time. */
  readonly #mutex = new Mutex()
  #isLost = false
  #warnings = 0
  #notified: (backend: number) => void = () => {}

  /** Connects. @throws the error of the driver or of the server */
  static async open(url: string, timeouts: PgTimeouts): Promise<PgConnection> {
    const ClientClass = await loadClient()
    const client = new ClientClass({
      connectionString: url,
      connectionTimeoutMillis: timeouts.connectMs,
      query_timeout: timeouts.queryMs,
      keepAlive: true,
    })
    const connection = new PgConnection(client)
    try {
      await client.connect()
    } catch (error) {
      connection.destroy()
      throw error
    }
    return connection
  }

  private constructor(client: Client) {
    this.#client = client
    client.on('error', () => this.#lose())
    client.on('end', () => this.#lose())
    client.on('notice', notice => {
      if (notice.severity === 'WARNING') this.#warnings += 1
    })
    client.on('notification', ({ processId }) => this.#notified(processId))
  }

  /** Whether the connection can't be used any more. */
  get isLost(): boolean {
    return this.#isLost
  }

  /** Number of warnings that the server has sent on this connection. */
  get warnings(): number {
    return this.#warnings
  }

  /** Number of the server's process for this connection. */
  get backend(): number {
    return (this.#client as Client & { processID?: number | null }).processID ?? 0
  }

  /** Calls `listener` at each notification, with the number of the sender's server process. */
  onNotification(listener: (backend: number) => void): void {
    this.#notified = listener
  }

  /**
   * Runs one query. `name` prepares it once for each connection.
   * @throws the error of the driver or of the server; a connection without an answer is lost
   */
  query(text: string, values: readonly PgValue[] = [], name?: string): Promise<PgRow[]> {
    return this.#mutex.run(() => this.#query(text, values, name))
  }

  async #query(text: string, values: readonly PgValue[], name: string | undefined): Promise<PgRow[]> {
    const config: QueryConfig = { text, values: values.map(toParameter), ...(name !== undefined && { name }) }
    try {
      const result = await this.#client.query<PgColumn[]>({ ...config, rowMode: 'array', types: UNPARSED })
      return result.rows
    } catch (error) {
      const state = sqlState(error)
      // Connection exceptions, shutdown and crash of the server, a read-only transaction.
      if (state !== undefined && !/^(08|57P0|25006)/.test(state)) throw error
      this.destroy()
      throw new PgConnectionLost(error)
    }
  }

  /** Runs several statements without values. */
  async script(text: string): Promise<void> {
    await this.#mutex.run(() => this.#client.query(text))
  }

  /** Closes the connection in good order. */
  async close(): Promise<void> {
    if (this.#isLost) return
    this.#isLost = true
    await this.#client.end().catch(() => {})
  }

  /** Ends the connection without a word to the server. */
  destroy(): void {
    this.#lose()
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } }
    connection.stream.destroy()
  }

  #lose(): void {
    this.#isLost = true
  }
}

/** SQLSTATE of an error that the server sent; undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  return isServerError(error) ? error.code : undefined
}

/** The driver's own errors have codes too (ECONNRESET), but no severity. */
function isServerError(error: unknown): error is Error & { code: string; severity: string } {
  return error instanceof Error && 'severity' in error && 'code' in error && typeof error.code === 'string'
}

function toParameter(value: PgValue): unknown {
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  return value
}
