import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KeptFile } from '../edges.ts'
import { isDiskFull, LadingError } from '../error.ts'
import { appendRecord, appendText } from './file-command.ts'
import type { ProcessVariables } from './form.ts'

// GitHub takes 1 MiB for each step, and drops all of a summary that is longer.
const LARGEST_SUMMARY = 900 * 1024
const CUT = '\n\n*The rest of this summary is left out: it is too long. The report file has everything.*\n'

/** Sets the outputs of the step; without a runner there is nobody to take them. */
export function writeOutputs(variables: ProcessVariables, outputs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(outputs)) appendRecord(variables['GITHUB_OUTPUT'], name, value)
}

/** Adds Markdown to the job summary, cut at the end of a line when it is longer than GitHub takes. */
export function writeSummary(variables: ProcessVariables, markdown: string): void {
  const file = variables['GITHUB_STEP_SUMMARY']
  if (file !== undefined && file !== '') appendText(file, `${cutToSize(markdown)}\n`)
}

/**
 * Writes a file and says where. In a folder that the user named it replaces the one of an earlier run; in the shared
 * temp folder it takes the next free name, so that two steps of a job keep theirs. Throws `DISK_FULL` or `INPUT_INVALID`.
 */
export async function writeKept(directory: string, file: KeptFile, named: boolean): Promise<string> {
  try {
    await mkdir(directory, { recursive: true })
    return named ? await replace(directory, file) : await addBeside(directory, file)
  } catch (cause) {
    const full = isDiskFull(cause)
    throw new LadingError(
      full ? 'DISK_FULL' : 'INPUT_INVALID',
      `writing ${file.name}.${file.extension} to ${directory} failed`,
      {
        cause,
        ...(full ? {} : { hint: 'Name a folder in `report-dir` that this job may write to.' }),
      },
    )
  }
}

function cutToSize(markdown: string): string {
  const bytes = Buffer.from(markdown)
  if (bytes.length <= LARGEST_SUMMARY) return markdown
  // A cut between lines is a cut between characters too.
  const end = bytes.lastIndexOf('\n', LARGEST_SUMMARY)
  const kept = bytes.toString('utf8', 0, Math.max(end, 0))
  return `${kept}${closeDetails(kept)}${CUT}`
}

// A fold that stays open would swallow the note.
function closeDetails(markdown: string): string {
  const open = markdown.split('<details').length - markdown.split('</details>').length
  return open > 0 ? `\n\n${'</details>\n'.repeat(open)}` : ''
}

async function replace(directory: string, { name, extension, text }: KeptFile): Promise<string> {
  const file = join(directory, `${name}.${extension}`)
  await writeFile(file, text)
  return file
}

async function addBeside(directory: string, { name, extension, text }: KeptFile): Promise<string> {
  for (let count = 1; ; count += 1) {
    const file = join(directory, `${name}${count === 1 ? '' : `-${count}`}.${extension}`)
    try {
      // `wx` also refuses a link that somebody put into a temp folder that many use.
      await writeFile(file, text, { flag: 'wx' })
      return file
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
    }
  }
}
