import { local } from '../../src/client/local.ts'
import type { MapResults } from '../../src/client/map-results.ts'
import type { Operation } from '../../src/client/operation.ts'
import type { Pipeline } from '../../src/client/pipeline.ts'
import { toThread } from '../../src/client/to-thread.ts'
import { fromThread } from '../../src/executors/threads/from-thread.ts'
import type { Progress } from '../../src/tasks/progress.ts'
import { task } from '../../src/tasks/task.ts'

// Checked by the compiler alone, never run.

const area = task({ name: 'area' }, (width: number, height: number, unit?: string) => `${width * height} ${unit ?? ''}`)
const length = task({ name: 'length' }, async (text: string) => text.length)

export async function runTakesTheTasksOwnArguments(): Promise<void> {
  await using here = local()
  const text: string = await here.run(area, 2, 3)
  const inSquareMetres: string = await here.run(area.with({ timeout: '1s' }), 2, 3, 'm²')
  const count: number = await here.run(length, text + inSquareMetres)
  // @ts-expect-error an argument is missing
  await here.run(area, 2)
  // @ts-expect-error an argument has the wrong type
  await here.run(area, 2, '3')
  // @ts-expect-error there is one argument too many
  await here.run(length, 'a', 'b')
  // @ts-expect-error the result is a number
  const wrong: string = await here.run(length, 'a')
  // @ts-expect-error a plain function is no task
  await here.run((n: number) => n, count)
  // @ts-expect-error a duration needs a unit
  area.with({ timeout: '1 fortnight' })
  await here.with({ signal: AbortSignal.timeout(1) }).run(length, wrong)
}

export async function mapTakesItemsOfTheFirstArgument(): Promise<void> {
  await using here = local()
  for await (const count of here.map(length, ['a', 'b'])) count.toFixed()
  for await (const count of here.map(length, new Set(['a']), { concurrency: 2 })) count.toFixed()
  // @ts-expect-error the items have the wrong type
  here.map(length, [1, 2])
  // @ts-expect-error the results are numbers
  for await (const count of here.map(length, ['a'])) count.toUpperCase()
}

export async function mapIsIteratedOrAwaited(): Promise<void> {
  await using here = local()
  const all: number[] = await here.map(length, ['a', 'b'])
  const any: number[] = await here.with({}).mapUnordered(length, new Set(['a']), { signal: AbortSignal.timeout(1) })
  const halves: number[] = await here.map(half, Float64Array.from([...all, ...any]))
  for await (const text of here.mapUnordered(shown, halves)) text.toUpperCase()
  const results: MapResults<string> = here.map(shown, halves)
  const first: IteratorResult<string, void> = await results.next()
  // @ts-expect-error the results are numbers
  const texts: string[] = await here.map(length, [String(first.value)])
  // @ts-expect-error the items have the wrong type
  await here.mapUnordered(length, texts.map(Number))
  // @ts-expect-error typed arrays hold numbers
  await here.map(length, new Int32Array(1))
}

const half = task({ name: 'half' }, (n: number) => n / 2)
const shown = task({ name: 'shown' }, async (n: number) => `${n}`)

export async function stagesFitEachOther(): Promise<[Pipeline<string>, Operation<string, Progress>, number]> {
  await using here = local()
  const texts: Pipeline<string> = here.pipeline([1, 2]).through(half, { concurrency: 2 }).through(shown)
  // @ts-expect-error texts are no numbers
  here.pipeline([1, 2]).through(shown).through(half)
  // @ts-expect-error nor are these
  here.pipeline(['a']).through(half)
  const begun: Operation<string, Progress> = here.start(shown, 1)
  // @ts-expect-error a wrong argument
  here.start(shown, 'one')
  const onThread: number = await toThread(half, 1)
  // @ts-expect-error a wrong argument
  await toThread(half, 'one')
  // @ts-expect-error a wrong argument
  await fromThread(half, 'one')
  return [texts, begun, onThread]
}

export async function streamsTakeGenerators(): Promise<[number[], string[]]> {
  const upTo = task({ name: 'upTo' }, function* (to: number) { yield to })
  const words = task({ name: 'words' }, async function* (text: string) { yield text })
  await using here = local()
  // @ts-expect-error no generator
  here.stream(task({ name: 'none' }, (n: number) => n), 1)
  // @ts-expect-error a wrong argument
  here.stream(upTo, 'three')
  return [await Array.fromAsync(here.stream(upTo, 3)), await Array.fromAsync(here.stream(words, 'a'))]
}
