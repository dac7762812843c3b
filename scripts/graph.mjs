/**
 * The circles of a graph: groups of nodes that reach each other (Tarjan's strongly connected components).
 * @param {Map<string, Iterable<string>>} edges node → nodes that it names
 * @returns {string[][]} each group of two nodes or more
 */
export const circlesOf = (edges) => {
  const number = new Map()
  const lowest = new Map()
  const stack = []
  const circles = []
  const visit = (node) => {
    number.set(node, number.size)
    lowest.set(node, number.get(node))
    stack.push(node)
    for (const next of edges.get(node) ?? []) {
      if (!number.has(next)) visit(next)
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)))
    }
    if (lowest.get(node) !== number.get(node)) return
    const circle = stack.splice(stack.indexOf(node))
    if (circle.length > 1) circles.push(circle)
  }
  for (const node of edges.keys()) if (!number.has(node)) visit(node)
  return circles
}
