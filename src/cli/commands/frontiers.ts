// The commands about the frontiers of a store.

import type { Command } from '../command.ts'
import { columns, thousands } from '../terminal/layout.ts'

const list: Command = {
  name: 'frontier list',
  group: 'store',
  where: 'store',
  summary: 'list the frontiers of this store',
  async run(context) {
    const { frontiers } = await context.replica.status()
    const rows = frontiers.map(one => [one.frontier, thousands(one.events), thousands(one.nodes)])
    return context.out.done({
      fields: { frontiers: frontiers.map(({ frontier, events, nodes }) => ({ frontier, events, nodes })) },
      lines:
        rows.length === 0
          ? ['no frontiers yet: create, track, import or clone one']
          : columns([['frontier', 'events', 'nodes'], ...rows], { right: [1, 2] }),
    })
  },
}

const create: Command = {
  name: 'frontier create',
  group: 'store',
  where: 'store',
  summary: 'create a frontier',
  about: ['The first event is frontier.created; the frontier’s name vfr_… is derived from it.'],
  options: [
    { name: 'name', value: 'text', required: true, help: 'title of the frontier, for people' },
    { name: 'creator', value: 'id', help: 'creator of the frontier (default: this program and its version)' },
  ],
  examples: ['replica frontier create --name "Blood-brain barrier"'],
  async run(context, args) {
    const creator = args.text('creator')
    const name = args.required('name')
    const made = await context.replica.createFrontier(creator === undefined ? { name } : { name, creator })
    return context.out.done({
      fields: { frontier: made.frontier, cid: made.cid, event: made.event },
      lines: [`created ${made.frontier}`],
    })
  },
}

const track: Command = {
  name: 'frontier track',
  group: 'store',
  where: 'store',
  summary: 'accept nodes of a frontier that other hubs have',
  about: ['A store accepts nodes of a frontier only after it was created, imported, cloned or tracked in this store.'],
  arguments: [{ name: 'vfr', help: "the frontier's name, vfr_ and 16 hex digits" }],
  async run(context, args) {
    const frontier = args.argument(0)
    await context.replica.track(frontier)
    return context.out.done({ fields: { frontier }, lines: [`tracking ${frontier}`] })
  },
}

export const FRONTIER_COMMANDS: readonly Command[] = [list, create, track]
