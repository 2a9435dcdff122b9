// The command serve: runs a hub until a signal stops it. The hub owns the store; the control socket
// lets all other commands run inside it.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type ExitCode, ReplicaError } from '../../base/errors.ts'
import { aborted } from '../../base/signal.ts'
import type { Args } from '../args.ts'
import type { Command, Context } from '../command.ts'
import { connectHub } from '../control/control-client.ts'
import { ControlServer } from '../control/control-server.ts'
import { fileError } from '../error-hints.ts'
import { findStore, retryWhileLocked } from '../find-store.ts'
import { usage } from '../terminal/output.ts'

const serve: Command = {
  name: 'serve',
  group: 'sync',
  where: 'here',
  summary: 'run a hub: let others push, pull and clone',
  about: [
    'Prints one line when it listens and runs until SIGTERM or SIGINT, which start a graceful shutdown; a second signal ends the process at once. The same port serves HTTP: GET /healthz, /metrics, /entries and more.',
    'The hub follows peers registered with --live: it keeps one connection to each and reconnects. SIGHUP reloads the registries and reconnects at once.',
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
  const { out, signal, cwd, dir, runtime, runInside } = context
  const options = await hubOptions(cwd, args)
  const location = await findStore({ cwd, dir })
  const { Hub } = await import('../../hub/hub.ts')
  const hub = await retryWhileLocked(signal, async () => {
    await refuseSecondHub(location, signal)
    return Hub.listen({
      ...options,
      ...(runtime.residentBytes === undefined ? {} : { residentBytes: runtime.residentBytes }),
      location,
      onEvent: ({ kind, message }) => void out.notice([`${kind}: ${message}`]),
    })
  })
  const reload = (): void => {
    hub.reload().then(
      () => out.notice(['the registries were reloaded']),
      (error: Error) => out.notice([`can't reload the registries: ${error.message}`]),
    )
  }
  const forget = runtime.onReload?.(reload)
  try {
    const host = { replica: hub.replica, location, servedAt: hub.url, runtime }
    await using _control = await ControlServer.open(location, (request, session) => runInside(request, host, session))
    await out.done({
      fields: { url: hub.url, hub_id: hub.replica.hubId, public_key: hub.replica.key.publicKey, pid: runtime.pid },
      lines: [`listening on ${hub.url}  ${hub.replica.hubId}  key ${hub.replica.key.publicKey}`],
    })
    await aborted(signal)
  } finally {
    forget?.()
    await hub.close()
  }
  return 0
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

interface HubOptions {
  readonly host: string
  readonly port: number
  readonly read: 'anyone' | 'registered'
  readonly url?: string
  readonly tls?: { cert: string; key: string }
}

async function hubOptions(cwd: string, args: Args): Promise<HubOptions> {
  const read = args.text('read') ?? 'anyone'
  if (read !== 'anyone' && read !== 'registered')
    throw usage(`--read must be anyone or registered, not ${JSON.stringify(read)}`)
  const cert = args.text('tls-cert')
  const key = args.text('tls-key')
  if ((cert === undefined) !== (key === undefined)) throw usage('--tls-cert and --tls-key must be given together')
  const url = args.text('url')
  return {
    ...readAddress(args.text('listen') ?? DEFAULT_ADDRESS),
    read,
    ...(url === undefined ? {} : { url }),
    ...(cert === undefined || key === undefined ? {} : { tls: await readPair(cwd, { cert, key }) }),
  }
}

async function readPair(cwd: string, files: { cert: string; key: string }): Promise<{ cert: string; key: string }> {
  const read = async (name: string): Promise<string> => {
    const file = path.resolve(cwd, name)
    try {
      return await fs.readFile(file, 'utf8')
    } catch (error) {
      throw fileError(error, file)
    }
  }
  return { cert: await read(files.cert), key: await read(files.key) }
}

/** Parses `127.0.0.1:7777`, `[::1]:0`, `:7777` or `7777`. @throws ReplicaError ERR_USAGE */
export function readAddress(text: string): { host: string; port: number } {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?([0-9]{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  if (parts === null || port > 65_535) throw usage(`--listen must be host:port, not ${JSON.stringify(text)}`)
  return { host: parts[1] || parts[2] || '127.0.0.1', port }
}
