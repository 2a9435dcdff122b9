// The orders of events, where the layers from here on look for them: the algorithm and both orders are pure and stand with the
// event contract, in vela/order.ts. Specification: protocol/admission.md, D7 and D10.

export { compareByTime, type Graph, topologicalOrder, topologicalSort } from './topological-sort.ts'
