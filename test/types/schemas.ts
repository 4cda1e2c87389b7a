// Checked by the compiler, never run: what a task with a schema takes is inferred from the schema, for its callers and for its function.
import * as v from 'valibot'
import { z } from 'zod'
import type { Client, JobHandle, Local, StandardSchema, Task } from '../../src/index.ts'
import { task } from '../../src/index.ts'

declare const queue: Client
declare const here: Local

const Order = z.object({ id: z.number(), items: z.array(z.string()).default([]) })

/** Nothing is written twice: the parameters have the schema's types. */
const ship = task({ name: 'ship', args: z.tuple([Order, z.coerce.date<string>()]), retry: { limit: 2 } }, async (order, when) => {
  const items: string[] = order.items
  return { id: order.id, day: when.getDay(), items }
})
const add = task({ name: 'add', args: v.tuple([v.number(), v.pipe(v.string(), v.transform(Number))]) }, (a, b) => a + b)
const length = task({ name: 'length', args: z.tuple([z.string()]) }, (text) => text.length)
const plain = task({ name: 'plain' }, (text: string, times?: number) => text.repeat(times ?? 1))
const own: StandardSchema<[n: number]> = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value: value as [number] }) } }
const withOwn = task({ name: 'own', args: own }, (n) => n + 1)

export const given: Task<[{ id: number, items?: string[] | undefined }, string], Promise<{ id: number, day: number, items: string[] }>, [{ id: number, items: string[] }, Date]> = ship

export async function local(): Promise<void> {
  const shipped: { id: number, day: number } = await here.run(ship, { id: 7 }, '2026-01-01')
  const sum: number = await here.run(add.with({ timeout: '1s' }), shipped.id, '2')
  for await (const count of here.map(length, ['a', 'b'])) count.toFixed()
  await here.with({ signal: AbortSignal.timeout(1) }).run(withOwn, sum)
  // The function itself takes what the schema makes of them.
  const direct: Promise<{ id: number }> = ship({ id: 7, items: [] }, new Date())
  await direct

  // @ts-expect-error the input is text, which the schema makes a date
  await here.run(ship, { id: 7 }, new Date())
  // @ts-expect-error the id is a number
  await here.run(ship, { id: '7' }, '2026-01-01')
  // @ts-expect-error an argument is missing
  await here.run(ship.with({ priority: 1 }), { id: 7 })
  // @ts-expect-error the function takes a date
  await ship({ id: 7, items: [] }, '2026-01-01')
  // @ts-expect-error the second is text
  await here.run(add, 1, 2)
  // @ts-expect-error no list of text
  here.map(length, [1, 2])
  // @ts-expect-error map gives one argument to each call
  here.map(add, [1, 2])
  // @ts-expect-error the result is a number
  const wrong: string = await here.run(withOwn, 1)
  await here.run(plain, wrong)
}

export async function jobs(): Promise<void> {
  const one: JobHandle<{ id: number, day: number, items: string[] }> = await queue.enqueue(ship, { id: 7, items: ['a'] }, '2026-01-01')
  const many: JobHandle<number>[] = await queue.enqueueMany(add, [[1, '2'], [3, '4']])
  const day: number = (await one.result()).day
  const sum: number = await many[0]!.result()
  await queue.enqueue(withOwn, day + sum)

  // @ts-expect-error the second is text
  await queue.enqueue(add, 1, 2)
  // @ts-expect-error wrong among many
  await queue.enqueueMany(add, [[1, '2'], [3, 4]])
  // @ts-expect-error one too many
  await queue.enqueue(length, 'a', 'b')
  // @ts-expect-error the result is no text
  const text: string = await many[0]!.result()
  await queue.enqueue(length, text)
}

// @ts-expect-error the function takes something else than the schema gives
task({ name: 'x', args: z.tuple([z.string()]) }, (n: number) => n)
// @ts-expect-error a schema of one argument is none of the list
task({ name: 'x', args: z.string() }, (text: string) => text)
// @ts-expect-error no schema
task({ name: 'x', args: [1] }, (n: number) => n)

/** A function over any task, with a schema or without. */
export async function twice<Args extends unknown[], Result, Own extends unknown[]>(job: Task<Args, Result, Own>, ...args: Args): Promise<Awaited<Result>[]> {
  return [await here.run(job, ...args), await here.run(job, ...args)]
}
export const lengths: Promise<number[]> = twice(length, 'abc')
export const sums: Promise<number[]> = twice(add, 1, '2')
/** A function may take less than the schema gives. */
export const fewer: Task<[string, number], number> = task({ name: 'fewer', args: z.tuple([z.string(), z.number()]) }, (text: string) => text.length)
export const none: Task<[string], number> = task({ name: 'none', args: z.tuple([z.string()]) }, () => 1)
