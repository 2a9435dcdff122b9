// Copy-on-write edits of JSON objects. Objects of a view are never changed in place, because
// checkpoints and callers hold older versions. An edit copies the objects on the path and shares
// the rest.

import type { Json } from '../../json/value.ts'

/** An object of a view, which is never changed in place. */
export type Body = ReadonlyMap<string, Json>

/**
 * Returns a copy with these members set in the object at `path`; a value on the path that is not an
 * object becomes one.
 */
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

/** Returns the value at `path`; undefined if there is none. */
export function memberAt(body: Body, path: readonly string[]): Json | undefined {
  let value: Json | undefined = body as Map<string, Json>
  for (const name of path) value = value instanceof Map ? value.get(name) : undefined
  return value
}

/** Returns the list at `path`; empty if there is none. */
export function listAt(body: Body, path: readonly string[]): readonly Json[] {
  const value = memberAt(body, path)
  return Array.isArray(value) ? value : []
}

/** Returns a text member; undefined if it is absent or of another type. */
export function textOf(body: Body, name: string): string | undefined {
  const value = body.get(name)
  return typeof value === 'string' ? value : undefined
}

/** Returns an object of these members, without the undefined ones. */
export function bodyOf(members: Readonly<Record<string, Json | undefined>>): Map<string, Json> {
  return new Map(Object.entries(members).filter((entry): entry is [string, Json] => entry[1] !== undefined))
}
