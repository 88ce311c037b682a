import { normalPlatform, type Platform } from '../image/platform.ts'

/** Architectures that may stand alone, the system being that of the machine (regclient's `types/platform`, `knownArch`). */
const ALONE = new Set(
  '386 amd64 i386 x86_64 x86-64 arm armhf armel arm64 aarch64 mips mips64 mips64le ppc ppc64 ppc64le loong64 riscv riscv64 s390 s390x sparc sparc64 wasm'.split(
    ' ',
  ),
)

/**
 * Reads a platform as regclient's `platform.Parse` does: `linux/arm64/v8`, `arm64`, `local`, `windows/amd64,osver=10.0.1`.
 * What is left away is that of `machine`. `undefined`: it is none.
 */
export function parsePlatform(text: string, machine: string): Platform | undefined {
  const [name = '', ...options] = text.split(',')
  const osVersion = versionOf(options.join(','))
  const parts = name.toLowerCase().split('/')
  if (osVersion === undefined || parts.length > 3 || !parts.every((part) => /^[a-z0-9_-]+$/.test(part)))
    return undefined
  const [os = '', architecture, variant] = normalPlatform(complete(parts, machine).join('/')).split('/')
  if (architecture === undefined) return undefined
  return {
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === '' ? {} : { osVersion }),
  }
}

function complete(parts: readonly string[], machine: string): readonly string[] {
  const [system = '', ...rest] = machine.split('/')
  const [first = '', ...more] = parts
  if (parts.length === 1 && ALONE.has(first)) return [system, first]
  const os = first === 'local' ? system : first
  return more.length === 0 ? [os, ...(os === system ? rest : [])] : [os, ...more]
}

function versionOf(options: string): string | undefined {
  if (options === '') return ''
  return /^\s*os(?:ver|version)\s*=\s*([\w.-]+)\s*$/i.exec(options)?.[1]
}
