// Objects of a view as they are changed: never in place, since checkpoints and callers hold older ones. An edit copies the objects on
// the way to what changes and shares the rest.

import type { Json } from '../../json/value.ts'

export type Body = ReadonlyMap<string, Json>

/** A copy with these members set in the object at `path`; what is no object on the way there becomes one. */
export function withMembers(body: Body, path: readonly string[], members: Readonly<Record<string, Json>>): Body {
  const copy = new Map(body)
  let inner = copy
  for (const name of path) {
    const value = inner.get(name)
    const next = new Map(value instanceof Map ? value : [])
    inner.set(name, next)
    inner = next
  }
  for (const [name, value] of Object.entries(members)) inner.set(name, value)
  return copy
}

export function memberAt(body: Body, path: readonly string[]): Json | undefined {
  let value: Json | undefined = body as Map<string, Json>
  for (const name of path) value = value instanceof Map ? value.get(name) : undefined
  return value
}

/** The list at `path`; empty where there is none. */
export function listAt(body: Body, path: readonly string[]): readonly Json[] {
  const value = memberAt(body, path)
  return Array.isArray(value) ? value : []
}

/** A text member; undefined where it is something else. */
export function textOf(body: Body, name: string): string | undefined {
  const value = body.get(name)
  return typeof value === 'string' ? value : undefined
}

/** An object of these members, in which undefined ones are left out. */
export function bodyOf(members: Readonly<Record<string, Json | undefined>>): Map<string, Json> {
  return new Map(Object.entries(members).filter((entry): entry is [string, Json] => entry[1] !== undefined))
}
