import { readFileSync } from 'node:fs'
import type { Call, Executor, Outcome } from '../../executors/executor.ts'
import { type Bench, type Cases, type Mark, type OpenOptions, callOf, deathOf, errorOf } from './bench.ts'
import { keepBytes, note, noteOrEnd } from './crowd-tasks.ts'
import { add, awaitDeath, echo, exhaustHeap, exit, fail, failLate, rejectLate, returnFunction, signalSelf, spin, waitForAbort, waitForMark } from './tasks.ts'

// Many calls at once: each settles, what goes wrong costs only the call that did it, and what had not begun runs elsewhere.

const crowdSize = 200

/** A call among the others, and what must become of it. */
interface Culprit {
  readonly call: Call
  readonly becomes: object
}

interface CrowdOptions extends Partial<OpenOptions> {
  /** Which of the calls are culprits. Default: one of the first. */
  readonly at?: readonly number[]
  /** What happens once all calls were given. */
  readonly meanwhile?: () => Promise<void>
}

/** Short calls, so that several are sent ahead of those that run, with culprits among them. */
async function crowd({ open, path, expect }: Bench, culpritOf: (executor: Executor) => Culprit, { at = [20], meanwhile, ...options }: CrowdOptions = {}): Promise<void> {
  const executor = open({ concurrency: 2, grace: 20, ...options })
  await Promise.all(Array.from({ length: 50 }, (_, index) => executor.execute(callOf(note, [path('warm-up'), index]))))
  const notes = path('notes')
  const culprit = culpritOf(executor)
  const calls = Array.from({ length: crowdSize }, (_, index) => executor.execute(at.includes(index) ? culprit.call : callOf(note, [notes, index])))
  await meanwhile?.()
  const outcomes = await Promise.all(calls)
  for (const index of at) expect(errorOf(outcomes[index]!)).toMatchObject(culprit.becomes)
  expectUnharmed(expect, executor, outcomes, notes, at)
  expect(await executor.execute(callOf(add, [2, 2]))).toMatchObject({ kind: 'returned', value: 4 })
}

/** All but the culprits returned, each from the one time that it ran. */
function expectUnharmed(expect: Bench['expect'], { place, concurrency }: Executor, outcomes: readonly Outcome[], notes: string, culprits: readonly number[]): void {
  const innocent = outcomes.map((outcome, index) => ({ outcome, index })).filter(({ index }) => !culprits.includes(index))
  // On a loop that calls share, those that were under way beside a culprit are handed back.
  const handedBack = innocent.filter(({ outcome }) => outcome.kind === 'handedBack')
  expect(place === 'loop' ? culprits.length * (concurrency - 1) : 0).toBeGreaterThanOrEqual(handedBack.length)
  const returned = innocent.filter(({ outcome }) => outcome.kind !== 'handedBack')
  expect(returned.map(({ outcome }) => 'value' in outcome ? outcome.value : outcome)).toEqual(returned.map(({ index }) => index))
  const ran = readFileSync(notes, 'utf8').trim().split('\n').map(Number)
  expect(new Set(ran).size).toBe(ran.length)
  const mayHaveRun = new Set(handedBack.map(({ index }) => index))
  expect(ran.filter((index) => !mayHaveRun.has(index)).toSorted((a, b) => a - b)).toEqual(returned.map(({ index }) => index))
}

/**
 * All calls are of one task, which is known to be short, and one of them ends what runs it: it alone is charged. What it ended without a
 * warning could not say what it had done in its last moment: of that, calls that ran may be handed back.
 */
async function ofOneTask({ open, path, expect }: Bench, how: 'exit' | 'heap' | NodeJS.Signals, options: Partial<OpenOptions> = {}): Promise<void> {
  const executor = open({ concurrency: 2, ...options })
  await Promise.all(Array.from({ length: 50 }, (_, index) => executor.execute(callOf(noteOrEnd, [path('warm-up'), index]))))
  const notes = path('notes')
  const outcomes = await Promise.all(Array.from({ length: crowdSize }, (_, index) => executor.execute(callOf(noteOrEnd, [notes, index, ...index === 60 ? [how] : []]))))
  expect(errorOf(outcomes[60]!)).toMatchObject({ kind: 'died', code: deathOf(executor) })
  const ran = readFileSync(notes, 'utf8').trim().split('\n').map(Number)
  expect(ran.toSorted((a, b) => a - b)).toEqual(outcomes.keys().filter((index) => index !== 60).toArray())
  for (const [index, outcome] of outcomes.entries()) {
    if (index === 60 || (how !== 'exit' && outcome.kind === 'handedBack')) continue
    expect(outcome).toMatchObject({ kind: 'returned', value: index })
  }
}

const dying = (call: Call) => (executor: Executor): Culprit => ({ call, becomes: { kind: 'died', code: deathOf(executor) } })
const becoming = (becomes: object, call: Call) => (): Culprit => ({ call, becomes })

/** Kills the process that says its number beside the mark. */
async function killAt(mark: Mark): Promise<void> {
  await mark.reaches(1)
  process.kill(Number(readFileSync(`${mark.path}.pid`, 'utf8')), 'SIGKILL')
}

/** One that loops without end, and is cancelled. */
async function cancelledLoop(bench: Bench): Promise<void> {
  const spinning = bench.mark()
  const abort = new AbortController()
  const meanwhile = async (): Promise<void> => {
    await spinning.reaches(1)
    abort.abort()
  }
  await crowd(bench, becoming({ kind: 'cancelled' }, callOf(spin, [spinning.path], { signal: abort.signal })), { meanwhile })
}

const several = { at: [3, 40, 41, 42, 90, 130, 199] }

export const crowdCases: Cases = {
  'among 200 calls one that throws costs the others nothing': (bench) => crowd(bench, becoming({ kind: 'threw', name: 'OrderError', code: 'E_ORDER', fields: { order: 7 } }, callOf(fail, []))),
  'among 200 calls one whose argument cannot be sent costs the others nothing': (bench) =>
    crowd(bench, becoming({ kind: 'threw', code: 'UNCLONEABLE' }, callOf(echo, [() => {}])), several),
  'among 200 calls one whose result cannot be sent costs the others nothing': (bench) =>
    crowd(bench, becoming({ kind: 'threw', code: 'UNCLONEABLE' }, callOf(returnFunction, [])), several),
  'among 200 calls one that loops without end, and is cancelled, costs the others nothing': cancelledLoop,
  'among 200 calls one that loops without end, and whose time is up, costs the others nothing': (bench) =>
    crowd(bench, becoming({ kind: 'timedOut' }, callOf(spin, [bench.mark().path], { timeout: 20 }))),

  async '200 calls that are cancelled at once all settle, and the next is run'({ open, mark, expect }) {
    const executor = open({ concurrency: 2, grace: 60_000 })
    const marks = [mark(), mark()]
    const abort = new AbortController()
    const { signal } = abort
    const running = marks.map((own) => executor.execute(callOf(waitForAbort, [own.path], { signal })))
    const waiting = Array.from({ length: crowdSize }, (_, index) => executor.execute(callOf(add, [index, 1], { signal })))
    await Promise.all(marks.map((own) => own.reaches(1)))
    abort.abort()
    expect(new Set((await Promise.all([...running, ...waiting])).map(({ kind }) => kind))).toEqual(new Set(['cancelled']))
    expect(await executor.execute(callOf(add, [2, 2]))).toMatchObject({ kind: 'returned', value: 4 })
  }
}

export const crowdCrashCases: Cases = {
  'among 200 calls one that calls process.exit costs the others nothing': (bench) => crowd(bench, dying(callOf(exit, [3]))),
  'among 200 calls one that exhausts its heap costs the others nothing': (bench) => crowd(bench, dying(callOf(exhaustHeap, [])), { heapLimit: 48 }),
  'among 200 calls one that fails in a callback costs the others nothing': (bench) => crowd(bench, dying(callOf(failLate, []))),
  'among 200 calls one with a rejection that nothing handles costs the others nothing': (bench) => crowd(bench, dying(callOf(rejectLate, []))),
  'among 200 calls one that dies of SIGKILL costs the others nothing': (bench) => crowd(bench, dying(callOf(signalSelf, ['SIGKILL']))),

  async 'among 200 calls one that is killed from outside costs the others nothing'(bench) {
    const victim = bench.mark()
    await crowd(bench, dying(callOf(awaitDeath, [victim.path])), { meanwhile: () => killAt(victim) })
  },

  'among 200 calls several that call process.exit cost the others nothing': (bench) => crowd(bench, dying(callOf(exit, [3])), several),
  'among 200 calls several that die of SIGKILL cost the others nothing': (bench) => crowd(bench, dying(callOf(signalSelf, ['SIGKILL'])), several),

  'among 200 calls of a task known to be short one that calls process.exit is all that is lost': (bench) => ofOneTask(bench, 'exit'),
  'among 200 calls of a task known to be short one that exhausts its heap is all that is charged': (bench) => ofOneTask(bench, 'heap', { heapLimit: 48 }),
  'among 200 calls of a task known to be short one that dies of SIGKILL is all that is charged': (bench) => ofOneTask(bench, 'SIGKILL'),

  async 'where what runs calls is replaced again and again, since it holds too much, no call is lost'({ open, expect }) {
    const executor = open({ concurrency: 2, memoryLimit: 160 * 2 ** 20 })
    const outcomes = await Promise.all(Array.from({ length: 48 }, () => executor.execute(callOf(keepBytes, [16 * 2 ** 20]))))
    expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'returned'))
    expect(new Set(outcomes.map((outcome) => outcome.kind === 'returned' && outcome.value)).size).toBeGreaterThanOrEqual(4)
  },

  async 'a close at once settles all of 200 calls, though one of them ends what runs it'({ open, path, expect }) {
    const executor = open({ concurrency: 2 })
    await Promise.all(Array.from({ length: 50 }, (_, index) => executor.execute(callOf(note, [path('warm-up'), index]))))
    const calls = Array.from({ length: crowdSize }, (_, index) => executor.execute(index === 20 ? callOf(exit, [3]) : callOf(note, [path('notes'), index])))
    await executor.close({ deadline: 0 })
    for (const outcome of await Promise.all(calls)) expect(['returned', 'handedBack', 'died']).toContain(outcome.kind)
  }
}

export const crowdClosingCases: Cases = {
  async 'a close waits for 200 calls, and each returns'({ open, path, expect }) {
    const executor = open({ concurrency: 2 })
    const notes = path('notes')
    const calls = Array.from({ length: crowdSize }, (_, index) => executor.execute(callOf(note, [notes, index])))
    await executor.close()
    expectUnharmed(expect, executor, await Promise.all(calls), notes, [])
  },

  async 'a close at once settles 200 calls, of which two run: all are handed back'({ open, mark, expect }) {
    const executor = open({ concurrency: 2 })
    const marks = [mark(), mark()]
    const running = marks.map((own) => executor.execute(callOf(waitForMark, [own.path])))
    await Promise.all(marks.map((own) => own.reaches(1)))
    const waiting = Array.from({ length: crowdSize }, (_, index) => executor.execute(callOf(add, [index, 1])))
    await executor.close({ deadline: 0 })
    const outcomes = (await Promise.all([...running, ...waiting])).map(errorOf)
    expect(outcomes).toMatchObject(outcomes.map(() => ({ kind: 'handedBack', code: 'CLOSED' })))
    for (const own of marks) own.release()
  },

  async 'a close at once settles 200 short calls in full flight: what returned has run, and what was not begun has not'({ open, path, expect }) {
    const executor = open({ concurrency: 2 })
    await Promise.all(Array.from({ length: 50 }, (_, index) => executor.execute(callOf(note, [path('warm-up'), index]))))
    const notes = path('notes')
    const calls = Array.from({ length: crowdSize }, (_, index) => executor.execute(callOf(note, [notes, index])))
    await calls[0]
    await executor.close({ deadline: 0 })
    const outcomes = await Promise.all(calls)
    for (const outcome of outcomes) if (outcome.kind !== 'returned') expect(errorOf(outcome)).toMatchObject({ kind: 'handedBack', code: 'CLOSED' })
    const ran = readFileSync(notes, 'utf8').trim().split('\n').map(Number)
    expect(new Set(ran).size).toBe(ran.length)
    for (const [index, outcome] of outcomes.entries()) if (outcome.kind === 'returned') expect(ran).toContain(index)
  }
}
