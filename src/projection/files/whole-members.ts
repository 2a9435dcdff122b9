// Members of a frontier file that are lists of records, as every part of a whole frontier looks at them.

import type { Json } from '../../json/value.ts'

export function listOf(members: ReadonlyMap<string, Json>, name: string): readonly Json[] {
  const list = members.get(name)
  return Array.isArray(list) ? list : []
}

export function idOf(value: Json): string | undefined {
  const id = value instanceof Map ? value.get('id') : undefined
  return typeof id === 'string' ? id : undefined
}
