import type { Instruction, ModifiableInstruction } from 'dockerfile-ast'

/** What a Dockerfile says about where its stages come from; words as written, variables not yet replaced. */
export type Dockerfile = {
  /** the image of `# syntax=`, which reads the rest of the file */
  readonly syntax?: string
  readonly escape: string
  /** `ARG`s before the first stage, as `NAME` or `NAME=default`: the only ones that a `FROM` can use */
  readonly globals: readonly string[]
  readonly stages: readonly Stage[]
}

export type Stage = {
  /** of its `FROM`, from 1 */
  readonly line: number
  readonly base: string
  /** of `--platform=`; empty when it has none */
  readonly platform: string
  /** in lower case, as BuildKit compares it; empty when it has none */
  readonly name: string
  /** of `COPY --from=` and `RUN --mount=…,from=`: a stage's name, its number, or an image */
  readonly sources: readonly string[]
}

const DIRECTIVE = /^(?<mark>#|\/\/)\s*(?<key>[a-zA-Z][a-zA-Z0-9]*)\s*=\s*(?<value>\S+)/

/** Reads the stages of a Dockerfile. Text that is none gives few stages or none; the parser may throw on it. */
export async function parseDockerfile(text: string): Promise<Dockerfile> {
  // Loaded when a build needs it: the first line of a step does not wait for a parser.
  const { DockerfileParser } = await import('dockerfile-ast')
  const file = DockerfileParser.parse(text)
  const instructions = file.getInstructions()
  const froms = instructions.flatMap((instruction, at) => (instruction.getKeyword() === 'FROM' ? [at] : []))
  const globals = instructions.slice(0, froms[0] ?? 0).filter((instruction) => instruction.getKeyword() === 'ARG')
  return {
    ...readSyntax(text),
    escape: file.getEscapeCharacter(),
    globals: globals.flatMap((instruction) => instruction.getArguments().map((argument) => argument.getValue())),
    stages: froms.map((from, index) => readStage(instructions.slice(from, froms[index + 1]))),
  }
}

/** The stage that a text means, by its name or its number (BuildKit, `instructions/parse.go`, HasStage). */
export function findStage(stages: readonly Stage[], nameOrNumber: string): number | undefined {
  const named = findName(stages, nameOrNumber)
  if (named !== undefined || !/^\d{1,6}$/.test(nameOrNumber)) return named
  return Number(nameOrNumber) < stages.length ? Number(nameOrNumber) : undefined
}

export function findName(stages: readonly Stage[], name: string): number | undefined {
  const found = name === '' ? -1 : stages.findLastIndex((stage) => stage.name === name.toLowerCase())
  return found < 0 ? undefined : found
}

/**
 * The image of the directive `syntax` (BuildKit, `parser/directives.go`): it stands above everything but a `#!` line
 * and other directives, after `#`, or after `//` for languages other than Dockerfile's.
 */
function readSyntax(text: string): { readonly syntax?: string } {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  if (lines[0]?.startsWith('#!')) lines.shift()
  for (const mark of ['#', '//']) {
    const directives = lines.map((line) => DIRECTIVE.exec(line))
    const end = directives.findIndex((directive) => directive?.groups?.['mark'] !== mark)
    const found = directives
      .slice(0, end < 0 ? undefined : end)
      .find((directive) => /^syntax$/i.test(directive?.groups?.['key'] ?? ''))
    const syntax = found?.groups?.['value']
    if (syntax !== undefined) return { syntax }
  }
  return {}
}

function readStage(instructions: readonly Instruction[]): Stage {
  const [from, ...rest] = instructions
  const [base, as, name] = from?.getArguments().map((argument) => argument.getValue()) ?? []
  return {
    line: (from?.getRange().start.line ?? 0) + 1,
    base: base ?? '',
    platform:
      from === undefined
        ? ''
        : (flagsOf(from)
            .find((flag) => flag.getName() === 'platform')
            ?.getValue() ?? ''),
    name: as?.toLowerCase() === 'as' ? (name ?? '').toLowerCase() : '',
    sources: rest.flatMap(readSources),
  }
}

function readSources(instruction: Instruction): string[] {
  const flags = flagsOf(instruction)
  const values =
    instruction.getKeyword() === 'RUN'
      ? flags.filter((flag) => flag.getName() === 'mount').map((flag) => flag.getOption('from')?.getValue())
      : flags.filter((flag) => flag.getName() === 'from').map((flag) => flag.getValue())
  return values.flatMap((value) => value || [])
}

function flagsOf(instruction: Instruction): readonly Flag[] {
  return isModifiable(instruction) ? instruction.getFlags() : []
}

type Flag = ReturnType<ModifiableInstruction['getFlags']>[number]

function isModifiable(instruction: Instruction): instruction is ModifiableInstruction {
  return 'getFlags' in instruction
}
