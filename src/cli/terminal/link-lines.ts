// Prints the sync state of the peers of a frontier: one row for each peer, and the JSON members.

import type { FrontierStatus, PeerStatus } from '../../replica/status.ts'
import type { Printable } from './json-output.ts'
import { columns, plural, shortHex } from './layout.ts'

export function linkFields(link: PeerStatus): { [key: string]: Printable } {
  const { heldKeys, failure, ...rest } = link
  return {
    ...rest,
    heldKeys: [...heldKeys],
    failure: failure === null ? null : { code: failure.code, message: failure.message },
  }
}

/** Returns the table of peers; no lines for a frontier without peers. */
export function linkLines({ frontier, links }: FrontierStatus): string[] {
  if (links.length === 0) return []
  const rows = links.map(link => [`  ${link.id}`, link.live, stateText(link), linkText(link), lastExchangeText(link)])
  return ['', `peers of ${frontier}`, ...columns([['  peer', 'live', 'state', 'link', 'last exchange'], ...rows])]
}

function stateText(link: PeerStatus): string {
  const { state, behind, ahead, heldKeys } = link
  const [first, ...more] = heldKeys
  switch (state) {
    case 'unreachable':
      return `unreachable since ${link.unreachableSince}: ${link.failure?.message ?? ''}`
    case 'unknown':
      return 'no exchange yet'
    case 'in sync':
      return 'in sync'
    case 'held':
      if (first === undefined) return 'held nodes: see `replica held` on both sides'
      return `held by key ${shortHex(first)}${more.length > 0 ? ` and ${more.length} more` : ''}`
    case 'forked':
      return `forked: one side refuses nodes of the other (${distance(behind, ahead)})`
    default:
      return distance(behind, ahead)
  }
}

function distance(behind: number, ahead: number): string {
  const words = []
  if (behind > 0) words.push(`behind by ${plural(behind, 'event')}`)
  if (ahead > 0) words.push(`ahead by ${plural(ahead, 'event')}`)
  return words.join(', ')
}

function linkText({ link }: PeerStatus): string {
  return link ?? '-'
}

function lastExchangeText({ lastExchange, lagSeconds, lagEvents }: PeerStatus): string {
  if (lastExchange === null) return 'never'
  if (lagEvents === 0) return lastExchange
  return `${lastExchange}, lag ${plural(lagEvents, 'event')}${lagSeconds === null ? '' : `, ${lagSeconds} s`}`
}
