import { stripVTControlCharacters } from 'node:util'

const graphemes = new Intl.Segmenter()
const wide = /^[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}|\uFE0F/u
const colours = /(\p{Cc}\[[\d;]*m)/u
const plain = /^[\u0020-\u007E\u2500-\u259F–…×]*$/
const controls = /\p{Cc}+/gu

/** How many columns of a terminal a text takes; styled text as it looks. */
export function widthOf(text: string): number {
  const bare = stripVTControlCharacters(text)
  if (plain.test(bare)) return bare.length
  let width = 0
  for (const { segment } of graphemes.segment(bare)) width += wide.test(segment) ? 2 : 1
  return width
}

/** The text, or as much of it as takes no more than so many columns. Its colours end where it ends. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let left = columns - 1
  let kept = ''
  for (const [index, part] of text.split(colours).entries()) {
    if (index % 2 === 1) {
      kept += part
      continue
    }
    for (const { segment } of graphemes.segment(part)) {
      left -= widthOf(segment)
      if (left < 0) return `${kept}${columns > 0 ? '…' : ''}${colours.test(kept) ? '\u001B[0m' : ''}`
      kept += segment
    }
  }
  return kept
}

/** Text of others on one line, without anything that would move the cursor or change the colours. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(controls, ' ').trim()
}
