// Starts PostgreSQL servers for tests, from Debian's package or from a folder of programs in
// PG_BIN. The server refuses to run as root, so root starts it as the user `postgres`.

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as net from 'node:net'
import * as path from 'node:path'
import { scratch } from '../shared-data.ts'
import { killAtExit } from '../support/kill-at-exit.ts'

/** Returns the folder of the server's programs; undefined if PostgreSQL is not installed. */
export function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = fs.existsSync(root) ? fs.readdirSync(root) : []
  const newest = versions
    .map(Number)
    .filter(version => version >= 15)
    .sort((a, b) => b - a)[0]
  const folder = process.env.PG_BIN ?? (newest === undefined ? undefined : path.join(root, `${newest}`, 'bin'))
  return folder !== undefined && fs.existsSync(path.join(folder, 'postgres')) ? folder : undefined
}

/** Why the tests of PostgreSQL are skipped; undefined if they can run. */
export function postgresMissing(): string | undefined {
  if (postgresPrograms() === undefined) return 'PostgreSQL 15 or newer is not installed'
  if (process.getuid?.() !== 0) return undefined
  return userOf('postgres') === undefined ? 'PostgreSQL refuses root, and there is no user postgres' : undefined
}

function userOf(name: string): { uid: number; gid: number } | undefined {
  const line = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** A server of a test. */
export class PostgresServer implements AsyncDisposable {
  readonly folder: string
  readonly port: number
  readonly #dispose: () => Promise<void>
  readonly #settings: readonly string[]
  #process: childProcess.ChildProcess | undefined

  private constructor(
    place: { folder: string; port: number; dispose: () => Promise<void> },
    settings: readonly string[],
  ) {
    this.#settings = settings
    this.folder = place.folder
    this.port = place.port
    this.#dispose = place.dispose
  }

  /** Makes and starts a server with these settings, or a standby of `primary`. */
  static async start(
    options: { settings?: readonly string[]; primary?: PostgresServer } = {},
  ): Promise<PostgresServer> {
    const base = await scratch()
    const owner = runAs()
    fs.chmodSync(base.path, 0o755)
    if (owner !== undefined) fs.chownSync(base.path, owner.uid, owner.gid)
    const place = { folder: base.join('data'), port: await freePort(), dispose: () => base[Symbol.asyncDispose]() }
    const server = new PostgresServer(place, options.settings ?? [])
    if (options.primary === undefined) run('initdb', ['-D', server.folder, '-A', 'trust', '-U', 'replica', '-N'])
    else server.#copyOf(options.primary)
    server.#configure()
    await server.run()
    return server
  }

  #configure(): void {
    const settings = [
      `port=${this.port}`,
      "listen_addresses='127.0.0.1'",
      `unix_socket_directories='${path.dirname(this.folder)}'`,
      'shared_buffers=32MB',
      'wal_keep_size=256MB',
      "wal_sender_timeout='5s'",
      ...this.#settings,
    ]
    fs.appendFileSync(path.join(this.folder, 'postgresql.conf'), `${settings.join('\n')}\n`)
  }

  get url(): string {
    return `postgres://replica@127.0.0.1:${this.port}/postgres`
  }

  /** Host and port, for an address with several servers. */
  get host(): string {
    return `127.0.0.1:${this.port}`
  }

  get isRunning(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null
  }

  get pid(): number {
    return this.#process!.pid!
  }

  /** Starts the server process and waits until it accepts connections. */
  async run(): Promise<void> {
    const program = path.join(postgresPrograms()!, 'postgres')
    this.#process = childProcess.spawn(program, ['-D', this.folder], {
      ...runAs(),
      cwd: path.dirname(this.folder),
      stdio: process.env.PG_LOG === undefined ? 'ignore' : 'inherit',
    })
    const child = this.#process
    killAtExit(child)
    for (let tries = 0; tries < 600; tries++) {
      if (this.#process.exitCode !== null) break
      const ready = spawn('pg_isready', ['-h', '127.0.0.1', '-p', `${this.port}`])
      if (ready.status === 0) return
      await new Promise(resolve => setTimeout(resolve, 50)) // timer: between two looks whether it is ready
    }
    throw new Error('the PostgreSQL server did not start')
  }

  /** Ends the process and waits for its exit. SIGKILL leaves the data as a crash does. */
  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    const process = this.#process
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return
    const exited = new Promise(resolve => process.once('exit', resolve))
    process.kill(signal)
    await exited
    // timer: children of a killed server hold its memory for a moment
    if (signal === 'SIGKILL') await new Promise(resolve => setTimeout(resolve, 200))
  }

  /** Stops and continues the server with its children. */
  signalAll(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const children = childProcess.spawnSync('pgrep', ['-P', `${this.pid}`], { encoding: 'utf8' }).stdout
    for (const pid of [this.pid, ...children.split('\n').filter(Boolean).map(Number)]) process.kill(pid, signal)
  }

  /** Makes a standby the primary. */
  promote(): void {
    run('pg_ctl', ['promote', '-D', this.folder, '-w'])
  }

  /** Makes a standby follow another primary. */
  follow(primary: PostgresServer): void {
    const from = primary.#connectionOf(this)
    this.sql(`ALTER SYSTEM SET primary_conninfo = '${from}'`)
    this.sql('SELECT pg_reload_conf()')
  }

  /** Replaces the data by a copy of the primary and starts as its standby. */
  async rebuild(primary: PostgresServer): Promise<void> {
    await this.end('SIGKILL')
    fs.rmSync(this.folder, { recursive: true, force: true })
    this.#copyOf(primary)
    this.#configure()
    await this.run()
  }

  /** Runs a statement and returns what it prints. */
  sql(statement: string): string {
    const args = ['-h', '127.0.0.1', '-p', `${this.port}`, '-U', 'replica', '-d', 'postgres', '-tAc', statement]
    const { status, stdout, stderr } = spawn('psql', args)
    if (status !== 0) throw new Error(`psql failed: ${stderr}`)
    return stdout.trim()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGQUIT')
    await this.#dispose()
  }

  #copyOf(primary: PostgresServer): void {
    const from = primary.#connectionOf(this)
    run('pg_basebackup', ['-D', this.folder, '-d', from, '-R', '-X', 'stream', '-c', 'fast'])
  }

  /** How a standby connects to this server. */
  #connectionOf({ folder }: PostgresServer): string {
    const name = path.basename(path.dirname(folder)).replace(/[^A-Za-z0-9]/g, '_')
    return `host=127.0.0.1 port=${this.port} user=replica application_name=${name}`
  }
}

function runAs(): { uid: number; gid: number } | undefined {
  return process.getuid?.() === 0 ? userOf('postgres') : undefined
}

function spawn(program: string, args: readonly string[]): childProcess.SpawnSyncReturns<string> {
  const options = { ...runAs(), cwd: '/', encoding: 'utf8', timeout: 60_000 } as const
  return childProcess.spawnSync(path.join(postgresPrograms()!, program), args, options)
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawn(program, args)
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`)
}

/** Returns a port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
