import type { FromRunner, Heard, SentCall, SentOutcome, ToRunner } from './messages.ts'

// Many calls of jobs, or many encoded results, travel as columns: one array of numbers, which moves without a copy, and one text. To
// copy a list of lists costs several times what is in it.

/** Fewer travel as they are: moving an array has its price too. */
const enough = 4

const callWidth = 9
const outcomeWidth = 4

export function callsPart(calls: readonly SentCall[]): { readonly part: ToRunner, readonly transfer: readonly ArrayBuffer[] } {
  if (calls.length < enough || !calls.every(([, , input, , , job]) => typeof input === 'number' && job !== undefined)) return { part: { calls }, transfer: [] }
  const numbers = new Float64Array(calls.length * callWidth)
  let jobs = ''
  let at = 0
  for (const [seq, task, length, timeout, heard, job, attempt, token, version] of calls) {
    numbers[at] = seq
    numbers[at + 1] = task
    numbers[at + 2] = length as number
    numbers[at + 3] = timeout
    numbers[at + 4] = heard
    numbers[at + 5] = attempt!
    numbers[at + 6] = token!
    numbers[at + 7] = version!
    numbers[at + 8] = job!.length
    jobs += job
    at += callWidth
  }
  return { part: { callColumns: { numbers, jobs } }, transfer: [numbers.buffer] }
}

export function callsOf({ calls = [], callColumns }: ToRunner): readonly SentCall[] {
  if (!callColumns) return calls
  const { numbers, jobs } = callColumns
  const sent: SentCall[] = []
  let text = 0
  for (let at = 0; at < numbers.length; at += callWidth) {
    const end = text + numbers[at + 8]!
    sent.push([
      numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!, numbers[at + 4] as Heard,
      jobs.slice(text, end), numbers[at + 5]!, numbers[at + 6]!, numbers[at + 7]!
    ])
    text = end
  }
  return sent
}

export function outcomesPart(outcomes: readonly SentOutcome[]): { readonly part: FromRunner, readonly transfer: readonly ArrayBuffer[] } {
  if (outcomes.length < enough || !outcomes.every(([, kind]) => kind === 'bytes')) return { part: outcomes.length > 0 ? { outcomes } : {}, transfer: [] }
  const numbers = new Float64Array(outcomes.length * outcomeWidth)
  let at = 0
  for (const [seq, , length, wall, cpu] of outcomes) {
    numbers[at] = seq
    numbers[at + 1] = length as number
    numbers[at + 2] = wall
    numbers[at + 3] = cpu
    at += outcomeWidth
  }
  return { part: { outcomeColumns: numbers }, transfer: [numbers.buffer] }
}

export function outcomesOf({ outcomes = [], outcomeColumns: numbers }: FromRunner): readonly SentOutcome[] {
  if (!numbers) return outcomes
  const sent: SentOutcome[] = []
  for (let at = 0; at < numbers.length; at += outcomeWidth) sent.push([numbers[at]!, 'bytes', numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!])
  return sent
}
