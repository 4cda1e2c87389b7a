// Checked by the compiler, never run: an event's fields follow from its type, and from the types that were asked for.
import type { Client, Progress, QueueEvent } from '../../src/index.ts'

declare const queue: Client

for await (const event of queue.events()) {
  if (event.type === 'progress') {
    const progress: Progress = event.progress
    console.log(progress.done)
  }
  if (event.type === 'missed') console.log(event.count?.toFixed())
  // @ts-expect-error not every event is of a job
  console.log(event.job)
}

for await (const event of queue.events({ types: ['failed', 'dead'] })) {
  if (event.type !== 'missed') console.log(event.job, event.error.message)
  // @ts-expect-error it was not asked for
  if (event.type === 'started') break
}

// @ts-expect-error a type that there is not
queue.events({ types: ['done'] })

export const words: Readonly<Record<QueueEvent['type'], number>> | undefined = undefined

const pong: boolean | undefined = (await queue.control.ping()).get('worker')?.paused
console.log(pong)
// @ts-expect-error a place that there is not
await queue.control.concurrency({ moon: 1 })
