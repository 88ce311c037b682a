import type { Reporter } from '../edges.ts'
import { debug, endGroup, error, group, notice, warning } from './commands.ts'
import { uncommanded, visibleLines } from './visible.ts'

/** Takes text for standard output, line ends included. */
export type Write = (text: string) => void

/** A reporter that speaks to a runner. No text can become a command, whoever wrote it. */
export function makeReporter(write: Write): Reporter {
  let open = 0
  return {
    debug: (line) => write(debug(shown(line))),
    info: (line) => write(plain(line)),
    notice: (message) => write(notice(shown(message))),
    warn: (message) => write(warning(shown(message))),
    group: async (title, body) => {
      // Groups do not nest: the inner one would close the outer, so it is a line of it.
      write(open === 0 ? group(visibleLines(title).join(' ')) : plain(title))
      open += 1
      try {
        return await body()
      } finally {
        open -= 1
        if (open === 0) write(endGroup())
      }
    },
  }
}

/** The one error annotation of a red step. */
export function errorAnnotation(message: string): string {
  return error(shown(message))
}

function plain(text: string): string {
  return `${visibleLines(text).map(uncommanded).join('\n')}\n`
}

function shown(text: string): string {
  return visibleLines(text).join('\n')
}
