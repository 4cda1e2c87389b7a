import type { NewJob } from '../jobs/job.ts'
import type { Link } from '../jobs/link.ts'
import { InvalidOptionError, PayloadTooLargeError, TaskIsClosureError } from '../kernel/errors.ts'
import { checkedArgs } from '../tasks/checked-args.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import { shownModule } from '../tasks/source.ts'
import type { TaskCall } from '../tasks/task-call.ts'
import { type CallOptions, callRules, ruleDefaults } from '../tasks/call-options.ts'
import { type TaskDefinition, checkTaskName, definitionOf } from '../tasks/task.ts'
import { encode } from '../wire/codec.ts'
import { headerOf, leadOf } from '../wire/envelope.ts'
import { uniqueRule } from './unique-rule.ts'

/** What of a task matters for a job of it. */
export type EnqueuedTask = Pick<TaskDefinition, 'name' | 'version' | 'schema' | 'middleware' | 'runs' | 'rules' | 'ownRules'>

export interface JobMakerParts {
  readonly registry: TaskRegistry
  /** The queues of tasks that name none. */
  readonly routes: readonly (readonly [pattern: RegExp, queue: string])[]
  readonly nextId: () => string
  /** The largest payload of a message, in bytes. */
  readonly payloadLimit: number
  /** Whether there is a place for larger ones. */
  readonly hasPayloads: boolean
}

/** Makes jobs of calls: looks their tasks up, has schemas check the arguments, encodes them. */
export class JobMaker {
  readonly #parts: JobMakerParts
  /** Of the tasks whose calls were made. */
  readonly #makers = new WeakMap<EnqueuedTask, (args: readonly unknown[]) => NewJob>()

  constructor(parts: JobMakerParts) {
    this.#parts = parts
  }

  /**
   * @param where what was called, for the error
   * @throws NotATaskError, TaskIsClosureError, DuplicateTaskError
   */
  known(task: unknown, where: string): TaskDefinition {
    const definition = definitionOf(task, where)
    const { name, source } = definition
    const { registry } = this.#parts
    // What a function made may still be an export of another module; then it is among `tasks`. Otherwise no worker can find it.
    if (source.within !== undefined && !registry.has(name)) {
      throw new TaskIsClosureError(name, source.within, shownModule(source.modules[0] ?? ''))
    }
    registry.add(definition)
    return definition
  }

  /**
   * A task that is known by name only.
   *
   * @param where what was called, for the error
   * @throws InvalidOptionError
   */
  named(where: string, name: string, options: CallOptions, known: TaskDefinition | undefined): EnqueuedTask {
    checkTaskName(name)
    const { registry } = this.#parts
    // Where it runs is not known then: counted as computing, of which a worker takes least ahead.
    const definition = known ?? (registry.has(name) ? registry.get(name) : { name, version: 1, middleware: [], runs: 'thread' as const, rules: ruleDefaults, ownRules: ruleDefaults })
    return { ...definition, rules: callRules(where, options, definition.rules) }
  }

  /** Checked, and not kept yet. A promise only where a schema is async. @throws InvalidOptionError, InvalidArgumentsError, PayloadTooLargeError, UncloneableError */
  jobsOf(definition: EnqueuedTask, calls: readonly (readonly unknown[])[]): NewJob[] | Promise<NewJob[]> {
    for (const args of calls) if (!Array.isArray(args)) throw new InvalidOptionError(`The calls of '${definition.name}'`, args, 'for each call the list of its arguments')
    const make = (): NewJob[] => calls.map(this.#makerOf(definition))
    const { schema, rules: { link, linkError } } = definition
    // As most are: of these, what is asked next would be nothing.
    if (!schema && link.length + linkError.length === 0) return make()
    const checks = this.#checks(definition, calls).filter((check) => check instanceof Promise)
    return checks.length === 0 ? make() : Promise.all(checks).then(make)
  }

  #makerOf(definition: EnqueuedTask): (args: readonly unknown[]) => NewJob {
    const known = this.#makers.get(definition)
    if (known) return known
    const maker = this.#maker(definition)
    this.#makers.set(definition, maker)
    return maker
  }

  /** What schemas say of the arguments, also of what is linked. */
  #checks(definition: EnqueuedTask, calls: readonly (readonly unknown[])[]): unknown[] {
    const { schema, rules: { link, linkError } } = definition
    return [
      ...schema ? calls.map((args) => said(definition, args)) : [],
      ...[...link, ...linkError].flatMap(({ task, args }) => this.#checks(this.known(task, 'link'), [args]))
    ]
  }

  /** Made once for all calls that are alike but for their arguments: there may be very many. @param linked another job's end publishes them */
  #maker(definition: EnqueuedTask, linked = false): (args: readonly unknown[]) => NewJob {
    const { name: task, version, runs: place, rules, ownRules } = definition
    const { routes, nextId, payloadLimit, hasPayloads } = this.#parts
    const { priority, delay, expires, tags, unique, key, ordered, cost, link, linkError } = rules
    if (ordered && key === undefined) throw new InvalidOptionError(`A call of '${task}', which is ordered,`, key, "a key, such as with({ key: 'tenant-7' }): jobs are ordered among those of their key")
    const lead = leadOf({ ...headerOf(rules, ownRules, version), ...(linked ? { linked } : {}) })
    const whose = `The arguments of '${task}'`
    const queue = rules.queue === ruleDefaults.queue ? routes.find(([pattern]) => pattern.test(task))?.[1] ?? rules.queue : rules.queue
    // What is linked, or takes another's place, is known to the payload store by no name.
    const mayBeLarge = hasPayloads && !linked && unique?.taken !== 'replace'
    const isUsual = !unique && key === undefined && cost === 1 && link.length + linkError.length === 0
    return (args) => {
      const payload = encode(args, whose, 'args', lead)
      if (payload.length > payloadLimit && !mayBeLarge) throw new PayloadTooLargeError(`The call of '${task}'`, payload.length, payloadLimit)
      const usual = { id: nextId(), task, queue, place, priority, payload, delay, expires, tags }
      if (isUsual) return usual
      const links = [...this.#links('success', link), ...this.#links('failure', linkError)]
      return {
        ...usual,
        ...(key === undefined ? {} : { key, ...(ordered ? { ordered } : {}) }),
        ...(cost === 1 ? {} : { cost }),
        ...(unique ? { unique: uniqueRule(task, unique, args) } : {}),
        ...(links.length > 0 ? { links } : {})
      }
    }
  }

  #links(on: Link['on'], calls: readonly TaskCall[]): Link[] {
    return calls.map(({ task, args }) => ({ on, job: this.#maker(this.known(task, 'link'), true)(args) }))
  }
}

/** What `enqueueMany` is given. @throws InvalidOptionError */
export function listOf(calls: Iterable<readonly unknown[]>): (readonly unknown[])[] {
  if (typeof calls !== 'object' || calls === null || !(Symbol.iterator in calls)) throw new InvalidOptionError('enqueueMany()', calls, 'an iterable with the arguments of each call')
  return Array.from(calls)
}

/** What the schema says of the arguments. Others may be refused before it has: then nobody hears of it, and need not. */
function said(definition: EnqueuedTask, args: readonly unknown[]): unknown {
  const check = checkedArgs(definition, args)
  if (check instanceof Promise) check.catch(() => {})
  return check
}
