// Reads where a PostgreSQL store is: `postgres://user@host1,host2:5433/database?option=value`, or
// `postgres://?service=name` for an entry of a service file. Passwords come from the URL, the
// service file, or from the driver's own sources (PGPASSWORD, PGPASSFILE), and are never part of a
// message.
// Spec: protocol/store.md, T50.

import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { ReplicaError } from '../../base/errors.ts'

/** Servers in the order in which they are tried. */
export const PG_HOSTS_MAX = 16

/** One server to connect to. */
export interface PgServer {
  /** For messages: host and port, without user and password. */
  readonly name: string
  /** Connection string of the driver. */
  readonly url: string
}

/** Where a store is. */
export interface PgAddress {
  readonly servers: readonly PgServer[]
  /** The schema of the tables. Default `replica`. */
  readonly schema: string
}

const URL_FORM = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/
const HOST_FORM = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]@/]*)(?::([0-9]{1,5}))?$/

/** Whether a location names a PostgreSQL store. */
export function isPostgresUrl(location: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(location)
}

/** Returns the URL for messages: without password and options. */
export function printablePgUrl(url: string): string {
  const found = URL_FORM.exec(url)
  if (found === null) return 'postgres://…'
  const [, credentials, hosts = '', database = ''] = found
  const user = credentials?.split(':')[0]
  return `postgres://${user === undefined || user === '' ? '' : `${user}@`}${hosts}${database === '' ? '' : `/${database}`}`
}

/**
 * Reads a URL, with the entry of a service file that it names.
 * @throws ReplicaError ERR_USAGE
 */
export async function readPgAddress(url: string): Promise<PgAddress> {
  const found = URL_FORM.exec(url)
  if (found === null) throw usage('the address of a PostgreSQL store is postgres://[user@]host[:port][,host…]/database')
  const [, credentials = '', hosts = '', database = '', query = ''] = found
  const options = new URLSearchParams(query)
  const schema = options.get('schema') ?? 'replica'
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw usage('the schema of a PostgreSQL store has 1 to 63 characters of a-z, 0-9 and _')
  }
  options.delete('schema')
  const service = await readService(options.get('service'), options.get('servicefile'))
  for (const name of ['service', 'servicefile']) options.delete(name)
  for (const [name, value] of service) if (!SERVICE_PARTS.has(name) && !options.has(name)) options.set(name, value)
  const parts = {
    credentials: credentials || credentialsOf(service),
    database: database || encodeURIComponent(service.get('dbname') ?? ''),
    options,
  }
  const listed = (hosts || hostsOf(service)).split(',')
  if (listed.length > PG_HOSTS_MAX) throw usage(`a PostgreSQL store has at most ${PG_HOSTS_MAX} servers`)
  return { servers: listed.map(host => serverOf(host, parts)), schema }
}

const SERVICE_PARTS = new Set(['host', 'port', 'user', 'password', 'dbname'])

function serverOf(
  text: string,
  { credentials, database, options }: { credentials: string; database: string; options: URLSearchParams },
): PgServer {
  const found = HOST_FORM.exec(text)
  if (found === null) throw usage(`not a host of a PostgreSQL store: ${JSON.stringify(text)}`)
  const host = found[1] || 'localhost'
  const port = found[2] ?? '5432'
  const query = options.toString()
  const tail = `/${database}${query === '' ? '' : `?${query}`}`
  // A socket's folder is a path, which an authority can't hold.
  const isFolder = decodeURIComponent(host).startsWith('/')
  const authority = isFolder ? '' : `${host}:${port}`
  const socket = isFolder
    ? `${query === '' ? '?' : '&'}host=${encodeURIComponent(decodeURIComponent(host))}&port=${port}`
    : ''
  const user = credentials === '' ? '' : `${credentials}@`
  return {
    name: `${decodeURIComponent(host)}:${port}`,
    url: `postgres://${user}${authority || 'localhost'}${tail}${socket}`,
  }
}

function credentialsOf(service: ReadonlyMap<string, string>): string {
  const user = service.get('user')
  const password = service.get('password')
  if (user === undefined) return ''
  return encodeURIComponent(user) + (password === undefined ? '' : `:${encodeURIComponent(password)}`)
}

function hostsOf(service: ReadonlyMap<string, string>): string {
  const hosts = service.get('host')?.split(',') ?? []
  const ports = service.get('port')?.split(',') ?? []
  return hosts
    .map((host, at) => `${host.startsWith('/') ? encodeURIComponent(host) : host}:${ports[at] ?? ports[0] ?? '5432'}`)
    .join(',')
}

/**
 * Reads one section of the service file, by default `~/.pg_service.conf`.
 * @throws ReplicaError ERR_USAGE if the file or the section is missing
 */
async function readService(name: string | null, place: string | null): Promise<ReadonlyMap<string, string>> {
  const entries = new Map<string, string>()
  if (name === null) return entries
  const file = place ?? path.join(os.homedir(), '.pg_service.conf')
  const text = await fs.readFile(file, 'utf8').catch(cause => {
    throw new ReplicaError('ERR_USAGE', `the service file ${file} can't be read`, { cause })
  })
  let isSection = false
  let isFound = false
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[(.*)\]\s*$/.exec(line)?.[1]
    if (section !== undefined) isSection = section === name
    isFound ||= isSection
    const entry = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (section === undefined && isSection && entry !== null) entries.set(entry[1]!, entry[2]!)
  }
  if (!isFound) throw usage(`the service file ${file} does not have the service ${JSON.stringify(name)}`)
  return entries
}

function usage(message: string): ReplicaError {
  return new ReplicaError('ERR_USAGE', message)
}
