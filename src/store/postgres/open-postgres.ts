// Creates and opens stores in a PostgreSQL database.

import { ReplicaError } from '../../base/errors.ts'
import { HELD_LIMITS } from '../../base/limits.ts'
import { readPgAddress } from './pg-address.ts'
import { migratePgSchema, readPgSchema } from './pg-schema.ts'
import { PgSessions } from './pg-sessions.ts'
import { PgStore, type PgStoreOptions, waitsForStandby } from './pg-store.ts'

const PATIENCE_MS = 30_000

/**
 * Opens the store of a database. Other processes may have it open at the same time.
 *
 * @param url `postgres://[user[:password]@]host[:port][,host…]/database[?schema=…&sslmode=…]`
 * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_VERSION, ERR_STORE_ASYNC, ERR_STORE_IO,
 *   ERR_USAGE
 *
 * @example
 * await using store = await openPostgres('postgres://replica@db1,db2,db3/replica')
 */
export async function openPostgres(url: string, options: PgStoreOptions = {}): Promise<PgStore> {
  const address = await readPgAddress(url)
  await eachSchema(url, options, async (connection, found) => {
    if (found !== undefined) await migratePgSchema(connection, address.schema, { version: found.version })
  })
  return await PgStore.open(address, withDefaults(options))
}

/**
 * Creates a store in a database, in a schema of its own, and opens it.
 * @throws ReplicaError ERR_STORE_EXISTS; else as `openPostgres`
 *
 * @example
 * await using store = await createPostgres('postgres://replica@db1,db2,db3/replica')
 */
export async function createPostgres(url: string, options: PgStoreOptions = {}): Promise<PgStore> {
  const address = await readPgAddress(url)
  await eachSchema(url, options, async (connection, found) => {
    if (found !== undefined) throw new ReplicaError('ERR_STORE_EXISTS', 'the database has a store already')
    await waitsForStandby(connection, options.allowAsync ?? false)
    await migratePgSchema(connection, address.schema, { ...(options.id === undefined ? {} : { id: options.id }) })
  })
  return await PgStore.open(address, withDefaults(options))
}

type SchemaTask = (
  connection: Parameters<typeof readPgSchema>[0],
  found: Awaited<ReturnType<typeof readPgSchema>>,
) => Promise<void>

async function eachSchema(url: string, options: PgStoreOptions, task: SchemaTask): Promise<void> {
  const address = await readPgAddress(url)
  const { patienceMs } = withDefaults(options)
  const sessions = new PgSessions(address, { check: async () => {}, patienceMs })
  try {
    await sessions.read(async connection => task(connection, await readPgSchema(connection, address.schema)))
  } finally {
    await sessions.close()
  }
}

function withDefaults(options: PgStoreOptions): Required<Omit<PgStoreOptions, 'id'>> {
  return { heldLimits: HELD_LIMITS, allowAsync: false, patienceMs: PATIENCE_MS, ...options }
}
