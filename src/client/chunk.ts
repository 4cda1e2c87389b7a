import { type CopyRules, cloning, findUncloneable } from '../wire/uncloneable.ts'
import { BatchWriter, type ValueBatch, isTyped, partOf, piece, sizeOf } from '../wire/value-batch.ts'
import type { Items } from './item-reader.ts'

/** Items of a source that follow each other: as they are there, or as they were read to be sent. */
export interface Chunk {
  /** The place of the first in the source. */
  readonly at: number
  readonly items: Items | ValueBatch
}

/** A chunk as it is sent, and what of it comes after that. */
export interface Packed {
  readonly batch: ValueBatch
  readonly rest: Chunk | undefined
  /** Why the first of those that come after cannot be sent. */
  readonly refused?: { readonly error: unknown }
}

export function isRead(items: Items | ValueBatch): items is ValueBatch {
  return !('list' in items)
}

export function lengthOf({ items }: Chunk): number {
  return isRead(items) ? sizeOf(items) : items.to - items.from
}

/** The chunk from that item on. Undefined where there is none. */
export function after(chunk: Chunk, count: number): Chunk | undefined {
  const { at, items } = chunk
  if (count >= lengthOf(chunk)) return undefined
  return { at: at + count, items: isRead(items) ? partOf(items, count) : { ...items, from: items.from + count } }
}

/** The first items of a chunk. */
export function before(chunk: Chunk, count: number): Chunk {
  const { at, items } = chunk
  if (count >= lengthOf(chunk)) return chunk
  return { at, items: isRead(items) ? partOf(items, 0, count) : { ...items, to: items.from + count } }
}

/** Reads the items of a chunk as they are now, as far as they can be sent. */
export function pack(chunk: Chunk, task: string, { shares }: CopyRules): Packed {
  const { at, items } = chunk
  if (isRead(items)) return { batch: items, rest: undefined }
  const { list, from, to } = items
  if (isTyped(list)) return { batch: piece(list, from, to, shares), rest: undefined }
  const writer = new BatchWriter(to - from, (index) => [`Item ${at + index} of '${task}'`, `items[${at + index}]`])
  try {
    for (let index = from; index < to && !writer.full; index++) writer.add(list[index])
  } catch (error) {
    return { batch: writer.batch, rest: after(chunk, writer.count), refused: { error } }
  }
  return { batch: writer.batch, rest: after(chunk, writer.count) }
}

/** The first item, where the only reason why it cannot be sent as bytes is that it holds memory that threads share. */
export function onlyShared({ items }: Chunk): object | undefined {
  const item = isRead(items) ? undefined : items.list[items.from]
  return typeof item === 'object' && item !== null && findUncloneable(item, '', cloning) === undefined ? item : undefined
}
