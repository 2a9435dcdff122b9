// The command publish: sends a hub the registry entry of a frontier, or a record of the owner that
// deprecates the frontier or moves it to another key.

import type { ExitCode } from '../../base/errors.ts'
import type { PublishReport, PublishTo, RecordReport } from '../../projection/publishing/publisher.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { usage } from '../terminal/output.ts'

const publish: Command = {
  name: 'publish',
  group: 'sync',
  where: 'store',
  summary: "sign the frontier's registry entry and publish it at a hub",
  about: [
    'The entry has the hashes of the frontier in this store and is signed with the store’s key. A hub of this project accepts it only from the frontier’s owner and serves it when it has the same nodes: push them first.',
    'A hub of Vela gets the whole frontier with the entry, and nothing if it could not serve it: a frontier of more than 128 MiB, a served entry of another key or a later one, a deprecated frontier. In both cases entry and snapshot are read back; the exit code is 0 only if the hub serves them and they match.',
    '--deprecate and --rotate-to publish a permanent record instead of an entry: the frontier ends, or it belongs to another key.',
  ],
  arguments: [{ name: 'to', help: 'a registered peer, or the http(s):// or ws(s):// URL of a hub' }],
  options: [
    {
      name: 'owner',
      value: 'id',
      help: 'name of the publisher, such as reviewer:ada (default: the hub id of this store)',
    },
    { name: 'locator', value: 'url', help: 'URL of the content (default: the hub’s snapshot)' },
    { name: 'license', value: 'spdx', help: 'the licence, for people; not part of the signed content' },
    {
      name: 'successor',
      help: 'at a hub of Vela: the served entry is of a key that transferred the frontier to this store’s key',
    },
    { name: 'deprecate', help: 'deprecate the frontier permanently' },
    { name: 'rotate-to', value: 'hex', help: 'transfer the frontier permanently to this public key' },
    { name: 'reason', value: 'text', help: 'with --deprecate or --rotate-to: the reason' },
    {
      name: 'allow-private',
      help: 'allow hosts of this machine and of private networks',
    },
    { name: 'allow-plain', help: 'allow http:// to public hosts' },
    FRONTIER_OPTION,
  ],
  examples: [
    'replica publish hub:lab',
    'replica publish https://hub.example --owner reviewer:ada --license CC-BY-4.0',
    'replica publish hub:lab --deprecate --reason "continued as vfr_…"',
  ],
  run: runPublish,
}

export const PUBLISH_COMMANDS: readonly Command[] = [publish]

async function runPublish(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, signal } = context
  const frontier = replica.frontier(args.text('frontier'))
  const { Publisher } = await import('../../projection/publishing/publisher.ts')
  const publishing = new Publisher(replica, frontier)
  const to = publishTarget(args.argument(0))
  const fetching = { allowPrivate: args.has('allow-private'), allowPlain: args.has('allow-plain'), signal }
  const publicKey = args.text('rotate-to')
  const reason = reasonIn(args)
  if (publicKey !== undefined)
    return printRecordReport(context, 'rotated', await publishing.rotateOwner(to, { ...fetching, publicKey, reason }))
  if (args.has('deprecate'))
    return printRecordReport(context, 'deprecated', await publishing.deprecate(to, { ...fetching, reason }))
  const given = { owner: args.text('owner'), locator: args.text('locator'), license: args.text('license') }
  const { owner, locator, license } = given
  const options = {
    ...fetching,
    ...(owner !== undefined && { owner }),
    ...(locator !== undefined && { locator }),
    ...(license !== undefined && { license }),
    successor: args.has('successor'),
  }
  return printEntryReport(context, await publishing.publish(to, options))
}

/**
 * Returns the reason: a record needs one, an entry must not have one.
 * @throws ReplicaError ERR_USAGE
 */
function reasonIn(args: Args): string {
  const [deprecates, rotates] = [args.has('deprecate'), args.text('rotate-to') !== undefined]
  const reason = args.text('reason')
  if (deprecates && rotates) throw usage('--deprecate and --rotate-to exclude each other')
  if (!deprecates && !rotates && reason !== undefined) throw usage('--reason needs --deprecate or --rotate-to')
  if ((deprecates || rotates) && (reason ?? '').trim() === '') throw usage('missing option --reason <text>')
  const key = args.text('rotate-to')
  if (key !== undefined && !/^[0-9a-f]{64}$/.test(key)) throw usage('--rotate-to must be 64 lower-case hex digits')
  return reason ?? ''
}

function publishTarget(word: string): PublishTo {
  return /^(?:https?|wss?):\/\//i.test(word) ? { url: word } : { peer: word }
}

function printEntryReport({ out }: StoreContext, report: PublishReport): Promise<ExitCode> {
  const { frontier, url, entry, duplicate, withContent, waits, servedNow } = report
  const { name, signed_publish_at, latest_snapshot_hash, latest_event_log_hash, network_locator } = entry
  return out.done({
    exit: waits === undefined ? 0 : 1,
    fields: {
      frontier,
      url,
      published: 'entry',
      name,
      owner_pubkey: entry.owner_pubkey,
      snapshot_hash: latest_snapshot_hash,
      event_log_hash: latest_event_log_hash,
      locator: network_locator,
      signed_publish_at,
      duplicate,
      with_content: withContent,
      served: waits === undefined,
      served_now: servedNow,
      ...(waits !== undefined && { waits }),
    },
    lines: [
      `${frontier} published at ${url}, as of ${signed_publish_at}`,
      ...(waits === undefined
        ? ['the hub serves it: entry and snapshot were read back and match']
        : [`not served: ${waits}${withContent ? '' : '; push the missing nodes'}`, `served now: ${servedNow}`]),
    ],
  })
}

function printRecordReport(
  { out }: StoreContext,
  published: 'rotated' | 'deprecated',
  report: RecordReport,
): Promise<ExitCode> {
  const { frontier, url, duplicate, owner } = report
  const what = published === 'rotated' ? `belongs to ${owner}` : 'is deprecated'
  const fields = { frontier, url, published, owner_pubkey: owner, duplicate }
  return out.done({ exit: 0, fields, lines: [`${frontier} ${what} at ${url}`] })
}
