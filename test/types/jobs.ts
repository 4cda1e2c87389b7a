// Checked by the compiler, never run: what else a call can be, what it is kept as, and what is limited.
import { DatabaseSync } from 'node:sqlite'
import type { Admission, Client, Gate, JobHandle, ParentOutcome, RetryRequestedError, TaskCall } from '../../src/index.ts'
import { call, connect, context, limit, retry, startWorker, task } from '../../src/index.ts'

declare const queue: Client
const area = task({ name: 'area' }, (width: number, height: number) => width * height)
const tell = task({ name: 'tell' }, async (who: string) => `${who}: ${String(context().parent?.result)}`)
const sweep = task({ name: 'sweep', linkError: [call(tell, 'Ada'), call(area, 2, 3)], unique: true }, () => 1)

export const linked: JobHandle<number> = await queue.enqueue(area.with({ link: call(tell.with({ delay: '5m' }), 'Ada'), linkError: [call(tell, 'Bob')] }), 2, 3)
export const admission: Admission = linked.admission
export const bare: TaskCall = call(sweep)
export const parent: ParentOutcome | undefined = context().parent
await queue.enqueue(area.with({ unique: { key: 'k', for: '1m', taken: 'replace' }, key: 'tenant-7', ordered: true, cost: 2, softTimeout: '1s', ignoreResult: true }), 2, 3)
await queue.enqueue(area.with({ idempotencyKey: 'order-17' }), 2, 3)
export const asked: RetryRequestedError = retry({ after: '5s', cause: new Error('busy') })
limit.after('5s', 'key')

// @ts-expect-error a wrong argument of what is linked
area.with({ link: call(tell, 7) })
// @ts-expect-error too few
area.with({ link: call(area, 2) })
// @ts-expect-error a task, and no call of it
area.with({ link: sweep })
// @ts-expect-error no task
call((who: string) => who, 'Ada')
// @ts-expect-error an admission that there is not
area.with({ unique: { taken: 'ignore' } })
// @ts-expect-error a time that is none
area.with({ unique: { for: 'a while' } })
// @ts-expect-error a key that is no text
area.with({ key: 7 })
// @ts-expect-error what there is not to hold back
limit.after('5s', 'worker')
// @ts-expect-error a time that is none
retry({ after: 'soon' })

const orders = queue.inside(new DatabaseSync('app.db'))
export const kept: JobHandle<number> = orders.enqueue(area, 2, 3)
export const all: JobHandle<string>[] = orders.enqueueMany(tell, [['Ada'], ['Bob']])
// @ts-expect-error a wrong argument
orders.enqueue(area, 'two', 3)
// @ts-expect-error too many
orders.enqueue(sweep, 1)
// @ts-expect-error wrong arguments among many
orders.enqueueMany(tell, [['Ada'], [7]])
// @ts-expect-error no task
orders.enqueue(() => 1)

await queue.limit({ queue: 'mail', key: '*' }, { concurrency: 2, rate: { limit: 100, per: '1m' }, weight: 3 })
await queue.limit({ task: 'area' }, null)
export const limits: readonly Gate[] = await queue.limits()
// @ts-expect-error neither limits nor null
await queue.limit({ queue: 'mail' })
// @ts-expect-error a rate without a time
await queue.limit({ queue: 'mail' }, { rate: { limit: 100 } })
// @ts-expect-error something else than a queue, a task or a key
await queue.pause({ worker: 'a' })

await connect('sqlite:app.db', { routes: { 'mail.*': 'mail' } })
await startWorker('sqlite:app.db', { tasks: './tasks.ts', queues: { urgent: 6, bulk: 1 }, keep: { succeeded: '7d', count: 1_000 } })
// @ts-expect-error a state in which no job stays
await startWorker('sqlite:app.db', { tasks: './tasks.ts', keep: { active: '7d' } })
