import { parseArgs } from 'node:util'
import { soak } from './soak.ts'

// npm run soak -- --calls 10000000 --seed 7 --harm 0.1

if (import.meta.main) {
  const { values } = parseArgs({ options: { calls: { type: 'string', default: '10000000' }, harm: { type: 'string', default: '0.1' }, seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) } } })
  const [calls, seed] = [Number(values.calls), Number(values.seed)]
  console.log(`${calls} calls, --seed ${seed}`)
  const began = performance.now()
  const seconds = (): number => Math.round((performance.now() - began) / 1_000)
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)
  let tenth = 0
  const { tenths, left } = await soak({
    calls, seed, harm: Number(values.harm),
    onTenth: ({ outcomes, heap, rss }) => console.log(`${++tenth}/10 after ${seconds()} s: heap ${megabytes(heap)} MB, rss ${megabytes(rss)} MB, ${JSON.stringify(outcomes)}`)
  })
  const [first, last] = [tenths[0]!, tenths.at(-1)!]
  const settled = Object.values(last.outcomes).reduce((sum, count) => sum + count)
  console.log(`${settled} calls settled in ${seconds()} s, each with a possible outcome; since the first tenth heap ${megabytes(last.heap - first.heap)} MB, rss ${megabytes(last.rss - first.rss)} MB; left behind: ${left.join(', ') || 'nothing'}`)
  if (left.length > 0) process.exitCode = 1
}
