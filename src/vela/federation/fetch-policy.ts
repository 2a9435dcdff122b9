// IP addresses as text (protocol/registry-entry.md, E22): which of them lie on the open internet. What a stranger's URL leads
// to must not be this machine, its network or its provider's metadata service, in whichever spelling. The list is that
// of allocated global unicast, not of known bad ranges: what is unknown counts as private.

/** True for every address that is not global unicast, and for text that is no address at all. */
export function isPrivateAddress(text: string): boolean {
  const four = parseIPv4(text)
  if (four !== undefined) return isPrivateIPv4(four)
  const six = parseIPv6(text)
  return six === undefined || isPrivateIPv6(six)
}

/** True for an address of version 4 or 6, in the URL parser's brackets or without. */
export function isAddress(text: string): boolean {
  return parseIPv4(text) !== undefined || parseIPv6(text) !== undefined
}

/** Four decimal numbers without leading zeros, which some readers take for octal. */
function parseIPv4(text: string): number[] | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1)
  if (parts === undefined || parts.some(part => Number(part) > 255 || /^0./.test(part))) return undefined
  return parts.map(Number)
}

/** Base, then how many bits of it count. RFC 6890 and what became of it, multicast, class E. */
const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

function isPrivateIPv4(address: readonly number[]): boolean {
  return PRIVATE_IPV4.some(([base, bits]) => sharesBits(address, parseIPv4(base)!, { bits, unit: 8 }))
}

/** Inside of global unicast, 2000::/3: protocol assignments (Teredo, ORCHID), documentation, 6to4. */
const PRIVATE_IPV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

function isPrivateIPv6(address: readonly number[]): boolean {
  const under = (base: string, bits: number) => sharesBits(address, parseIPv6(base)!, { bits, unit: 16 })
  // Mapped (RFC 4291) and translated (RFC 6052) addresses are their IPv4 address.
  if (under('::ffff:0:0', 96) || under('64:ff9b::', 96)) {
    const [high, low] = address.slice(6) as [number, number]
    return isPrivateIPv4([high >> 8, high & 255, low >> 8, low & 255])
  }
  return !under('2000::', 3) || PRIVATE_IPV6.some(([base, bits]) => under(base, bits))
}

function sharesBits(a: readonly number[], b: readonly number[], prefix: { bits: number; unit: number }): boolean {
  for (let bit = 0; bit < prefix.bits; bit++) {
    const at = Math.floor(bit / prefix.unit)
    const mask = 1 << (prefix.unit - 1 - (bit % prefix.unit))
    if ((a[at]! & mask) !== (b[at]! & mask)) return false
  }
  return true
}

/** Eight groups. A zone (`%eth0`) names an interface of this machine: such text is no address here. */
function parseIPv6(text: string): number[] | undefined {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  if (bare.length > 45) return undefined
  const [head = '', tail, ...more] = bare.split('::')
  if (more.length > 0) return undefined
  const front = readGroups(head)
  const back = tail === undefined ? [] : readGroups(tail)
  if (front === undefined || back === undefined) return undefined
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 || head === '' : missing < 1) return undefined
  // Four decimals may stand at the very end only.
  if (tail !== undefined && head.includes('.')) return undefined
  return [...front, ...new Array<number>(missing).fill(0), ...back]
}

function readGroups(text: string): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const groups: number[] = []
  for (const [index, part] of parts.entries()) {
    const four = index === parts.length - 1 ? parseIPv4(part) : undefined
    if (four !== undefined) groups.push(four[0]! * 256 + four[1]!, four[2]! * 256 + four[3]!)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}
