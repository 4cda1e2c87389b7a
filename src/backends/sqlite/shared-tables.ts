import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SharedKind } from '../shared-store.ts'
import { type Counts, type SharedLine, type SharedTables, type Ticket, countNames, noCounts } from '../shared/tables.ts'

const ticketColumns = 'session, ticket, kind, name, line, seq, fence'

const sql = {
  lastNumber: "SELECT value FROM treadle_meta WHERE key = 'shared_number'",
  setLastNumber: "INSERT OR REPLACE INTO treadle_meta (key, value) VALUES ('shared_number', ?)",
  lease: 'SELECT 1 FROM treadle_shared_sessions WHERE id = ?',
  renew: 'INSERT INTO treadle_shared_sessions (id, lease_until) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until',
  forget: 'DELETE FROM treadle_shared_sessions WHERE id = ?',
  expired: 'SELECT id FROM treadle_shared_sessions WHERE lease_until <= ? ORDER BY lease_until, id',
  nextEnd: 'SELECT min(lease_until) FROM treadle_shared_sessions',
  tell: 'UPDATE treadle_shared_sessions SET news = news + 1 WHERE id = ?',
  news: 'SELECT news FROM treadle_shared_sessions WHERE id = ?',
  counts: `SELECT ${countNames.map((name) => `"${name}"`).join(', ')} FROM treadle_shared_things WHERE kind = ? AND name = ?`,
  setCounts: `INSERT OR REPLACE INTO treadle_shared_things (kind, name, ${countNames.map((name) => `"${name}"`).join(', ')}) VALUES (?, ?, ${countNames.map(() => '?').join(', ')})`,
  dropCounts: 'DELETE FROM treadle_shared_things WHERE kind = ? AND name = ?',
  ticket: `SELECT ${ticketColumns} FROM treadle_shared_tickets WHERE session = ? AND ticket = ?`,
  ticketsOf: `SELECT ${ticketColumns} FROM treadle_shared_tickets WHERE session = ?`,
  keep: `INSERT OR REPLACE INTO treadle_shared_tickets (${ticketColumns}) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  drop: 'DELETE FROM treadle_shared_tickets WHERE session = ? AND ticket = ?',
  first: `SELECT ${ticketColumns} FROM treadle_shared_tickets WHERE kind = ? AND name = ? AND line = ? AND fence IS NULL ORDER BY seq LIMIT 1`,
  all: `SELECT ${ticketColumns} FROM treadle_shared_tickets WHERE kind = ? AND name = ? AND line = ? AND fence IS NULL ORDER BY seq`,
  keepItem: 'INSERT INTO treadle_shared_items (seq, item) VALUES (?, ?)',
  item: 'SELECT item FROM treadle_shared_items WHERE seq = ?',
  itemLength: 'SELECT length(item) FROM treadle_shared_items WHERE seq = ?',
  dropItem: 'DELETE FROM treadle_shared_items WHERE seq = ?',
  push: 'INSERT INTO treadle_shared_queued (name, seq) VALUES (?, ?)',
  shift: 'DELETE FROM treadle_shared_queued WHERE name = ?1 AND seq = (SELECT min(seq) FROM treadle_shared_queued WHERE name = ?1) RETURNING seq',
  value: 'SELECT value FROM treadle_shared_values WHERE name = ?',
  setValue: 'INSERT OR REPLACE INTO treadle_shared_values (name, value) VALUES (?, ?)',
  dropValue: 'DELETE FROM treadle_shared_values WHERE name = ?'
} as const

type Row = readonly unknown[]
type TicketRow = [session: string, ticket: number, kind: SharedKind, name: string, line: SharedLine, seq: number, fence: number | null]

/** Shared things in a SQLite file; within a transaction of the engine's. */
export class SqliteSharedTables implements SharedTables {
  readonly #sql: Readonly<Record<keyof typeof sql, StatementSync>>

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(Object.entries(sql).map(([name, text]) => {
      const statement = db.prepare(text)
      statement.setReturnArrays(true)
      return [name, statement]
    })) as Record<keyof typeof sql, StatementSync>
  }

  lastNumber(): number {
    return Number(this.#get('lastNumber')?.[0] ?? 0)
  }

  setLastNumber(number: number): void {
    this.#sql.setLastNumber.run(number)
  }

  hasSession(session: string): boolean {
    return this.#get('lease', session) !== undefined
  }

  renew(session: string, until: number): void {
    this.#sql.renew.run(session, until)
  }

  forget(session: string): void {
    this.#sql.forget.run(session)
  }

  expired(now: number): string[] {
    return this.#sql.expired.all(now).map((row) => (row as unknown as Row)[0] as string)
  }

  nextEnd(): number | undefined {
    return (this.#get('nextEnd')?.[0] ?? undefined) as number | undefined
  }

  /** Other processes look whether this number of the session has risen. */
  tell(session: string): void {
    this.#sql.tell.run(session)
  }

  news(session: string): number | undefined {
    return this.#get('news', session)?.[0] as number | undefined
  }

  counts(kind: SharedKind, name: string): Counts {
    const row = this.#get('counts', kind, name)
    return row ? Object.fromEntries(countNames.map((count, at) => [count, row[at]])) as unknown as Counts : { ...noCounts }
  }

  setCounts(kind: SharedKind, name: string, counts: Readonly<Counts>): void {
    const all = countNames.map((count) => counts[count])
    if (all.some((count) => count !== 0)) this.#sql.setCounts.run(kind, name, ...all)
    else this.#sql.dropCounts.run(kind, name)
  }

  ticket(session: string, ticket: number): Ticket | undefined {
    return ticketOf(this.#get('ticket', session, ticket))
  }

  ticketsOf(session: string): readonly Ticket[] {
    return this.#sql.ticketsOf.all(session).map((row) => ticketOf(row as unknown as Row)!)
  }

  keep({ session, ticket, kind, name, line, seq, fence }: Ticket): void {
    this.#sql.keep.run(session, ticket, kind, name, line, seq, fence ?? null)
  }

  drop({ session, ticket }: Ticket): void {
    this.#sql.drop.run(session, ticket)
  }

  first(kind: SharedKind, name: string, line: SharedLine): Ticket | undefined {
    return ticketOf(this.#get('first', kind, name, line))
  }

  all(kind: SharedKind, name: string, line: SharedLine): readonly Ticket[] {
    return this.#sql.all.all(kind, name, line).map((row) => ticketOf(row as unknown as Row)!)
  }

  keepItem(seq: number, item: Uint8Array): void {
    this.#sql.keepItem.run(seq, item)
  }

  item(seq: number): Uint8Array {
    return this.#get('item', seq)![0] as Uint8Array
  }

  itemLength(seq: number): number {
    return this.#get('itemLength', seq)![0] as number
  }

  dropItem(seq: number): void {
    this.#sql.dropItem.run(seq)
  }

  push(queue: string, seq: number): void {
    this.#sql.push.run(queue, seq)
  }

  shift(queue: string): number {
    return this.#get('shift', queue)![0] as number
  }

  value(name: string): Uint8Array | undefined {
    return this.#get('value', name)?.[0] as Uint8Array | undefined
  }

  setValue(name: string, value: Uint8Array | undefined): void {
    if (value) this.#sql.setValue.run(name, value)
    else this.#sql.dropValue.run(name)
  }

  #get(name: keyof typeof sql, ...values: (string | number)[]): Row | undefined {
    return this.#sql[name].get(...values) as unknown as Row | undefined
  }
}

function ticketOf(row: Row | undefined): Ticket | undefined {
  if (!row) return undefined
  const [session, ticket, kind, name, line, seq, fence] = row as unknown as TicketRow
  return { session, ticket, kind, name, line, seq, fence: fence ?? undefined }
}
