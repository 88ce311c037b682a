import type { SignalSource } from './cancel.ts'
import type { ProcessVariables } from './form.ts'
import type { Write } from './reporter.ts'

/** What the program gets from the process it runs in. */
export type Surroundings = {
  /** the file that was started */
  readonly program: string
  readonly variables: ProcessVariables
  readonly signals: SignalSource
  readonly directory: string
  readonly write: Write
}

/** The one place that touches `process`. */
export function surroundings(): Surroundings {
  return {
    program: process.argv[1] ?? '',
    variables: process.env,
    signals: process,
    directory: process.cwd(),
    write: (text) => {
      process.stdout.write(text)
    },
  }
}
