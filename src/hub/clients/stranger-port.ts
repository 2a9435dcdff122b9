// The replica port of a session whose key may be unregistered. While registered sessions have work,
// the store requests of strangers wait for their turn, round robin by client address.
// Spec: protocol/clients.md, Q11.

import type { ReplicaPort, SendPlan } from '../../transport/session.ts'

/** Runs a task in a turn of strangers, or at once. */
type InTurn = <T>(task: () => Promise<T>) => Promise<T>

/** Returns the port of one session. `inTurn` decides at each call whether the session waits. */
export function strangerPort(port: ReplicaPort, inTurn: InTurn): ReplicaPort {
  return {
    ...port,
    view: (...request) => inTurn(() => port.view(...request)),
    plan: async (...request) => planInTurn(await inTurn(() => port.plan(...request)), inTurn),
    follow: async (...request) => {
      const tail = await inTurn(() => port.follow(...request))
      return { ...tail, rows: options => inTurn(() => tail.rows(options)) }
    },
    have: (...request) => inTurn(() => port.have(...request)),
    fetch: (...request) => inTurn(() => port.fetch(...request)),
    list: (...request) => inTurn(() => port.list(...request)),
    registry: (...request) => inTurn(() => port.registry(...request)),
  }
}

function planInTurn(plan: SendPlan, inTurn: InTurn): SendPlan {
  return {
    exact: plan.exact,
    next: max => inTurn(() => plan.next(max)),
    answer: has => plan.answer(has),
    rows: options => inTurn(() => plan.rows(options)),
  }
}
