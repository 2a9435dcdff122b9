// RFC 3339 instants, exact to the nanosecond and compared as time. The order of the texts differs:
// `…18Z` sorts after `…18.5+00:00`, and offsets change it completely. A leap second lies between
// the second before it and the next minute. Spec: protocol/registry-entry.md, E1.

import { ReplicaError } from '../base/errors.ts'

/** A point in time. */
export interface Instant {
  /**
   * Seconds since 1970-01-01T00:00:00Z without leap seconds. A leap second has those of the second
   * before it.
   */
  readonly seconds: number
  /** 0 to 999,999,999; 1,000,000,000 more in a leap second. */
  readonly nanos: number
}

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const NANOS = 1_000_000_000
const DAY = 86_400

/** Returns the instant of an RFC 3339 text. @throws ReplicaError ERR_INSTANT for any other text */
export function parseInstant(text: string): Instant {
  const instant = readInstant(text)
  if (instant === undefined) throw new ReplicaError('ERR_INSTANT', 'not an RFC 3339 date and time with an offset')
  return instant
}

/** Returns the instant of an RFC 3339 text; undefined for any other text. */
export function readInstant(text: string): Instant | undefined {
  const parts = RFC_3339.exec(text)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as Six
  if (month < 1 || month > 12 || day < 1 || day > monthDays(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const nanos = Number((parts[7] ?? '').padEnd(9, '0'))
  const offset = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * (parts[8] === '-' ? -60 : 60)
  const leap = second === 60
  const seconds = daysSince1970(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset - (leap ? 1 : 0)
  if (!leap) return { seconds, nanos }
  return endsMonth(seconds) ? { seconds, nanos: nanos + NANOS } : undefined
}

type Six = [number, number, number, number, number, number]

/** Compares instants: negative if `a` is earlier than `b`, 0 if they are equal. */
export function compareInstants(a: Instant, b: Instant): number {
  return a.seconds - b.seconds || a.nanos - b.nanos
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

function monthDays(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : MONTH_DAYS[month - 1]!
}

/** Proleptic Gregorian days. Date.UTC would map the years below 100 to the 20th century. */
function daysSince1970(year: number, month: number, day: number): number {
  const before = year - 1
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400)
  let days = before * 365 + leapDays + day - 1
  for (let earlier = 1; earlier < month; earlier++) days += monthDays(year, earlier)
  return days - 719_162
}

/**
 * Returns whether this is the last second of a month in UTC. A leap second can follow only there.
 */
function endsMonth(seconds: number): boolean {
  const next = new Date((seconds + 1) * 1000)
  return (seconds + 1) % DAY === 0 && next.getUTCDate() === 1
}
