// Prints the sync state of the peers of a frontier: one row for each peer, and the JSON members.

import type { FrontierStatus, PeerStatus } from '../../replica/status.ts'
import type { Printable } from './json-output.ts'
import { columns, plural, shortHex } from './layout.ts'

export function linkFields(link: PeerStatus): { [key: string]: Printable } {
  const { held_keys, failure, ...rest } = link
  return {
    ...rest,
    held_keys: [...held_keys],
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
  const { state, behind, ahead, held_keys } = link
  const [first, ...more] = held_keys
  switch (state) {
    case 'unreachable':
      return `unreachable since ${link.unreachable_since}: ${link.failure?.message ?? ''}`
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

function lastExchangeText({ last_exchange, lag_seconds, lag_events }: PeerStatus): string {
  if (last_exchange === null) return 'never'
  if (lag_events === 0) return last_exchange
  return `${last_exchange}, lag ${plural(lag_events, 'event')}${lag_seconds === null ? '' : `, ${lag_seconds} s`}`
}
