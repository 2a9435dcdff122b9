// A frontier as it was when its log had so many nodes, for reading: the log grows at its end only and parents lie before their
// children, so its first nodes are a frontier of their own, with all documents that they link. The registry is that of now.

import type { Frontier } from '../../replica/frontier.ts'
import type { FrontierStore } from '../../store/store.ts'

/** What is read of it is its name, its documents and, of the log, the nodes before `nodes`. Nothing may be written by it. */
export function withFirstNodes(frontier: Frontier, nodes: number): Frontier {
  return Object.create(frontier, { log: { value: firstNodes(frontier.log, nodes) } })
}

function firstNodes(log: FrontierStore, nodes: number): FrontierStore {
  return new Proxy(log, {
    get(target, name) {
      if (name === 'nodes') return nodes
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
