// Checked by the compiler, never run: what is enqueued and what comes back is inferred from the task.
import type { Client, JobHandle } from '../../src/index.ts'
import { task } from '../../src/index.ts'

declare const queue: Client
const area = task({ name: 'area' }, (width: number, height: number) => width * height)
const greet = task({ name: 'greet' }, async (name: string) => ({ hello: name }))

export const product: JobHandle<number> = await queue.enqueue(area, 2, 3)
export const greeting: { hello: string } = await (await queue.enqueue(greet.with({ delay: '5m', priority: 7 }), 'you')).result()
export const products: JobHandle<number>[] = await queue.enqueueMany(area, [[1, 2], [3, 4]])

// @ts-expect-error a wrong argument
await queue.enqueue(area, 'two', 3)
// @ts-expect-error too few
await queue.enqueue(area, 2)
// @ts-expect-error too many
await queue.enqueue(greet, 'you', 'me')
// @ts-expect-error wrong arguments among many
await queue.enqueueMany(area, [[1, 2], ['3', 4]])
// @ts-expect-error no task
await queue.enqueue((x: number) => x, 1)
// @ts-expect-error the result is no text
export const text: string = await (await queue.enqueue(area, 1, 2)).result()
// @ts-expect-error an option that there is not
area.with({ retries: 3 })
// @ts-expect-error a duration in another form
area.with({ delay: '5 minutes' })
// @ts-expect-error a place that there is not
task({ name: 'x', runs: 'moon' }, () => 1)
