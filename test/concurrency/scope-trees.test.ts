import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cancellerOf } from '../../src/concurrency/cancellation.ts'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { errorLeaves } from '../../src/concurrency/error-tree.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'

// Random programs of groups, scopes, shields and failures, run on the virtual clock and compared with a small model of what Trio says.

type Program =
  | { readonly kind: 'sleep', readonly ms: number }
  | { readonly kind: 'fail', readonly ms: number, readonly name: string }
  | { readonly kind: 'sequence', readonly parts: readonly Program[] }
  | { readonly kind: 'group', readonly parts: readonly Program[] }
  | { readonly kind: 'scope', readonly timeout: number, readonly shield: boolean, readonly body: Program }

interface Ending {
  readonly at: number
  readonly errors: readonly string[]
  /** It ended since a scope around it was cancelled. */
  readonly cancelled: boolean
}

/** What becomes of a program that begins at `start`, where whatever it awaits is cancelled at `cancelAt`. */
function model(program: Program, start: number, cancelAt: number): Ending {
  const caughtBy = (ending: Ending, own: number, outer: number): Ending =>
    own <= ending.at && outer > ending.at ? { ...ending, cancelled: false } : ending
  switch (program.kind) {
    case 'sleep':
    case 'fail': {
      const end = start + program.ms
      if (cancelAt < end) return { at: Math.max(start, cancelAt), errors: [], cancelled: true }
      return { at: end, errors: program.kind === 'fail' ? [program.name] : [], cancelled: false }
    }
    case 'sequence': {
      let ending: Ending = { at: start, errors: [], cancelled: false }
      for (const part of program.parts) {
        ending = model(part, ending.at, cancelAt)
        if (ending.cancelled || ending.errors.length > 0) break
      }
      return ending
    }
    case 'scope': {
      const own = start + program.timeout
      const outer = program.shield ? Infinity : cancelAt
      return caughtBy(model(program.body, start, Math.min(own, outer)), own, outer)
    }
    case 'group': {
      const failedAt = Math.min(...program.parts.map((part) => model(part, start, cancelAt)).filter(({ errors }) => errors.length > 0).map(({ at }) => at))
      const endings = program.parts.map((part) => model(part, start, Math.min(cancelAt, failedAt)))
      const together: Ending = {
        at: Math.max(start, ...endings.map(({ at }) => at)),
        errors: endings.flatMap(({ errors }) => errors),
        cancelled: endings.some(({ cancelled }) => cancelled)
      }
      return caughtBy(together, failedAt, cancelAt)
    }
  }
}

async function run(program: Program): Promise<void> {
  switch (program.kind) {
    case 'sleep':
      return sleep(program.ms)
    case 'fail':
      await sleep(program.ms)
      throw new Error(program.name)
    case 'sequence':
      for (const part of program.parts) await run(part)
      return
    case 'scope':
      return new CancelScope({ timeout: program.timeout, shield: program.shield }).run(() => run(program.body))
    case 'group':
      await taskGroup((group) => { for (const part of program.parts) group.start(() => run(part)) })
  }
}

/** No two ends fall together: which of them comes first would be up to the clock. */
const duration = fc.double({ min: 1, max: 1_000, noNaN: true })
let names = 0
const programs = fc.letrec<{ program: Program }>((tie) => ({
  program: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.record({ kind: fc.constant('sleep' as const), ms: duration }),
    fc.record({ kind: fc.constant('fail' as const), ms: duration }).map((fail) => ({ ...fail, name: `failure ${++names}` })),
    fc.record({ kind: fc.constant('sequence' as const), parts: fc.array(tie('program'), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('group' as const), parts: fc.array(tie('program'), { maxLength: 4 }) }),
    fc.record({ kind: fc.constant('scope' as const), timeout: fc.oneof(duration, fc.constant(Infinity)), shield: fc.boolean(), body: tie('program') })
  )
})).program

function isUnambiguous(program: Program): boolean {
  const all: number[] = []
  const gather = (one: Program): void => {
    if ('ms' in one) all.push(one.ms)
    if ('timeout' in one && one.timeout !== Infinity) all.push(one.timeout)
    if ('parts' in one) one.parts.forEach(gather)
    if ('body' in one) gather(one.body)
  }
  gather(program)
  return new Set(all.map((ms) => ms % 1)).size === all.length && all.every((ms) => ms % 1 !== 0)
}

test('random trees of groups, scopes, shields and failures end as the model says, when it says, with the errors that it says', async () => {
  await fc.assert(fc.asyncProperty(programs.filter(isUnambiguous), async (program) => {
    const clock = new VirtualClock(0)
    const root = new CancelScope({ clock })
    const leaves: unknown[] = []
    await clock.runUntil(root.run(() => run(program)).catch((error: unknown) => leaves.push(...errorLeaves(error))))
    const ending = model(program, 0, Infinity)
    expect(leaves.filter((leaf) => cancellerOf(leaf))).toEqual([])
    expect(leaves.map((leaf) => (leaf as Error).message).sort()).toEqual(ending.errors.toSorted())
    expect(ending.cancelled).toBe(false)
    expect(clock.elapsed()).toBeCloseTo(ending.at, 6)
  }), { numRuns: 500 })
})
