// Reads the part of CDDL (RFC 8610) that protocol/replica.cddl is written in, and matches values against its rules: so the
// grammar is executed and not only shown. Maps are closed, lists have bounds, sizes of text count bytes.

import type { CborValue } from '../../src/cbor/dag-cbor.ts'

type Type =
  | { readonly is: 'any of'; readonly types: readonly Type[] }
  | { readonly is: 'rule'; readonly name: string }
  | { readonly is: 'literal'; readonly value: string | number }
  | { readonly is: 'map'; readonly members: readonly Member[] }
  | { readonly is: 'list'; readonly min: number; readonly max: number; readonly type: Type }
  | { readonly is: 'bound'; readonly type: Type; readonly operator: string; readonly argument: Argument }

/** A member of a map, or the name of a group of members. */
type Member = { readonly name: string; readonly type: Type; readonly optional: boolean } | { readonly group: string }
type Argument = { readonly min: number; readonly max: number } | string

const TOKENS = /"(?:[^"\\]|\\.)*"|#6\.42|\.[a-z]+|\.\.|\d+|[A-Za-z][\w-]*|[={}[\]()/,:*?]/g

export class Grammar {
  readonly #tokens: string[]
  readonly #types = new Map<string, Type>()
  readonly #groups = new Map<string, readonly Member[]>()

  constructor(text: string) {
    const code = text.replaceAll(/;.*$/gm, '')
    const left = code.replaceAll(TOKENS, '').trim()
    if (left !== '') throw new TypeError(`no CDDL that is read here: ${left.slice(0, 40)}`)
    this.#tokens = code.match(TOKENS) ?? []
    while (this.#tokens.length > 0) this.#rule()
  }

  get rules(): string[] {
    return [...this.#types.keys()]
  }

  /** Whether a value, with links as their bytes left out, is what a rule says. */
  matches(name: string, value: CborValue): boolean {
    return this.#is(value, { is: 'rule', name })
  }

  /** The names in a choice such as `message = hello / proof / …`. */
  choices(name: string): string[] {
    const type = this.#types.get(name)
    if (type?.is !== 'any of') throw new TypeError(`${name} is no choice`)
    return type.types.map(option => (option.is === 'rule' ? option.name : '?'))
  }

  #rule(): void {
    const name = this.#take()
    this.#take('=')
    if (this.#tokens[0] === '(') this.#groups.set(name, this.#members('(', ')'))
    else this.#types.set(name, this.#type())
  }

  #type(): Type {
    const types = [this.#bounded()]
    while (this.#tokens[0] === '/') {
      this.#take('/')
      types.push(this.#bounded())
    }
    return types.length === 1 ? types[0]! : { is: 'any of', types }
  }

  #bounded(): Type {
    const type = this.#primary()
    if (!/^\.[a-z]/.test(this.#tokens[0] ?? '')) return type
    return { is: 'bound', type, operator: this.#take(), argument: this.#argument() }
  }

  #argument(): Argument {
    const token = this.#take()
    if (token.startsWith('"')) return JSON.parse(token)
    if (token !== '(') return { min: Number(token), max: Number(token) }
    const min = Number(this.#take())
    this.#take('..')
    const max = Number(this.#take())
    this.#take(')')
    return { min, max }
  }

  #primary(): Type {
    const token = this.#tokens[0]!
    if (token === '{') return { is: 'map', members: this.#members('{', '}') }
    this.#take()
    if (token === '[') return this.#list()
    if (token === '#6.42') {
      this.#take('(')
      const type = this.#type()
      this.#take(')')
      return type
    }
    if (/^["\d]/.test(token)) return { is: 'literal', value: JSON.parse(token) }
    return { is: 'rule', name: token }
  }

  #list(): Type {
    const min = Number(this.#take())
    this.#take('*')
    const max = Number(this.#take())
    const type = this.#type()
    this.#take(']')
    return { is: 'list', min, max, type }
  }

  #members(open: string, close: string): Member[] {
    this.#take(open)
    const members: Member[] = []
    while (this.#tokens[0] !== close) {
      const optional = this.#tokens[0] === '?'
      if (optional) this.#take('?')
      const name = this.#take()
      if (this.#tokens[0] === ':') {
        this.#take(':')
        members.push({ name, type: this.#type(), optional })
      } else members.push({ group: name })
      if (this.#tokens[0] === ',') this.#take(',')
    }
    this.#take(close)
    return members
  }

  #take(wanted?: string): string {
    const token = this.#tokens.shift()
    if (token === undefined || (wanted !== undefined && token !== wanted)) {
      throw new TypeError(`${wanted ?? 'something'} is missing before ${token ?? 'the end'}`)
    }
    return token
  }

  #is(value: CborValue, type: Type): boolean {
    switch (type.is) {
      case 'any of':
        return type.types.some(option => this.#is(value, option))
      case 'literal':
        return value === type.value
      case 'list':
        if (!Array.isArray(value) || value.length < type.min || value.length > type.max) return false
        return value.every(item => this.#is(item, type.type))
      case 'map':
        return this.#isMap(value, type.members)
      case 'bound':
        return this.#is(value, type.type) && isWithin(value, type.operator, type.argument)
      case 'rule':
        return this.#isRule(value, type.name)
    }
  }

  #isRule(value: CborValue, name: string): boolean {
    switch (name) {
      case 'bstr':
        return value instanceof Uint8Array
      case 'tstr':
        return typeof value === 'string'
      case 'uint':
        return typeof value === 'number' && value >= 0
      case 'bool':
        return typeof value === 'boolean'
      case 'null':
        return value === null
      case 'true':
        return value === true
    }
    const type = this.#types.get(name)
    if (type === undefined) throw new TypeError(`no rule ${name}`)
    return this.#is(value, type)
  }

  #isMap(value: CborValue, members: readonly Member[]): boolean {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) return false
    const flat = members.flatMap(member => ('group' in member ? this.#group(member.group) : [member]))
    const names = new Set(flat.map(member => ('name' in member ? member.name : '')))
    if (!Object.keys(value).every(name => names.has(name))) return false
    return flat.every(member => {
      if (!('name' in member)) throw new TypeError('a group in a group')
      if (member.optional && !Object.hasOwn(value, member.name)) return true
      return Object.hasOwn(value, member.name) && this.#is(value[member.name]!, member.type)
    })
  }

  #group(name: string): readonly Member[] {
    const members = this.#groups.get(name)
    if (members === undefined) throw new TypeError(`no group ${name}`)
    return members
  }
}

function isWithin(value: CborValue, operator: string, argument: Argument): boolean {
  if (typeof argument === 'string') return new RegExp(`^(?:${argument})$`).test(value as string)
  if (operator === '.le') return (value as number) <= argument.max
  if (operator !== '.size') throw new TypeError(`no operator ${operator}`)
  const size = typeof value === 'string' ? Buffer.byteLength(value) : (value as Uint8Array).length
  return size >= argument.min && size <= argument.max
}
