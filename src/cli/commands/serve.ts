// The command serve: runs a hub until a signal stops it. The hub owns the store; the control socket
// lets all other commands run inside it.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type ExitCode, hasCode, ReplicaError } from '../../base/errors.ts'
import type { HealthAddress, Hub } from '../../hub/hub.ts'
import type { TlsPair } from '../../hub/tls-pair.ts'
import type { Args } from '../args.ts'
import type { Command, Context } from '../command.ts'
import { connectHub } from '../control/control-client.ts'
import { ControlServer } from '../control/control-server.ts'
import { fileError } from '../error-hints.ts'
import { findStore, retryWhileLocked } from '../find-store.ts'
import type { RunningHub } from '../hub-keeper.ts'
import { OutputClosed } from '../io.ts'
import { type Output, usage } from '../terminal/output.ts'

const serve: Command = {
  name: 'serve',
  group: 'sync',
  where: 'here',
  summary: 'run a hub: let others push, pull and clone',
  about: [
    'Prints one line when it listens and runs until SIGTERM or SIGINT, which start a graceful shutdown; a second signal ends the process at once. The same port serves HTTP: GET /healthz, /metrics, /entries and more.',
    'The hub follows peers registered with --live: it keeps one connection to each and reconnects. SIGHUP reloads the registries and the TLS certificate, and reconnects at once.',
    'If a write fails, for example because the disk is full, the hub serves reads and opens the store again as soon as the cause is gone. If the folder of the store is replaced or removed, the hub stops with exit code 4.',
    'All other commands still work in the same folder: they run inside the hub.',
    'Only registered keys may write. Anyone may read, unless --read registered is given.',
  ],
  options: [
    {
      name: 'listen',
      value: 'host:port',
      help: 'address to listen on (default: 127.0.0.1:7777); port 0 picks a free port',
    },
    { name: 'read', value: 'who', help: 'anyone (default) or registered' },
    { name: 'url', value: 'url', help: 'public address of this hub' },
    {
      name: 'allow-host',
      value: 'name',
      repeated: true,
      help: 'accept this Host on a loopback address; can be repeated',
    },
    {
      name: 'allow-origin',
      value: 'origin',
      repeated: true,
      help: 'let web pages of this origin do what programs may; can be repeated',
    },
    {
      name: 'trusted-proxy',
      value: 'cidr',
      repeated: true,
      help: 'read client addresses from headers of this proxy; can be repeated',
    },
    {
      name: 'health-listen',
      value: 'address',
      help: 'serve /healthz, /readyz and /metrics there too: path of a Unix socket, or port on loopback',
    },
    { name: 'tls-cert', value: 'file', help: 'PEM certificate: listen for wss://' },
    { name: 'tls-key', value: 'file', help: 'PEM key of the certificate' },
  ],
  examples: [
    'replica serve --listen 127.0.0.1:7777',
    'replica serve --listen [::]:443 --tls-cert hub.pem --tls-key hub.key --read registered',
  ],
  run: runServe,
}

export const SERVE_COMMANDS: readonly Command[] = [serve]

const DEFAULT_ADDRESS = '127.0.0.1:7777'

async function runServe(context: Context, args: Args): Promise<ExitCode> {
  const { out, signal, cwd, dir, runtime } = context
  const options = await hubOptions(cwd, args)
  const location = await findStore({ cwd, dir })
  // A log that can't be written, for example because its reader ended, does not stop the hub.
  const tell = (...lines: string[]): void => void out.notice(lines).catch(() => {})
  const { HubKeeper } = await import('../hub-keeper.ts')
  const listening = { ...options }
  const open = async (): Promise<RunningHub> => {
    const running = await openHub(context, { ...listening, location, tell })
    listening.port = running.hub.port
    return running
  }
  const keeper = await HubKeeper.start({ location, signal, open, tell })
  const { hub } = keeper
  const reload = async (): Promise<void> => {
    try {
      await keeper.hub?.reload()
      tell('the registries were reloaded')
    } catch (error) {
      tell(`can't reload the registries: ${messageOf(error)}`)
    }
    try {
      listening.tls = await readTls(cwd, args)
      if (listening.tls === undefined) return
      keeper.hub?.renewTls(listening.tls)
      tell('the TLS certificate was reloaded')
    } catch (error) {
      tell(`can't reload the TLS certificate, the former one stays in use: ${messageOf(error)}`)
    }
  }
  const forget = runtime.onReload?.(() => void reload())
  try {
    await announce(hub!, { out, pid: runtime.pid, tell })
    await keeper.run()
  } finally {
    forget?.()
  }
  return 0
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Prints where the hub listens. Without a reader of stdout the hub serves all the same. */
async function announce(hub: Hub, to: { out: Output; pid: number; tell: (line: string) => void }): Promise<void> {
  const { url, replica, healthUrl } = hub
  const { hubId, key } = replica
  try {
    await to.out.done({
      fields: {
        url,
        hub_id: hubId,
        public_key: key.publicKey,
        pid: to.pid,
        ...(healthUrl === undefined ? {} : { health_url: healthUrl }),
      },
      lines: [
        `listening on ${url}  ${hubId}  key ${key.publicKey}`,
        ...(healthUrl === undefined ? [] : [`health checks on ${healthUrl}`]),
      ],
    })
  } catch (error) {
    if (!(error instanceof OutputClosed) && !hasCode(error, 'ERR_STORE_IO')) throw error
    to.tell(`${error.message}; the hub listens on ${url}`)
  }
}

type OpenHubOptions = HubListenOptions & { readonly location: string; readonly tell: (line: string) => void }

async function openHub({ signal, runtime, runInside }: Context, options: OpenHubOptions): Promise<RunningHub> {
  const { location, tell, tls, health, ...rest } = options
  const { Hub } = await import('../../hub/hub.ts')
  const hub = await retryWhileLocked(signal, async () => {
    await refuseSecondHub(location, signal)
    return Hub.listen({
      ...rest,
      ...(tls === undefined ? {} : { tls }),
      ...(health === undefined ? {} : { health }),
      ...(runtime.residentBytes === undefined ? {} : { residentBytes: runtime.residentBytes }),
      ...(runtime.openFilesMax === undefined ? {} : { openFilesMax: runtime.openFilesMax }),
      location,
      onEvent: ({ kind, message }) => tell(`${kind}: ${message}`),
    })
  })
  try {
    const host = { replica: hub.replica, location, servedAt: hub.url, runtime }
    const control = await ControlServer.open(location, (request, session) => runInside(request, host, session))
    return { hub, control }
  } catch (error) {
    await hub.close()
    throw error
  }
}

/** @throws ReplicaError ERR_STORE_LOCKED if a hub already serves the store */
async function refuseSecondHub(location: string, signal: AbortSignal): Promise<void> {
  const other = await connectHub(location, signal)
  if (other === undefined) return
  other.destroy()
  throw new ReplicaError('ERR_STORE_LOCKED', 'a hub already serves this store', {
    facts: { hint: 'stop that hub first; `replica status` prints its address' },
  })
}

interface HubListenOptions {
  readonly host: string
  port: number
  readonly read: 'anyone' | 'registered'
  readonly url?: string
  readonly store?: string
  readonly allowHosts: readonly string[]
  readonly allowOrigins: readonly string[]
  readonly trustedProxies: readonly string[]
  health?: HealthAddress | undefined
  tls?: TlsPair | undefined
}

async function hubOptions(cwd: string, args: Args): Promise<HubListenOptions> {
  const read = args.text('read') ?? 'anyone'
  if (read !== 'anyone' && read !== 'registered')
    throw usage(`--read must be anyone or registered, not ${JSON.stringify(read)}`)
  const [url, store] = [args.text('url'), args.text('store')]
  return {
    ...readAddress(args.text('listen') ?? DEFAULT_ADDRESS),
    read,
    ...(url === undefined ? {} : { url }),
    ...(store === undefined ? {} : { store }),
    allowHosts: args.all('allow-host'),
    allowOrigins: args.all('allow-origin'),
    trustedProxies: args.all('trusted-proxy'),
    health: readHealthAddress(cwd, args.text('health-listen')),
    tls: await readTls(cwd, args),
  }
}

/**
 * Reads the files of --tls-cert and --tls-key.
 * @throws ReplicaError ERR_USAGE that names the files
 */
async function readTls(cwd: string, args: Args): Promise<TlsPair | undefined> {
  const files = { cert: args.text('tls-cert'), key: args.text('tls-key') }
  if ((files.cert === undefined) !== (files.key === undefined))
    throw usage('--tls-cert and --tls-key must be given together')
  if (files.cert === undefined || files.key === undefined) return undefined
  const pair = { cert: await readText(cwd, files.cert), key: await readText(cwd, files.key) }
  const { checkTlsPair } = await import('../../hub/tls-pair.ts')
  try {
    checkTlsPair(pair)
  } catch (error) {
    if (!hasCode(error, 'ERR_USAGE')) throw error
    throw usage(`${error.message} (--tls-cert ${files.cert}, --tls-key ${files.key})`)
  }
  return pair
}

async function readText(cwd: string, name: string): Promise<string> {
  const file = path.resolve(cwd, name)
  try {
    return await fs.readFile(file, 'utf8')
  } catch (error) {
    throw fileError(error, file)
  }
}

/** A text with a slash is a path. @throws ReplicaError ERR_USAGE */
function readHealthAddress(cwd: string, text: string | undefined): HealthAddress | undefined {
  if (text === undefined) return undefined
  return text.includes('/') ? { path: path.resolve(cwd, text) } : readAddress(text, '--health-listen')
}

/** Parses `127.0.0.1:7777`, `[::1]:0`, `:7777` or `7777`. @throws ReplicaError ERR_USAGE */
export function readAddress(text: string, option = '--listen'): { host: string; port: number } {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?([0-9]{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  if (parts === null || port > 65_535) throw usage(`${option} must be host:port, not ${JSON.stringify(text)}`)
  return { host: parts[1] || parts[2] || '127.0.0.1', port }
}
