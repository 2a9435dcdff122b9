// The commands about the registry: the peers that this replica trusts, for each frontier.

import { isLiveSetting, LIVE_SETTINGS, type LiveSetting, type Peer } from '../../admission/peer.ts'
import type { Cut } from '../../admission/registry.ts'
import type { AdoptReport } from '../../replica/sync/sync-client.ts'
import type { Args } from '../args.ts'
import type { Command } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { type Printable, toJsonNames } from '../terminal/json-output.ts'
import { columns, plural } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'

const KEY = {
  name: 'key',
  value: 'hex',
  required: true,
  help: "the hub's public key, 64 hex digits, as `replica keys show` prints it there",
} as const

const ALLOW_PLAIN = { name: 'allow-plain', help: 'allow ws:// or http:// to another machine' } as const

const LIVE = {
  name: 'live',
  value: 'way',
  help: 'follow the peer while a hub serves this store: off, pull, push or both, as seen from here',
} as const

const add: Command = {
  name: 'peer add',
  group: 'peers',
  where: 'store',
  summary: 'register a hub for a frontier',
  about: [
    'The frontier then admits nodes signed by this key; nodes held for the key are admitted at once. The hub can’t vouch for other keys. With --frontier the store also starts to accept that frontier.',
    'A registered peer can’t be added again with another key: see `replica peer rotate`.',
  ],
  arguments: [
    { name: 'id', help: 'id of the hub in this store, such as hub:lab' },
    { name: 'url', help: 'wss://… or https://…; ws:// and http:// for this machine only' },
  ],
  options: [KEY, { name: 'note', value: 'text', help: 'a note for yourself' }, LIVE, ALLOW_PLAIN, FRONTIER_OPTION],
  examples: [
    'replica peer add hub:lab wss://lab.example --key 4fb0…',
    'replica peer add hub:lab wss://lab.example --key 4fb0… --live both',
  ],
  async run(context, args) {
    const frontier = args.text('frontier') ?? context.replica.frontier()
    const note = args.text('note')
    const live = liveSetting(args)
    const { peer, admitted, added } = await context.replica.registry(frontier).add({
      id: args.argument(0),
      url: args.argument(1),
      publicKey: args.required('key'),
      allowPlain: args.has('allow-plain'),
      ...(note === undefined ? {} : { note }),
      ...(live === undefined ? {} : { live }),
    })
    return context.out.done({
      fields: { frontier, peer: peerFields(peer), added, admitted },
      lines: [`${added ? 'registered' : 'already registered:'} ${peer.id} for ${frontier}`, ...admittedLines(admitted)],
    })
  },
}

const set: Command = {
  name: 'peer set',
  group: 'peers',
  where: 'store',
  summary: "change a registered hub's address or live setting",
  about: ['A hub that serves this store applies the change at once. To change the key, see `replica peer rotate`.'],
  arguments: [{ name: 'id', help: 'a registered peer' }],
  options: [LIVE, { name: 'url', value: 'url', help: 'the new address of the peer' }, ALLOW_PLAIN, FRONTIER_OPTION],
  examples: ['replica peer set hub:lab --live both'],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const live = liveSetting(args)
    const url = args.text('url')
    if (live === undefined && url === undefined) throw usage('nothing to change: give --live or --url')
    const { peer, changed } = await context.replica.registry(frontier).set(args.argument(0), {
      allowPlain: args.has('allow-plain'),
      ...(live === undefined ? {} : { live }),
      ...(url === undefined ? {} : { url }),
    })
    return context.out.done({
      fields: { frontier, peer: peerFields(peer), changed },
      lines: [
        `${changed ? 'changed' : 'unchanged:'} ${peer.id} for ${frontier}: ${peer.url}, live ${peer.live ?? 'off'}`,
      ],
    })
  },
}

const limit: Command = {
  name: 'peer limit',
  group: 'peers',
  where: 'store',
  summary: 'limit what a registered hub may push',
  about: [
    'A hub that serves this store ends a session of this key that pushes more nodes in a minute; the peer tries again later, and nothing is lost. The limit holds at once and is not sent to peers.',
  ],
  arguments: [
    { name: 'id', help: 'a registered peer' },
    { name: 'nodes', help: 'nodes a minute, at least 1; or default' },
  ],
  options: [FRONTIER_OPTION],
  examples: ['replica peer limit hub:lab 600', 'replica peer limit hub:lab default'],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const text = args.argument(1)
    if (text !== 'default' && !/^[1-9]\d{0,8}$/.test(text))
      throw usage(`nodes must be a number from 1 or default, not ${JSON.stringify(text)}`)
    const nodesPerMinute = text === 'default' ? text : Number(text)
    const { peer, changed } = await context.replica.registry(frontier).set(args.argument(0), { nodesPerMinute })
    const limited = peer.nodesPerMinute === undefined ? 'the default' : `${peer.nodesPerMinute} nodes a minute`
    return context.out.done({
      fields: { frontier, peer: peerFields(peer), changed },
      lines: [`${changed ? 'changed' : 'unchanged:'} ${peer.id} for ${frontier}: limit ${limited}`],
    })
  },
}

const list: Command = {
  name: 'peer list',
  group: 'peers',
  where: 'store',
  summary: 'list the registered hubs of a frontier',
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const registry = context.replica.registry(frontier)
    const [peers, cuts, digest] = await Promise.all([registry.list(), registry.cuts(), registry.digest()])
    const rows = peers.map(peer => [peer.id, peer.url, peer.live ?? 'off', peer.publicKey, noteOf(peer)])
    return context.out.done({
      fields: {
        frontier,
        peers: peers.map(peerFields),
        cuts: cuts.map(cutFields),
        registry_digest: digest,
      },
      lines: [
        ...(rows.length === 0
          ? [`no registered peers for ${frontier}`]
          : columns([['id', 'url', 'live', 'key', 'note'], ...rows])),
        ...cuts.map(
          cut => `cut off: ${cut.id}, key ${cut.publicKey}, at ${plural(cut.heads.length, 'head')}, ${cut.at}`,
        ),
      ],
    })
  },
}

const remove: Command = {
  name: 'peer remove',
  group: 'peers',
  where: 'store',
  summary: 'remove a hub from the registry',
  about: [
    'Nodes of its key up to the current heads stay. Later nodes are refused: the store records a cut at these heads, which does not depend on clocks.',
  ],
  arguments: [{ name: 'id', help: 'a registered peer' }],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const { cut } = await context.replica.registry(frontier).remove(args.argument(0))
    return context.out.done({
      fields: { frontier, cut: cutFields(cut) },
      lines: [`removed ${cut.id} from ${frontier}; later nodes of key ${cut.publicKey} are refused`],
    })
  },
}

const rotate: Command = {
  name: 'peer rotate',
  group: 'peers',
  where: 'store',
  summary: 'replace the key of a registered hub',
  about: ['Verify the new key with the hub’s operator first. The former key is cut off at the current heads.'],
  arguments: [{ name: 'id', help: 'a registered peer' }],
  options: [KEY, FRONTIER_OPTION],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const { peer, admitted } = await context.replica.registry(frontier).rotate(args.argument(0), args.required('key'))
    return context.out.done({
      fields: { frontier, peer: peerFields(peer), admitted },
      lines: [`${peer.id} now has the key ${peer.publicKey}`, ...admittedLines(admitted)],
    })
  },
}

const adopt: Command = {
  name: 'peer adopt',
  group: 'peers',
  where: 'store',
  summary: "register the peers of a peer's list",
  about: [
    'Gets the hub’s signed list of peers and registers them here. This happens only with this command or with clone --adopt-registry.',
  ],
  arguments: [{ name: 'id', help: 'a registered peer' }],
  options: [ALLOW_PLAIN, FRONTIER_OPTION],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const peer = args.argument(0)
    const report = await context.replica.adopt(frontier, peer, {
      signal: context.signal,
      allowPlain: args.has('allow-plain'),
    })
    return context.out.done({
      fields: { frontier, peer, ...adoptionFields(report), admitted: report.admitted },
      lines: [...adoptionLines(report, peer), ...admittedLines(report.admitted)],
    })
  },
}

/** Returns the result of an adoption as JSON. */
export function adoptionFields({ adopted, cut, skipped }: AdoptReport): { [key: string]: Printable } {
  return { adopted: [...adopted], cut: [...cut], skipped: skipped.map(({ id, reason }) => ({ id, reason })) }
}

/** Returns the result of an adoption as text. */
export function adoptionLines({ adopted, cut, skipped }: AdoptReport, peer: string): string[] {
  const named = (names: readonly string[]): string => (names.length === 0 ? '' : `: ${names.join(', ')}`)
  return [
    `adopted ${plural(adopted.length, 'peer')} from ${peer}${named(adopted)}`,
    ...(cut.length === 0 ? [] : [`cut off ${plural(cut.length, 'key')}${named(cut)}`]),
    ...skipped.map(({ id, reason }) => `skipped ${id}: ${reason}`),
  ]
}

export const PEER_COMMANDS: readonly Command[] = [add, set, limit, list, remove, rotate, adopt]

function peerFields({ id, url, publicKey, addedAt, note, live, nodesPerMinute }: Peer): {
  [key: string]: Printable | undefined
} {
  return toJsonNames({ id, url, publicKey, addedAt, note, live: live ?? 'off', nodesPerMinute })
}

/** Returns the note, after the limit of the peer if it has one. */
function noteOf({ note = '', nodesPerMinute }: Peer): string {
  return nodesPerMinute === undefined ? note : `at most ${nodesPerMinute} nodes a minute  ${note}`.trimEnd()
}

function liveSetting(args: Args): LiveSetting | undefined {
  const text = args.text('live')
  if (text === undefined || isLiveSetting(text)) return text
  throw usage(`--live must be one of ${LIVE_SETTINGS.join(', ')}, not ${JSON.stringify(text)}`)
}

function cutFields({ id, publicKey, heads, at }: Cut): { [key: string]: Printable } {
  return toJsonNames({ id, publicKey, heads, at })
}

function admittedLines(admitted: number): string[] {
  return admitted === 0 ? [] : [`admitted ${plural(admitted, 'held node')}`]
}
