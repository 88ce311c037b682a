import { StringDecoder } from 'node:string_decoder'

const LONGEST_LINE = 16 * 1024

/** Takes bytes as they come and hands out lines. */
export type LineSplitter = { readonly feed: (chunk: Uint8Array) => void; readonly end: () => void }

/** Splits a stream into lines, ended by LF, CR LF or a bare CR (progress bars); a long one is cut, so memory is bounded. */
export function splitIntoLines(onLine: (line: string) => void): LineSplitter {
  const decoder = new StringDecoder('utf8')
  let line = ''
  let afterReturn = false
  const take = (piece: string) => {
    if (line.length < LONGEST_LINE) line += piece.slice(0, LONGEST_LINE - line.length)
  }
  const close = () => {
    onLine(line)
    line = ''
  }
  const read = (text: string) => {
    // A CR LF may be cut in two by the pipe: its LF then ends nothing more.
    const rest = afterReturn && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') afterReturn = text.endsWith('\r')
    const pieces = rest.split(/\r\n|\r|\n/)
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) close()
      take(piece)
    }
  }
  return {
    feed: (chunk) => read(decoder.write(Buffer.from(chunk))),
    end: () => {
      read(decoder.end())
      if (line !== '') close()
    },
  }
}
