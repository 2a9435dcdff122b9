// How a verb describes what it takes: its name, its arguments, its options. The command line is read and help is printed
// from these alone.

export interface OptionSpec {
  readonly name: string
  /** One letter, for `-n`. */
  readonly short?: string
  /** What the value is called in help; an option without one is a flag. */
  readonly value?: string
  readonly required?: boolean
  readonly repeated?: boolean
  readonly help: string
}

export interface ArgumentSpec {
  readonly name: string
  readonly optional?: boolean
  readonly help: string
}

/** What a verb takes and says of itself. */
export interface CommandSpec {
  /** One word, or two: `peer add`. */
  readonly name: string
  readonly group: 'store' | 'peers' | 'log' | 'sync' | 'look' | 'other'
  /** Of a family of verbs, the one that its first word alone means. */
  readonly isDefault?: boolean
  /** One line, without a full stop. */
  readonly summary: string
  /** Further paragraphs of help, each a line that is wrapped for printing. */
  readonly about?: readonly string[]
  readonly arguments?: readonly ArgumentSpec[]
  readonly options?: readonly OptionSpec[]
  readonly examples?: readonly string[]
}

/** Options that every verb takes. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'dir', value: 'folder', help: 'the store, or the folder it is in (else REPLICA_DIR, else here or above)' },
  { name: 'json', help: 'print one JSON object on stdout' },
  { name: 'quiet', short: 'q', help: 'no progress and no notices on stderr' },
  { name: 'help', short: 'h', help: 'print this help' },
]

/** The option that most verbs share. */
export const FRONTIER_OPTION: OptionSpec = {
  name: 'frontier',
  value: 'vfr',
  help: 'the frontier meant; not needed while the store has only one',
}
