import { type ChunkReport, type ChunkRules, mapItems } from '../executors/calls/map-items.ts'
import type { Call, Outcome } from '../executors/executor.ts'
import { type TaskDefinition, type TaskRef, definitionOf } from '../tasks/task.ts'
import type { ValueBatch } from '../wire/value-batch.ts'
import { resultOf } from './local-call.ts'

export type Execute = (call: Call) => Promise<Outcome>

const mapping = definitionOf(mapItems, 'map')

/** So many times a chunk whose thread or process was replaced under it goes to another. */
const mostTries = 3
const replaced: ReadonlySet<unknown> = new Set(['THREAD_REPLACED', 'PROCESS_REPLACED'])

/** Gives the items of a map to an executor. What goes wrong is thrown, as `run` does. */
export class Carrier {
  readonly #execute: Execute
  readonly #definition: TaskDefinition
  readonly #ref: TaskRef

  /** @param carried whether they go elsewhere, to where a function cannot */
  constructor(execute: Execute, definition: TaskDefinition, carried: boolean) {
    this.#execute = execute
    this.#definition = definition
    this.#ref = carried ? { name: definition.name, source: definition.source } : definition
  }

  /** Many, as far as they get in the time that they have. */
  async chunk(items: ValueBatch, rules: ChunkRules, signal: AbortSignal): Promise<ChunkReport> {
    return await this.#run(mapping, [this.#ref, items, rules], signal, { budget: rules.budget }) as ChunkReport
  }

  /** One alone. */
  async one(item: unknown, signal: AbortSignal): Promise<unknown> {
    return await this.#run(this.#definition, [item], signal)
  }

  async #run(task: TaskRef, args: readonly unknown[], signal: AbortSignal, more: Pick<Call, 'budget'> = {}): Promise<unknown> {
    const call: Call = { ...more, task, title: this.#definition.name, input: { args }, timeout: Infinity, priority: this.#definition.rules.priority, isBounded: true, signal }
    for (let tries = 1; ; tries++) {
      const outcome = await this.#execute(call)
      if (outcome.kind === 'handedBack' && replaced.has(outcome.error.code) && tries < mostTries) continue
      return resultOf({ ...call, task: this.#definition }, outcome)
    }
  }
}
