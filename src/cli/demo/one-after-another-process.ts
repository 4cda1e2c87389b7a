import { type Done, oneAfterAnother } from './one-after-another.ts'
import { type WorkloadPlace, workload } from './workload.ts'

// A process of its own, as fresh as the worker was: nothing is warm yet.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.once('message', (place: WorkloadPlace) => void run(place))

async function run(place: WorkloadPlace): Promise<void> {
  for await (const done of oneAfterAnother(workload(place))) await send(done)
  process.disconnect?.()
}

function send(done: Done): Promise<void> {
  return new Promise((resolve, reject) => process.send?.(done, (error: Error | null) => error ? reject(error) : resolve()))
}
