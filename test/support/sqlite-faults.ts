import { DatabaseSync, StatementSync } from 'node:sqlite'

/** What is to happen to the statements of one database. */
export class Fate {
  #way: 'there' | 'back' = 'there'
  #left = Infinity
  readonly #then: 'fails' | 'dies'
  readonly #dies: (() => void) | undefined
  database: DatabaseSync | undefined
  isDead = false
  /** How often it came. */
  count = 0

  /**
   * @param then the statement fails; or nothing more is done at all, as by a program that dies
   * @param dies ends it in earnest
   */
  constructor(then: 'fails' | 'dies', dies?: () => void) {
    this.#then = then
    this.#dies = dies
  }

  /** After so many statements more it comes instead of the next one; or, on the way back, after so many commits, once the next is done. What fails is never done. */
  arm(way: 'there' | 'back', after: number): void {
    this.#way = this.#then === 'fails' ? 'there' : way
    this.#left = after % (this.#way === 'there' ? 40 : 3)
  }

  meet<T>(statement: () => T, sql: string): T {
    if (this.isDead) throw failure()
    // SQLite does this one by itself where the disk fails.
    if ((sql === 'ROLLBACK' && this.#then === 'fails') || (this.#way === 'back' && sql !== 'COMMIT') || this.#left-- > 0) return statement()
    this.#left = Infinity
    this.count++
    if (this.#way === 'back') statement()
    this.#dies?.()
    this.isDead = this.#then === 'dies'
    throw failure()
  }
}

/** Runs what opens a database, at once, whose fate that is from now on. */
export function fated<T>(fate: Fate, open: () => T): T {
  opening = fate
  try {
    return open()
  } finally {
    opening = undefined
  }
}

let opening: Fate | undefined
const fates = new WeakMap<object, Fate>()

function failure(): Error {
  return Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 })
}

type Method = (this: object, ...args: unknown[]) => unknown

function wrap(prototype: object, names: readonly string[], wrapped: (method: Method) => Method): void {
  const methods = prototype as Record<string, Method>
  for (const name of names) methods[name] = wrapped(methods[name]!)
}

/** From now on, in this thread, databases may have a `Fate`. */
export function letFatesHappen(): void {
  wrap(DatabaseSync.prototype, ['prepare'], (method) => function (...args) {
    const fate = fateOf(this as DatabaseSync)
    const statement = method.apply(this, args) as object
    if (fate) fates.set(statement, fate)
    return statement
  })
  wrap(DatabaseSync.prototype, ['exec'], (method) => function (...args) {
    const fate = fateOf(this as DatabaseSync)
    return fate ? fate.meet(() => method.apply(this, args), String(args[0])) : method.apply(this, args)
  })
  wrap(StatementSync.prototype, ['run', 'get', 'all'], (method) => function (...args) {
    const fate = fates.get(this)
    return fate ? fate.meet(() => method.apply(this, args), (this as StatementSync).sourceSQL) : method.apply(this, args)
  })
}

function fateOf(database: DatabaseSync): Fate | undefined {
  if (opening && !fates.has(database)) {
    opening.database = database
    fates.set(database, opening)
  }
  return fates.get(database)
}
